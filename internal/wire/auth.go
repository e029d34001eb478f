package wire

import (
	"crypto/hmac"
	"crypto/sha256"
)

// authLabel separates this MAC from any other use of the same secret.
const authLabel = "twincached auth v1"

// AuthMAC is the proof that one side sends in AUTH: dialer says whether the side
// that proves itself dialled the connection. dialerHello and acceptorHello are
// the bodies of both HELLO frames as they travelled, byte for byte. An empty
// secret is allowed and proves nothing.
//
// The role is part of the MAC, so a stranger cannot send a side's own proof back
// to it; both nonces are, so a proof is worth nothing on another connection.
// Compare with hmac.Equal.
func AuthMAC(secret []byte, dialer bool, dialerHello, acceptorHello []byte) [32]byte {
	hellos := sha256.New()
	hellos.Write(dialerHello)
	hellos.Write(acceptorHello)

	role := byte('A')
	if dialer {
		role = 'D'
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(authLabel))
	mac.Write([]byte{role})
	mac.Write(hellos.Sum(nil))

	var sum [32]byte
	mac.Sum(sum[:0])
	return sum
}
