// Package compose runs a compose file for a test, in a project of the test's own.
package compose
