package e2e

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"twincached/internal/testkit"
	"twincached/internal/testkit/rig"
)

// TestProtocol_WhichOnesAClientMaySpeak is -B.
func TestProtocol_WhichOnesAClientMaySpeak(t *testing.T) {
	t.Parallel()
	const (
		binaryQuit = "\x80\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00abcd\x00\x00\x00\x00\x00\x00\x00\x00"
		binaryDone = "\x81\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00abcd\x00\x00\x00\x00\x00\x00\x00\x00"
		textQuit   = "verbosity 0\r\nverbosity 0\r\nquit\r\n"
		textDone   = "OK\r\nOK\r\n"
		refused    = "CLIENT_ERROR the binary protocol is switched off, use text\r\n"
	)
	for protocol, want := range map[string]struct{ text, binary, name string }{
		"auto":   {textDone, binaryDone, "auto-negotiate"},
		"ascii":  {textDone, refused, "ascii"},
		"binary": {"", binaryDone, "binary"},
	} {
		t.Run(protocol, func(t *testing.T) {
			n := rig.NewNode(t, "a", rig.NewNet(t)+".1", "", "-B", protocol)
			rig.StartAll(n)
			ask := func(sent string) string {
				c, err := net.Dial("tcp", n.Host+rig.ClientPort)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				c.SetDeadline(time.Now().Add(testkit.Patience))
				if _, err := io.WriteString(c, sent); err != nil {
					t.Fatal(err)
				}
				b, err := io.ReadAll(c)
				if err != nil && !strings.Contains(err.Error(), "reset") {
					t.Fatal(err)
				}
				return string(b)
			}
			if got := ask(textQuit); got != want.text {
				t.Errorf("text: %q, want %q", got, want.text)
			}
			if got := ask(binaryQuit); got != want.binary {
				t.Errorf("binary: %q, want %q", got, want.binary)
			}
			settings := "\x80\x10\x00\x08\x00\x00\x00\x00\x00\x00\x00\x08abcd\x00\x00\x00\x00\x00\x00\x00\x00settings" + binaryQuit
			row := "binding_protocol" + want.name
			if protocol == "ascii" {
				settings, row = "stats settings\r\nquit\r\n", "binding_protocol ascii\r\n"
			}
			if got := ask(settings); !strings.Contains(got, row) {
				t.Errorf("no %q in %q", row, got)
			}
		})
	}
}
