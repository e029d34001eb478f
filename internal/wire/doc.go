// Package wire is what two nodes say to each other: frames, and the records
// inside them, as bytes. It knows no socket, no clock and no order of frames;
// docs/protocol.md is the contract it keeps.
//
// A frame is
//
//	u32be length | u32be crc32c(body) | body
//
// and a body is one msgpack array [type, fields...]. Writer makes frames, Split
// finds and checks one in a read buffer, Decoder takes a body apart.
//
// This is the only package that imports msgpack, and it uses direct calls only:
// the library's generic decode allocates what a stranger claims.
package wire
