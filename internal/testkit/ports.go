package testkit

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// The ports of tests lie below those that a kernel gives to outgoing connections, which
// could take one before what is meant to have it starts.
const (
	firstPort     = 12000
	portsABlock   = 400
	blocksOfPorts = 50
)

// block is this process's share of the ports. The tests of several packages run at the
// same time, and a port that one has found free is not taken until its node starts: so no
// two processes look in the same block. The lock lasts as long as the process.
var block struct {
	sync.Mutex
	lock        *os.File
	first, next int
}

// FreePorts returns n ports of 127.0.0.1 that nobody has right now, and that no other
// test is given.
func FreePorts(t testing.TB, n int) []string {
	t.Helper()
	block.Lock()
	defer block.Unlock()
	if block.lock == nil {
		takeBlock(t)
	}
	var ports []string
	for range portsABlock {
		port := strconv.Itoa(block.first + block.next%portsABlock)
		block.next++
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		l.Close()
		if ports = append(ports, port); len(ports) == n {
			return ports
		}
	}
	t.Fatal("no free ports")
	return nil
}

// takeBlock locks the first block that no other process has.
func takeBlock(t testing.TB) {
	t.Helper()
	for i := range blocksOfPorts {
		f, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("twincached-test-ports-%d", i)), os.O_CREATE|os.O_RDWR, 0o666)
		if err != nil {
			continue // another user's
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			block.lock, block.first = f, firstPort+i*portsABlock
			return
		}
		f.Close()
	}
	t.Fatal("no free block of ports")
}
