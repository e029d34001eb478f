package pair

import (
	"fmt"
	"strings"
)

// keys is what can be typed.
const keys = `Type, then Enter:
  set KEY VALUE   write on A; "b set KEY VALUE" writes on B
  get KEY         read from both; "a get KEY" reads from A only
  1 or 2          stop node A (1) or B (2) as planned; type it again to start it
  k1 or k2        kill node A (k1) or B (k2); 1 or 2 starts it again, and it takes a full
                  copy from the other: "marugoto copying" is its beginning, "marugoto owari" its end
  s               show how both are
  q               end both`

// intro says what to do with two nodes.
func (q *pair) intro() string {
	const text = `
Two nodes, one data set: A on 127.0.0.1:{A}, B on 127.0.0.1:{B}
{PAGES}
Write on one, read on the other: type set greeting hello, and b get greeting, here, or
  printf 'set greeting 0 0 5\r\nhello\r\nquit\r\n' | nc 127.0.0.1 {A}
  printf 'get greeting\r\nquit\r\n' | nc 127.0.0.1 {B}
  telnet 127.0.0.1 {B}
A PHP session that counts on, whichever node is gone (needs PHP's extension memcache):
  php -d session.save_handler=memcache -d 'session.save_path=tcp://127.0.0.1:{A},tcp://127.0.0.1:{B}' \
      -r 'session_id("me"); session_start(); echo $_SESSION["n"] = ($_SESSION["n"] ?? 0) + 1, "\n";'

`
	ports := strings.NewReplacer("{A}", fmt.Sprint(q.nodes[0].port), "{B}", fmt.Sprint(q.nodes[1].port), "{PAGES}", q.pages())
	return ports.Replace(text) + keys + "\n"
}

// pages says where a browser shows both nodes.
func (q *pair) pages() string {
	var urls []string
	for _, n := range q.nodes {
		if n.statusPort != 0 {
			urls = append(urls, fmt.Sprintf("http://127.0.0.1:%d/", n.statusPort))
		}
	}
	if urls == nil {
		return ""
	}
	return "See both in a browser: " + strings.Join(urls, " or ") + "\n"
}
