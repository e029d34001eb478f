package serve

// The states of a conn, in memcached's words.
const (
	stateRead uint32 = iota
	stateNread
	stateMwrite
	stateClosing
	stateWatch
)

var stateNames = [...]string{
	stateRead:    "conn_read",
	stateNread:   "conn_nread",
	stateMwrite:  "conn_mwrite",
	stateClosing: "conn_closing",
	stateWatch:   "conn_watch",
}
