package memproto

import (
	"bytes"
	"fmt"
	"strings"

	"twincached/store"
)

// maxVerbosity is the highest level that the command "verbosity" can set.
// memcached's highest level shows its own state machine and can only be had with -vvv.
const maxVerbosity = 2

// SetVerbosity says what goes to Server.Log from now on: nothing below 2, the
// command lines and the replies from there on, and from 3 on what each lookup
// found. Neither values nor numbers that incr and decr make are among it.
func (s *Server) SetVerbosity(level int) {
	j := &s.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	j.verbose = 0
	if s.Log == nil {
		level = 0
	}
	if level > 1 {
		j.verbose |= modeCommands
	}
	if level > 2 {
		j.verbose |= modeLookups
	}
	j.setMode()
}

// setVerbosity is the command of that name.
func (s *Server) setVerbosity(level uint64) {
	n := int(min(level, maxVerbosity))
	s.SetVerbosity(n)
	if s.Verbosity != nil {
		s.Verbosity(n)
	}
}

// say prints "<cfd text" for what a client does, ">cfd text" for what we answer.
func (c *Conn) say(direction byte, text string) {
	if c.srv.Log != nil {
		c.srv.Log(fmt.Sprintf("%c%d %s", direction, c.client.fd, text))
	}
}

// sayLine prints a command line. What begins with no command may be a value: of
// a set whose length was wrong, or was not believed. Its bytes stay out of the log.
func (c *Conn) sayLine(line []byte) {
	if c.said {
		return // its value was not there yet
	}
	c.said = true
	if name, _ := cutWord(line); isCommand(name) {
		c.say('<', string(line))
		return
	}
	c.say('<', fmt.Sprintf("(no command, %d bytes)", len(line)))
}

// isCommand tells whether a command line may begin with word.
func isCommand(word []byte) bool {
	switch string(word) {
	case "get", "gets", "gat", "gats", "set", "add", "replace", "append", "prepend", "cas",
		"delete", "incr", "decr", "touch", "flush_all", "stats", "version", "verbosity", "quit",
		"watch", "shutdown", "mg", "ms", "md", "ma", "me", "mn", "slabs", "lru", "lru_crawler",
		"cache_memlimit", "extstore", "refresh_certs":
		return true
	}
	return false
}

// sayReply prints a reply line, or that it was made and not sent.
func (c *Conn) sayReply(line string, quiet bool) {
	line = strings.TrimRight(line, "\r\n")
	if quiet {
		line = "NOREPLY " + line
	}
	if line != "" {
		c.say('>', line)
	}
}

// sayPacket prints the header of a request of the binary protocol.
func (c *Conn) sayPacket(head []byte) {
	if !c.said {
		c.said = true
		c.sayHead('<', "Read binary protocol data:", head)
	}
}

// sayHead prints the header of a packet of the binary protocol, which holds
// neither key nor value.
func (c *Conn) sayHead(direction byte, text string, head []byte) {
	c.say(direction, text)
	for ; len(head) >= 4; head = head[4:] {
		c.say(direction, fmt.Sprintf("   0x%02x 0x%02x 0x%02x 0x%02x", head[0], head[1], head[2], head[3]))
	}
}

func (c *Conn) sayKey(key []byte) { c.say('>', "sending key "+string(key)) }

func (c *Conn) sayOpened() {
	kind := "auto-negotiating"
	switch {
	case c.srv.TextOnly:
		kind = "ascii"
	case c.srv.BinaryOnly:
		kind = "binary"
	}
	c.say('<', "new "+kind+" client connection")
}

func (c *Conn) sayClosed() { c.say('<', "connection closed.") }

// sayLookup prints what a lookup found, in memcached's words.
func (c *Conn) sayLookup(key []byte, p store.Presence) {
	if c.srv.Log == nil {
		return
	}
	text := bytes.NewBufferString("> FOUND KEY ")
	if p == store.Absent {
		text = bytes.NewBufferString("> NOT FOUND ")
	}
	text.Write(key)
	switch p {
	case store.Flushed:
		text.WriteString(" -removed by flush")
	case store.Expired:
		text.WriteString(" -removed by expire")
	}
	c.srv.Log(text.String())
}
