// Package rig runs the real program for tests: nodes as processes, on addresses of
// 127.0.0.0/8 that each test has to itself, and plain connections to them. Only tests
// import it.
package rig
