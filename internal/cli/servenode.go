package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

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

	level := new(slog.LevelVar)
	level.Set(node.LevelFor(s.Node.Verbosity))
	log, lines := nodelog.New(p.stderr, level)
	p.log, p.stderr = lines, lines // what run says at the end may not block either
	s.Node.Log, s.Node.LogLevel, s.Node.LogDropped = log, level, lines.Dropped
	s.Node.DropPrivileges = who.become
	logStart(log, &s)
	os.Unsetenv(node.SecretVariable) // nothing that this process starts shall have it

	teller := openHealth(log)
	defer teller.close()
	s.Node.LimitRuntime()
	n, err := node.Start(s.Node)
	if err != nil {
		return exitWith(exitOSError, err)
	}
	teller.node.Store(n)
	if s.PidFile != "" {
		if err := writePidFile(s.PidFile); err != nil {
			n.Close()
			return exitWith(exitOSError, err)
		}
		defer os.Remove(s.PidFile)
	}
	tell.started()
	ready := n.Ready()
	for {
		select {
		case <-ready:
			ready = nil
			if file := os.Getenv(portsFileVariable); file != "" {
				if err := writePorts(file, n.ClientAddrs()); err != nil {
					log.Warn("client ports not written", "error", err.Error())
				}
			}
		case err := <-n.Failed():
			n.Close()
			return exitWith(exitOSError, err)
		case <-reload:
			logReload(log, n.Reload())
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
		log.Error("files not read again: what they said before stays", "error", err.Error())
		return
	}
	log.Info("files read again")
}

func logStart(log *slog.Logger, s *settings) {
	keys := strings.Join(s.Node.LocalKeys, ",")
	if keys == "" {
		keys = "none"
	}
	log.Info("starting", "version", node.Version, "memcached", node.MemcachedVersion,
		"pid", os.Getpid(), "memory_mib", s.Node.MemoryMiB, "local_keys", keys)
	if len(s.ConfigNotes) > 0 {
		log.Info("left out of the config file: it is up to whoever starts the process", "what", strings.Join(s.ConfigNotes, ", "))
	}
	s.EnvNotes.log(log)
	if s.UDPPort != 0 {
		log.Warn("UDP is refused, no such port is opened: a memcached that answers UDP amplifies attacks on others", "flag", fmt.Sprintf("--udp-port=%d", s.UDPPort))
	}
	if len(s.Ignored) > 0 {
		log.Info("flags without meaning here are ignored", "flags", strings.Join(s.Ignored, " "))
	}
}
