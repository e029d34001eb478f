package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"twincached/internal/metrics"
	"twincached/internal/node"
	"twincached/internal/nodelog"
)

// serveNode runs one node until a signal ends it.
func (p *program) serveNode(s settings) error {
	if os.Geteuid() == 0 && s.User == "" {
		return exitWith(exitUsage, errors.New("can't run as root without the -u switch: -u nobody becomes that user, -u root stays root"))
	}
	who, err := lookupUser(s.User)
	if err != nil {
		return exitWith(exitNoUser, err)
	}
	if s.Daemon && !inBackground() {
		return startInBackground(s.Node.Verbosity > 0)
	}
	tell := launcher()
	err = p.serveAs(s, who, tell)
	tell.failed(err)
	return err
}

// serveAs starts the node, tells the launcher, and waits for the end.
func (p *program) serveAs(s settings, who *identity, tell *launch) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE)

	out, err := p.openLog(&s, who)
	if err != nil {
		return exitWith(exitOSError, err)
	}
	log := out.Logger
	s.Node.DropPrivileges = who.become
	logStart(log, &s)
	os.Unsetenv(node.SecretVariable) // nothing that this process starts shall have it

	teller := openHealth(log)
	defer teller.close()
	s.Node.LimitRuntime()
	s.Node.Metrics = metrics.Handler
	s.Node.Begins = teller.node.Store // before the log says that it is ready
	n, err := node.Start(s.Node)
	if err != nil {
		return exitWith(exitOSError, err)
	}
	defer notify(n)()
	if s.PidFile != "" {
		if err := writePidFile(s.PidFile); err != nil {
			n.Close()
			return exitWith(exitOSError, err)
		}
		defer os.Remove(s.PidFile)
	}
	tell.started()
	go func() { // a file that hangs when it is read, a FIFO say, must not keep the node from stopping
		for range reload {
			out.reopen()
			logReload(log, n.Reload())
		}
	}()
	defer func() {
		signal.Stop(reload)
		close(reload)
	}()
	ready := n.Ready()
	for {
		select {
		case <-ready:
			ready = nil
			if file := os.Getenv(portsFileVariable); file != "" {
				if err := writePorts(file, n.ClientAddrs()); err != nil {
					log.Warn("client ports not written", nodelog.FileNotWritten, "error", err.Error())
				}
			}
		case err := <-n.Failed():
			n.Close()
			return exitWith(exitOSError, err)
		case <-n.Asked():
			return drain(n, log, "shutdown command", signals)
		case sig := <-signals:
			return drain(n, log, sig.String(), signals)
		}
	}
}

// logReload says what SIGHUP has done.
func logReload(log *slog.Logger, err error) {
	if err != nil {
		log.Error("files not read again: what they said before stays", nodelog.ReloadFailed, "error", err.Error())
		return
	}
	log.Info("files read again", nodelog.Reloaded)
}

func logStart(log *slog.Logger, s *settings) {
	keys := strings.Join(s.Node.LocalKeys, ",")
	if keys == "" {
		keys = "none"
	}
	log.Info("starting", nodelog.Starting, "version", node.Version, "memcached", node.MemcachedVersion,
		"pid", os.Getpid(), "memory_mib", s.Node.MemoryMiB, "local_keys", keys)
	if len(s.ConfigNotes) > 0 {
		log.Info("left out of the config file: it is up to whoever starts the process", nodelog.Ignored, "what", strings.Join(s.ConfigNotes, ", "))
	}
	s.EnvNotes.log(log)
	if s.UDPPort != 0 {
		log.Warn("UDP is refused, no such port is opened: a memcached that answers UDP amplifies attacks on others", nodelog.UDPRefused, "flag", fmt.Sprintf("--udp-port=%d", s.UDPPort))
	}
	if len(s.Ignored) > 0 {
		log.Info("flags without meaning here are ignored", nodelog.Ignored, "flags", strings.Join(s.Ignored, " "))
	}
}
