// Package cli is the command line. Flags, their variables and the file of --config
// become a node.Config (nodeoptions.go); each subcommand has its own file. What the
// words ask for is done elsewhere: internal/node runs a node.
package cli
