// Package pair runs two nodes on this machine, and lets a person stop, kill and start
// them from the keyboard: to see what a pair does before there are two machines.
package pair
