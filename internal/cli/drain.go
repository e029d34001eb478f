package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"twincached/internal/node"
	"twincached/internal/nodelog"
)

// sameSignal is how long after the first signal another one counts as the same:
// process managers and timeout(1) signal the process and its group, milliseconds apart.
const sameSignal = time.Second

// drain stops the node as planned. A second signal ends the process now, with
// the node still at it.
func drain(n *node.Node, log *slog.Logger, why string, signals <-chan os.Signal) error {
	log.Info("draining", nodelog.Draining, "signal", why)
	refused := n.Refused()
	left := make(chan uint64, 1)
	go func() { left <- n.Drain() }()
	err := drained(left, log, signals)
	if err == nil && refused {
		return exitWith(exitShut, errors.New("it never served, as its peer is there and one of the two refuses to link: the log says why"))
	}
	return err
}

// drained waits for what a drain leaves, or for a second signal.
func drained(left <-chan uint64, log *slog.Logger, signals <-chan os.Signal) error {
	for again := time.Now().Add(sameSignal); ; {
		select {
		case items := <-left:
			switch {
			case items == 1:
				return exitWith(exitLeft, errors.New("stopped; 1 item is not on a live peer"))
			case items > 1:
				return exitWith(exitLeft, fmt.Errorf("stopped; %d items are not on a live peer", items))
			}
			log.Info("stopped", nodelog.Stopped)
			return nil
		case sig := <-signals:
			if !time.Now().Before(again) {
				return exitWith(exitLeft, fmt.Errorf("stopped by a second signal (%v) while draining; items may not be on the peer", sig))
			}
			log.Info("draining goes on: signals within a second count as one", nodelog.SignalAgain, "signal", sig.String())
		}
	}
}
