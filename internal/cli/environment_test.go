package cli

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
)

// What Kubernetes sets in every container for the services twincached,
// twincached-repl and twincached-udp, and Docker for a link.
var serviceVariables = map[string]string{
	"TWINCACHED_SERVICE_HOST":                "10.0.0.1",
	"TWINCACHED_SERVICE_PORT":                "11211",
	"TWINCACHED_SERVICE_PORT_MEMCACHE":       "11211",
	"TWINCACHED_PORT":                        "tcp://10.0.0.1:11211",
	"TWINCACHED_PORT_11211_TCP":              "tcp://10.0.0.1:11211",
	"TWINCACHED_PORT_11211_TCP_PROTO":        "tcp",
	"TWINCACHED_PORT_11211_TCP_PORT":         "11211",
	"TWINCACHED_PORT_11211_TCP_ADDR":         "10.0.0.1",
	"TWINCACHED_REPL_SERVICE_HOST":           "10.0.0.2",
	"TWINCACHED_REPL_SERVICE_PORT":           "11212",
	"TWINCACHED_REPL_SERVICE_PORT_REPL_LINK": "11212",
	"TWINCACHED_REPL_PORT":                   "tcp://10.0.0.2:11212",
	"TWINCACHED_REPL_PORT_11212_TCP":         "tcp://10.0.0.2:11212",
	"TWINCACHED_REPL_PORT_11212_TCP_ADDR":    "10.0.0.2",
	"TWINCACHED_UDP_PORT":                    "udp://10.0.0.3:11211",
	"TWINCACHED_UDP_PORT_11211_UDP":          "udp://10.0.0.3:11211",
	"TWINCACHED_UDP_PORT_11211_UDP_PROTO":    "udp",
	"TWINCACHED_PEER_PORT":                   "sctp://10.0.0.3:11211",
	"TWINCACHED_NAME":                        "/web/cache",
	"TWINCACHED_ENV_GOLANG_VERSION":          "1.26",
}

func TestEnvironment_WhatKubernetesAndDockerSetIsLeftOut(t *testing.T) {
	for name, value := range serviceVariables {
		t.Setenv(name, value)
	}
	s := mustParse(t, "")
	if s.Node.Port != 11211 || s.Node.ReplPort != 0 || s.UDPPort != 0 || len(s.EnvNotes.unknown) > 0 {
		t.Errorf("%+v", s)
	}
	var said strings.Builder
	s.EnvNotes.log(slog.New(slog.NewTextHandler(&said, nil)))
	for name := range serviceVariables {
		if !slices.Contains(s.EnvNotes.services, name) || !strings.Contains(said.String(), name) {
			t.Errorf("%s is not named: %s", name, said.String())
		}
	}
	if strings.Contains(said.String(), "WARN") {
		t.Errorf("it warns: %s", said.String())
	}
}

func TestEnvironment_AnUnknownVariableIsWarnedOf(t *testing.T) {
	for name, value := range map[string]string{
		"TWINCACHED_PROT": "1", "TWINCACHED_MEMORY": "64", "TWINCACHED_COLOUR": "red",
		"TWINCACHED_PEER": "other", "TWINCACHED_VERSION": "1", "TWINCACHED_IMAGE": "x", "TWINCACHED_REPL_INSECURE": "1",
	} {
		t.Setenv(name, value)
	}
	s := mustParse(t, "")
	want := []string{"TWINCACHED_COLOUR", "TWINCACHED_MEMORY (did you mean TWINCACHED_MEMORY_LIMIT?)", "TWINCACHED_PROT (did you mean TWINCACHED_PORT?)"}
	if !slices.Equal(s.EnvNotes.unknown, want) || s.Node.Peer != "other:11212" {
		t.Errorf("%q", s.EnvNotes.unknown)
	}
	var said strings.Builder
	s.EnvNotes.log(slog.New(slog.NewTextHandler(&said, nil)))
	if !strings.Contains(said.String(), "level=WARN") || !strings.Contains(said.String(), want[2]) {
		t.Errorf("said %s", said.String())
	}
	if _, code, _, stderr := parse("config"); code != exitOK || !strings.Contains(stderr, "note: TWINCACHED_COLOUR is no variable of a flag") {
		t.Errorf("config: %d, %s", code, stderr)
	}
}

func TestEnvironment_AFlagsOwnValueIsNoService(t *testing.T) {
	for name, value := range map[string]string{
		"TWINCACHED_PORT": "11300", "TWINCACHED_REPL_PORT": "11301", "TWINCACHED_UDP_PORT": "0", "TWINCACHED_PEER": "tcp",
		"TWINCACHED_LISTEN": "127.0.0.1", "TWINCACHED_STATE_DIR": "/a/b",
	} {
		t.Setenv(name, value)
	}
	s := mustParse(t, "")
	if s.Node.Port != 11300 || s.Node.ReplPort != 11301 || s.Node.Peer != "tcp:11212" || s.Node.StateDir != "/a/b" || len(s.EnvNotes.services) > 0 {
		t.Errorf("%+v", s)
	}
}
