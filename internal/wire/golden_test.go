package wire

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/wire anew: only when the protocol gets a new version")

const goldenDir = "../../testdata/wire"

// readHex reads a file of hex digits; '#' begins a comment, blanks do not count.
func readHex(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(goldenDir, name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	raw, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return raw
}

func writeHex(t *testing.T, s sample, frame []byte) {
	t.Helper()
	var out bytes.Buffer
	fmt.Fprintf(&out, "# %v\n%x  # length\n%x  # crc32c of the body\n", s.typ, frame[:4], frame[4:8])
	for rest := frame[8:]; len(rest) > 0; {
		n := min(32, len(rest))
		fmt.Fprintf(&out, "%x\n", rest[:n])
		rest = rest[n:]
	}
	if err := os.WriteFile(filepath.Join(goldenDir, s.name+".hex"), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestGolden_FramesAreByteForByte(t *testing.T) {
	seen := map[Type]bool{}
	for _, s := range samples() {
		seen[s.typ] = true
		t.Run(s.name, func(t *testing.T) {
			frame := frameOf(s.write)
			if *update {
				writeHex(t, s, frame)
			}
			golden := readHex(t, s.name)
			if !bytes.Equal(frame, golden) {
				t.Fatalf("written\n%x\nwant\n%x", frame, golden)
			}
			body, n, err := Split(golden, MaxFrameBytes(0))
			if err != nil || n != len(golden) {
				t.Fatalf("Split: n %d, %v", n, err)
			}
			var d Decoder
			var got, want Body
			if err := d.Decode(body, &got); err != nil {
				t.Fatal(err)
			}
			s.want(&want)
			want.Type = s.typ
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("decoded\n%+v\nwant\n%+v", field(&got), field(&want))
			}
		})
	}
	for typ := range Type(len(typeNames)) {
		if typeNames[typ] != "" && !seen[typ] {
			t.Errorf("no golden bytes for %v", typ)
		}
	}
}

func TestGolden_HandshakeFramesFitTheHandshakeLimit(t *testing.T) {
	h := sampleHello()
	h.Cluster, h.Software = strings.Repeat("c", MaxClusterBytes), strings.Repeat("s", MaxSoftwareBytes)
	for name, frame := range map[string][]byte{
		"hello": frameOf(func(w *Writer) { w.Hello(h) }),
		"auth":  frameOf(func(w *Writer) { w.Auth(sampleAuth()) }),
		"bye":   frameOf(func(w *Writer) { w.Bye(Bye{ByeAuth, strings.Repeat("x", 2*MaxByeTextBytes)}) }),
	} {
		if _, n, err := Split(frame, MaxHandshakeBytes); n == 0 || err != nil {
			t.Errorf("%s of %d bytes: n %d, %v", name, len(frame), n, err)
		}
	}
}

func TestGolden_LargestStateFitsEightKiB(t *testing.T) {
	s := sampleHeir()
	for i := range s.Cursors {
		s.Cursors[i].A, s.Cursors[i].T, s.Cursors[i].B = 1<<64-1, 1<<64-1, 1<<64-1
	}
	s.Clock, s.Born, s.Flush, s.Pending.Version = MaxVersion, MaxVersion, MaxVersion, MaxVersion
	s.Pending.AtMillis, s.Items, s.NodeState = MaxMillis, 1<<64-1, 255
	if n := len(bodyOf(func(w *Writer) { w.State(s) })); n > 8<<10 {
		t.Errorf("largest STATE takes %d bytes", n)
	}
}
