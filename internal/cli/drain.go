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
// the node still at it; with an image only the waiting, and a third one the process.
func drain(n *node.Node, log *slog.Logger, why string, signals <-chan os.Signal) error {
	log.Info("draining", nodelog.Draining, "signal", why)
	refused := n.Refused()
	left := make(chan uint64, 1)
	go func() { left <- n.Drain() }()
	err := drained(left, log, signals, n.Hasten)
	if err == nil && refused {
		return exitWith(exitShut, errors.New("it never served, as its peer is there and one of the two refuses to link: the log says why"))
	}
	return err
}

// drained waits for what a drain leaves, or for the signal that ends it. hasten says whether there
// is something to come that is worth one signal more.
func drained(left <-chan uint64, log *slog.Logger, signals <-chan os.Signal, hasten func() bool) error {
	which, lost := "second", "items may not be on the peer"
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
			switch {
			case time.Now().Before(again):
				log.Info("draining goes on: signals within a second count as one", nodelog.SignalAgain, "signal", sig.String())
			case which == "second" && hasten():
				which, lost, again = "third", "the image may be missing, and items may not be on the peer", time.Now().Add(sameSignal)
				log.Warn("draining waits for the peer no longer; when the image is written the node ends", nodelog.Hastened, "signal", sig.String())
			default:
				return exitWith(exitLeft, fmt.Errorf("stopped by a %s signal (%v) while draining; %s", which, sig, lost))
			}
		}
	}
}
