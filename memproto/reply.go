package memproto

// Every fixed reply line, as memcached spells it.
const (
	replyStored    = "STORED\r\n"
	replyNotStored = "NOT_STORED\r\n"
	replyExists    = "EXISTS\r\n"
	replyNotFound  = "NOT_FOUND\r\n"
	replyDeleted   = "DELETED\r\n"
	replyTouched   = "TOUCHED\r\n"
	replyOK        = "OK\r\n"
	replyEnd       = "END\r\n"
	replyReset     = "RESET\r\n"

	replyError         = "ERROR\r\n"
	replyBadChunk      = "CLIENT_ERROR bad data chunk\r\n"
	replyBadFormat     = "CLIENT_ERROR bad command line format\r\n"
	replyLineTooLong   = "CLIENT_ERROR line too long\r\n"
	replyBadExptime    = "CLIENT_ERROR invalid exptime argument\r\n"
	replyBadDelta      = "CLIENT_ERROR invalid numeric delta argument\r\n"
	replyNonNumeric    = "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"
	replyDeleteUsage   = "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n"
	replyNoFlush       = "CLIENT_ERROR flush_all not allowed\r\n"
	replyNoWatch       = "CLIENT_ERROR watch commands not allowed\r\n"
	replyNoCachedump   = "CLIENT_ERROR stats cachedump not allowed\r\n"
	replyNoShutdown    = "ERROR: shutdown not enabled\r\n"
	replyBinary        = "CLIENT_ERROR the binary protocol is switched off, use text\r\n"
	replyTooLarge      = "SERVER_ERROR object too large for cache\r\n"
	replyNoMemoryStore = "SERVER_ERROR out of memory storing object\r\n"
	replyNoMemory      = "SERVER_ERROR out of memory\r\n"
)
