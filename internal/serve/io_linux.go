package serve

import "fmt"

// tryIO finds out at start, and not when the client port should open, whether cfg asks for an io_uring that is not to be had.
func tryIO(cfg *Config) error {
	if cfg.IO != IOUring {
		return nil
	}
	for range max(cfg.Threads, 1) {
		r, err := newRing()
		if err != nil {
			return fmt.Errorf("serve: --io=uring: %w; --io=auto goes without", err)
		}
		defer r.close() // not before all are there: what they take together has a limit
	}
	return nil
}

// giveRings gives each loop an io_uring, or none does.
func (ls *loops) giveRings() error {
	ls.s.engine = EngineEpoll
	if ls.s.cfg.IO == IOEpoll {
		return nil
	}
	for _, l := range ls.loops {
		ring, err := newRing()
		if err != nil {
			ls.dropRings()
			if ls.s.cfg.IO == IOUring {
				return fmt.Errorf("serve: --io=uring: %w", err)
			}
			ls.s.whyEpoll = err.Error()
			return nil
		}
		l.ring = ring
	}
	ls.s.engine = EngineUring
	return nil
}

func (ls *loops) dropRings() {
	for _, l := range ls.loops {
		if l.ring != nil {
			l.ring.close()
			l.ring = nil
		}
	}
}
