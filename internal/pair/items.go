package pair

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

// callTime is for one set or get: a node that is busy may take a while, and a
// frozen one may not keep the keyboard.
const callTime = 5 * time.Second

// client speaks to the node as any client does. The caller closes it.
func (n *node) client() *memcache.Client {
	c := memcache.New(net.JoinHostPort("127.0.0.1", strconv.Itoa(n.port)))
	c.Timeout = callTime
	return c
}

// items does what "[a|b] set KEY VALUE" and "[a|b] get KEY" say; false: the line says
// neither. Without a letter A takes a set, or B where A does not run, and both answer
// a get.
func (q *pair) items(line string) bool {
	words := strings.Fields(line)
	nodes := q.nodes[:]
	named := false
	if len(words) > 1 && len(words[0]) == 1 {
		if i := strings.Index("ab", strings.ToLower(words[0])); i >= 0 {
			nodes, words, named = q.nodes[i:i+1], words[1:], true
		}
	}
	if len(words) == 0 {
		return false
	}
	switch verb := strings.ToLower(words[0]); {
	case verb == "set" && len(words) >= 3:
		if !named && !nodes[0].running() {
			nodes = nodes[1:]
		}
		_, value, _ := strings.Cut(strings.TrimSpace(line[strings.Index(line, words[0])+len(words[0]):]), words[1])
		q.out.print(nodes[0].set(words[1], strings.TrimSpace(value)))
	case verb == "get" && len(words) == 2:
		for _, n := range nodes {
			q.out.print(n.get(words[1]))
		}
	case verb == "set":
		q.out.print("set needs a key and a value: set greeting hello")
	case verb == "get":
		q.out.print("get needs one key: get greeting")
	default:
		return false
	}
	return true
}

func (n *node) set(key, value string) string {
	c := n.client()
	defer c.Close()
	if err := c.Set(&memcache.Item{Key: key, Value: []byte(value)}); err != nil {
		return fmt.Sprintf("%s  %s is not written: %s", n.name, key, n.why(err))
	}
	return fmt.Sprintf("%s  has taken %s = %s", n.name, key, value)
}

func (n *node) get(key string) string {
	c := n.client()
	defer c.Close()
	item, err := c.Get(key)
	switch {
	case errors.Is(err, memcache.ErrCacheMiss):
		return fmt.Sprintf("%s  has no %s", n.name, key)
	case err != nil:
		return fmt.Sprintf("%s  %s is not read: %s", n.name, key, n.why(err))
	}
	return fmt.Sprintf("%s  %s = %s", n.name, key, item.Value)
}

// why explains an error of a client.
func (n *node) why(err error) string {
	switch {
	case errors.Is(err, memcache.ErrMalformedKey):
		return "a key has 1 to 250 bytes, and none of them is a space"
	case !n.running():
		return fmt.Sprintf("%s does not run, %s and Enter starts it", n.name, n.key)
	}
	return "it does not serve now: " + err.Error()
}

// linkWords say what repl_link says, for people.
var linkWords = map[string]string{
	"down": "not linked", "hello": "about to link", "auth": "about to link", "state": "about to link",
	"catchup": "linked, catching up", "stream": "linked",
}

// state is the rows of a node's stats in plain words. other is the other node's name.
func state(rows map[string]string, other string) string {
	link := linkWords[rows["repl_link"]]
	if link == "" {
		link = "link " + rows["repl_link"]
	}
	items := rows["curr_items"] + " items"
	if rows["curr_items"] == "1" {
		items = "1 item"
	}
	text := fmt.Sprintf("%s, %s, %s", rows["repl_state"], link, items)
	if n := rows["repl_unacked"]; n != "0" {
		return fmt.Sprintf("%s, %s not on %s yet", text, n, other)
	} else if rows["repl_link"] == "stream" {
		return fmt.Sprintf("%s, %s has all of it", text, other)
	}
	return text // nobody knows what a node has that is gone
}
