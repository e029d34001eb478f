package serve

import "time"

// mayKick tells whether there is a timeout for the conns of this server. Those of a unix socket stay: as in memcached, it is
// clients out of reach, of which no end may ever be heard, that the timeout is for.
func (s *Server) mayKick() bool { return s.cfg.IdleTimeout > 0 && s.cfg.UnixSocket == "" }

// isIdle tells whether a conn whose last request ended at seen, in Unix seconds, has been idle for too long.
func (s *Server) isIdle(seen, nowMillis int64) bool {
	return s.mayKick() && nowMillis/1000-seen > int64(s.cfg.IdleTimeout/time.Second)
}
