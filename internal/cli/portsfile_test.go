package cli

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestPortsFile_HasALineForEachFamilyAndPort(t *testing.T) {
	for _, c := range []struct {
		name  string
		addrs []net.Addr
		want  string
	}{
		{"one", []net.Addr{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7}}, "TCP INET: 7\n"},
		{"six", []net.Addr{&net.TCPAddr{IP: net.IPv6loopback, Port: 8}}, "TCP INET6: 8\n"},
		{"everywhere", []net.Addr{&net.TCPAddr{IP: net.IPv6unspecified, Port: 9}}, "TCP INET: 9\nTCP INET6: 9\n"},
		{"two", []net.Addr{&net.TCPAddr{IP: net.IPv4zero, Port: 1}, &net.TCPAddr{IP: net.IPv6loopback, Port: 2}}, "TCP INET: 1\nTCP INET6: 2\n"},
		{"unix", []net.Addr{&net.UnixAddr{Name: "/s", Net: "unix"}}, ""},
	} {
		file := filepath.Join(t.TempDir(), "ports")
		if err := writePorts(file, c.addrs); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got, _ := os.ReadFile(file); string(got) != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if err := writePorts(filepath.Join(t.TempDir(), "no", "ports"), []net.Addr{&net.TCPAddr{Port: 1}}); err == nil {
		t.Error("a file that cannot be written is no error")
	}
}

func TestProcess_SaysItsPortsInAFileWhenItServes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ports")
	t.Setenv(portsFileVariable, file)
	port := freePorts(t, 1)[0]
	run(t, asRoot("-l127.0.0.1", "-p"+port, "-m8", "-U", "1")...)
	want := "TCP INET: " + port + "\n"
	waitFor(t, "the file holds "+want, func() bool {
		got, _ := os.ReadFile(file) // there is none yet
		return string(got) == want
	})
	if _, code, _, said := parse("healthcheck", "127.0.0.1:"+port); code != exitOK {
		t.Errorf("named its port before it served: %d %q", code, said)
	}
}
