// Package strictv1 says whether a node keeps to version 1 of the replication protocol. It is
// for tests: a simulation shows it every frame that a node sends to a peer of the first
// release, which knows no features.
//
// It follows docs/protocol.md and shares no code with package wire, nor with anything else of
// this project: what wire's own decoder would let through by mistake, it finds. It is as strict
// as the document is with a sender. A receiver has to take more than that, such as elements
// that a later release appends.
//
// Conn has the rules that need more than one frame. parse has those of a single one.
package strictv1
