package wire

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// The same computation, written out as docs/protocol.md says it.
func TestAuthMAC_IsAsTheProtocolSays(t *testing.T) {
	dialer, acceptor := []byte("hello of the dialer"), []byte("hello of the acceptor")
	both := sha256.Sum256(append(bytes.Clone(dialer), acceptor...))
	for role, isDialer := range map[string]bool{"D": true, "A": false} {
		mac := hmac.New(sha256.New, []byte("s3cret"))
		mac.Write([]byte("twincached auth v1" + role + string(both[:])))
		got := AuthMAC([]byte("s3cret"), isDialer, dialer, acceptor)
		if !hmac.Equal(mac.Sum(nil), got[:]) {
			t.Errorf("role %s: MAC is %x", role, got)
		}
	}
}

// Made with another language's HMAC; docs/protocol.md gives the same example.
func TestAuthMAC_KnownAnswer(t *testing.T) {
	h := sampleHello()
	dialer := bodyOf(func(w *Writer) { w.Hello(h) })
	h.NodeID, h.Inc = sampleID(0x60), sampleID(0x70)
	acceptor := bodyOf(func(w *Writer) { w.Hello(h) })
	for want, mac := range map[string][32]byte{
		"84c7dee03544feab1bc2c4212da8411fddd69b02056b8f5f54467cea7e501922": AuthMAC([]byte("s3cret"), true, dialer, acceptor),
		"c324d07e6a750d1a14bdee67cf3c3039a4a3fd44c1bc4f21341f9cb5fdd15754": AuthMAC([]byte("s3cret"), false, dialer, acceptor),
		"25b432e78c921d69b23353a7de89690802e63e3edb2f0ff51a0bb6eafb344d9d": AuthMAC(nil, true, dialer, acceptor),
	} {
		if got := hex.EncodeToString(mac[:]); got != want {
			t.Errorf("MAC is %s, want %s", got, want)
		}
	}
}

func TestAuthMAC_EveryInputCounts(t *testing.T) {
	a, b := []byte("hello a"), []byte("hello b")
	macs := map[[32]byte]string{}
	for name, mac := range map[string][32]byte{
		"as is":        AuthMAC([]byte("s"), true, a, b),
		"role":         AuthMAC([]byte("s"), false, a, b), // a reflected proof is not the one that is expected
		"secret":       AuthMAC([]byte("t"), true, a, b),
		"no secret":    AuthMAC(nil, true, a, b),
		"swapped":      AuthMAC([]byte("s"), true, b, a),
		"swapped role": AuthMAC([]byte("s"), false, b, a),
		"other hello":  AuthMAC([]byte("s"), true, a, []byte("hello c")),
	} {
		if other, ok := macs[mac]; ok {
			t.Errorf("%s and %s give the same MAC", name, other)
		}
		macs[mac] = name
	}
	if AuthMAC(nil, true, a, b) != AuthMAC([]byte{}, true, a, b) {
		t.Error("a nil and an empty secret differ")
	}
}
