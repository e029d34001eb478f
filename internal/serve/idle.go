package serve

import "time"

// idleCheck is how often conns are looked at for Config.IdleTimeout, which counts whole seconds, as memcached's does.
const idleCheck = time.Second

// kickIdle closes idle conns from time to time until the server ends. Conns of a unix socket stay: as in memcached, it is
// clients out of reach, of which no end may ever be heard, that the timeout is for.
func (s *Server) kickIdle() {
	if !s.mayKick() {
		return
	}
	go func() {
		t := time.NewTicker(idleCheck)
		defer t.Stop()
		for {
			select {
			case <-s.quit:
				return
			case <-t.C:
				s.eng.kickIdle()
			}
		}
	}()
}

// mayKick tells whether there is a timeout for the conns of this server.
func (s *Server) mayKick() bool { return s.cfg.IdleTimeout > 0 && s.cfg.UnixSocket == "" }

// isIdle tells whether a conn whose last request ended at seen, in Unix seconds, has been idle for too long.
func (s *Server) isIdle(seen, nowMillis int64) bool {
	return s.mayKick() && nowMillis/1000-seen > int64(s.cfg.IdleTimeout/time.Second)
}
