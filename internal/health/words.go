package health

import (
	"errors"
	"net"
	"os"
	"strconv"
	"unicode"
)

// maxWordBytes is more than a version or a state has: what is longer is cut off.
const maxWordBytes = 100

// Printable is s with escapes in the place of what is no visible character: what a server
// says may not move a terminal's cursor.
func Printable(s string) string {
	for _, r := range s {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			q := strconv.Quote(s)
			return q[1 : len(q)-1]
		}
	}
	return s
}

// Why is why a dial has failed, without the address: whoever reads it knows where it went.
func Why(err error) error {
	var call *os.SyscallError
	if errors.As(err, &call) {
		return call.Err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// ErrReplication is what is wrong with an address where a peer is expected, and no client.
var ErrReplication = errors.New("that is a replication port: name the clients' port")

// IsFrame tells whether an answer begins as frames between nodes do: with a length of less
// than 64 KiB in four bytes. No answer to a client has a byte of 0 in front.
func IsFrame(answer []byte) bool {
	return len(answer) >= 2 && answer[0] == 0 && answer[1] == 0
}

// word is what a server said in a place where nodes have a word.
func word(s string) string { return Printable(s[:min(len(s), maxWordBytes)]) }
