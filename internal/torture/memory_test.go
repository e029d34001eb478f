package torture

import (
	"fmt"
	"strings"
)

// fullRound writes twice what a node holds, half of it on each node, and then
// empties both: what is left of the flood would be in the next rounds' way.
func fullRound(r *round) error {
	r.struck()
	r.evicted = true
	const items, size = 8000, 16 << 10
	for i, n := range r.h.nodes {
		c, err := dialRaw(n.client(), patience)
		if err != nil {
			return err
		}
		for at := 0; at < items/2; at += 16 {
			var text strings.Builder
			for j := range 16 {
				id := fmt.Sprintf("f%d.%d.%d ", r.number, i, at+j)
				fmt.Fprintf(&text, "ms flood:%d:%d %d\r\n%s%s\r\n", i, at+j, size, id, flood[:size-len(id)])
			}
			err := c.send(text.String())
			for j := 0; j < 16 && err == nil; j++ {
				var line string
				if line, err = c.line(); err == nil && line != "HD" {
					err = fmt.Errorf("%w to the flood: %q", errReply, line)
				}
			}
			if err != nil {
				c.close()
				return err
			}
		}
		c.close()
	}
	return nil
}

var flood = strings.Repeat("the quick brown fox jumps over it ", 1<<9)
