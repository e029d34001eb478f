package testkit

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// FreePorts returns n ports of 127.0.0.1 that nobody has right now. They lie below
// those that a kernel gives to outgoing connections, which could take one before
// what is meant to have it starts.
func FreePorts(t testing.TB, n int) []string {
	t.Helper()
	var ports []string
	for range 1000 {
		port := strconv.Itoa(12000 + rand.IntN(20000))
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		defer l.Close() // held until all are found: no port twice
		if ports = append(ports, port); len(ports) == n {
			return ports
		}
	}
	t.Fatal("no free ports")
	return nil
}
