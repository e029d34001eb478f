package bench

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// processCPU is the CPU time that a process has used, of its threads that are there. 0: it is
// not there, or pid is 0.
func processCPU(pid int) (used time.Duration) {
	if pid == 0 {
		return 0
	}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, name := range tasks {
		text, _ := os.ReadFile(name)
		first, _, _ := strings.Cut(string(text), " ")
		ns, _ := strconv.ParseInt(first, 10, 64)
		used += time.Duration(ns)
	}
	return used
}

// ownCPU is what this process has used.
func ownCPU() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// processName is what a process is called; "": it is not there.
func processName(pid int) string {
	if pid == 0 {
		return ""
	}
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(name))
}

// listener is the process of this machine that listens at an address; 0: none can be seen.
func listener(address string) int {
	inode := ""
	if network(address) == "unix" {
		const listening = "00010000"
		inode = find("/proc/net/unix", 8, func(row []string) (string, bool) { return row[6], row[7] == address && row[3] == listening })
	} else {
		inode = tcpListener(address)
	}
	if inode == "" {
		return 0
	}
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		if to, _ := os.Readlink(fd); to == "socket:["+inode+"]" {
			pid, _ := strconv.Atoi(strings.Split(fd, "/")[2])
			return pid
		}
	}
	return 0
}

// tcpListener is the inode of the socket that listens at an address of this machine: at this one,
// or, if there is none, at all of them.
func tcpListener(address string) string {
	host, service, _ := net.SplitHostPort(address)
	port, err := net.LookupPort("tcp", service)
	if err != nil {
		return ""
	}
	all, _ := net.LookupIP(host)
	own := slices.DeleteFunc(all, func(ip net.IP) bool { return !ip.IsLoopback() && !isOwn(ip) })
	if len(own) == 0 {
		return ""
	}
	for _, ip := range append(own, net.IPv4zero, net.IPv6zero) {
		if inode := tcpSocket(ip, port); inode != "" {
			return inode
		}
	}
	return ""
}

// tcpSocket is the inode of the socket that listens at just this address. "": there is none.
func tcpSocket(ip net.IP, port int) string {
	const listening = "0A"
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		inode := find(table, 10, func(row []string) (string, bool) {
			at, atPort, _ := strings.Cut(row[1], ":")
			return row[9], row[3] == listening && atPort == fmt.Sprintf("%04X", port) && tableIP(at).Equal(ip)
		})
		if inode != "" {
			return inode
		}
	}
	return ""
}

// tableIP is an address as the tables have it: words of 32 bits, each as the processor has it.
func tableIP(digits string) net.IP {
	b, _ := hex.DecodeString(digits)
	for i := 0; i+4 <= len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	return b
}

func isOwn(ip net.IP) bool {
	own, _ := net.InterfaceAddrs()
	for _, a := range own {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip) {
			return true
		}
	}
	return false
}

// find is what match makes of the first row of a table that it takes, of those with so many
// columns or more.
func find(table string, columns int, match func(row []string) (string, bool)) string {
	f, err := os.Open(table)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		row := strings.Fields(lines.Text())
		if len(row) < columns {
			continue
		}
		if v, ok := match(row); ok {
			return v
		}
	}
	return ""
}
