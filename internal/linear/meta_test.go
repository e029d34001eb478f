package linear

import (
	"fmt"
	"strconv"
	"strings"
)

// meta is the meta protocol, which tells the most: the CAS of what was written and
// the expiry.
type meta struct{ wire }

func (m *meta) do(o op) (answer, error) {
	if err := m.send(metaRequest(o)); err != nil {
		return answer{}, err
	}
	line, err := m.line()
	if err != nil {
		return answer{}, err
	}
	a := answer{status: done, ttl: unsaid}
	words := strings.Fields(line)
	switch {
	case line == "CLIENT_ERROR cannot increment or decrement non-numeric value":
		a.status = nonNumeric
		return a, nil
	case line == "OK" && o.kind == flush:
		return a, nil
	case len(words) == 0:
		return a, fmt.Errorf("linear: an empty line answers %v", o)
	case words[0] == "VA" && len(words) > 1:
		var size int
		if size, err = strconv.Atoi(words[1]); err == nil {
			a.value, err = m.block(size)
		}
		words = words[2:]
	case words[0] == "HD":
		words = words[1:]
	case words[0] == "EN", words[0] == "NF":
		a.status, words = miss, nil
	case words[0] == "NS":
		a.status, words = notStored, nil
	case words[0] == "EX":
		a.status, words = exists, nil
	default:
		return a, fmt.Errorf("linear: %q answers %v", line, o)
	}
	if err == nil && (o.kind == incr || o.kind == decr) && a.status == done {
		a.number, err = strconv.ParseUint(a.value, 10, 64)
		a.value = ""
	}
	for _, w := range words {
		if err == nil {
			err = a.flag(w)
		}
	}
	return a, err
}

// flag takes in one word behind the code of a reply.
func (a *answer) flag(w string) error {
	n, err := strconv.ParseInt(w[1:], 10, 64)
	if err != nil {
		return fmt.Errorf("linear: %q in a reply: %w", w, err)
	}
	switch w[0] {
	case 'c':
		a.cas = uint64(n)
	case 'f':
		a.flags = uint32(n)
	case 't':
		a.ttl = max(0, (n+500)/1000*1000) // a clock that runs, and may have been read before the write
	default:
		return fmt.Errorf("linear: %q in a reply", w)
	}
	return nil
}

// metaTTL is an expiry as a flag; the reply shows the new one unless it has passed.
func metaTTL(ttl int64) string {
	if ttl == gone {
		return "T-1"
	}
	return fmt.Sprintf("T%d t", ttl)
}

func metaRequest(o op) string {
	compare := ""
	if o.cas != 0 {
		compare = fmt.Sprintf(" C%d", o.cas)
	}
	switch o.kind {
	case get:
		return fmt.Sprintf("mg %s v c f t\r\n", o.key)
	case gat:
		return fmt.Sprintf("mg %s v c f %s\r\n", o.key, metaTTL(o.ttl))
	case touch:
		return fmt.Sprintf("mg %s c %s\r\n", o.key, metaTTL(o.ttl))
	case flush: // which has no meta command
		return "flush_all\r\n"
	case remove:
		return fmt.Sprintf("md %s%s\r\n", o.key, compare)
	case incr, decr:
		create, mode := "", "I"
		if o.create {
			create = fmt.Sprintf(" N%d J%d", o.ttl, o.initial)
		}
		if o.kind == decr {
			mode = "D"
		}
		return fmt.Sprintf("ma %s v c M%s D%d%s%s\r\n", o.key, mode, o.delta, create, compare)
	}
	mode := map[kind]string{set: "S", cas: "S", add: "E", replace: "R", appendTo: "A", prepend: "P"}[o.kind]
	return fmt.Sprintf("ms %s %d c F%d T%d M%s%s\r\n%s\r\n", o.key, len(o.value), o.flags, o.ttl, mode, compare, o.value)
}
