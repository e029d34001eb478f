package serve

// Result is what one call of Process did.
type Result struct {
	N     int    // bytes consumed from the front of in
	Out   []byte // out with the replies appended
	Need  int    // > 0: do not call again before this many bytes stand in in
	More  bool   // stopped only because out is full enough: write it, then call again with the rest
	Close bool   // write out, then close
}
