package web

import (
	"fmt"

	"twincached/internal/status"
)

// cellOf makes the cell of one node. s is there, last may be nil: nothing is known of the
// last second then; minute is the last minute.
type cellOf func(s *status.Snapshot, last, minute *status.Sample) cell

type rowDef struct {
	name string
	of   cellOf
}

type groupDef struct {
	name string
	rows []rowDef
}

// rowsOf are the rows of the table of both nodes.
var rowsOf = []groupDef{
	{"Commands", []rowDef{
		{"get", func(s *status.Snapshot, last, _ *status.Sample) cell {
			return rated(last, func(x *status.Sample) float32 { return x.Gets }, s.Commands.Get)
		}},
		{"Hit rate", func(s *status.Snapshot, _, minute *status.Sample) cell {
			return cell{percent(float64(minute.Hits), float64(minute.Gets)), percent(float64(s.Commands.GetHits), float64(s.Commands.Get)) + " in all"}
		}},
		{"set", func(s *status.Snapshot, last, _ *status.Sample) cell {
			return rated(last, func(x *status.Sample) float32 { return x.Sets }, s.Commands.Set)
		}},
		{"delete", func(s *status.Snapshot, last, _ *status.Sample) cell {
			return rated(last, func(x *status.Sample) float32 { return x.Deletes }, s.Commands.Deletes())
		}},
		{"touch", func(s *status.Snapshot, last, _ *status.Sample) cell {
			return rated(last, func(x *status.Sample) float32 { return x.Touches }, s.Commands.Touches())
		}},
		{"incr, decr", func(s *status.Snapshot, last, _ *status.Sample) cell {
			return rated(last, func(x *status.Sample) float32 { return x.Counts }, s.Commands.Counts())
		}},
		{"cas", func(s *status.Snapshot, last, _ *status.Sample) cell {
			return rated(last, func(x *status.Sample) float32 { return x.Cas }, s.Commands.Cas())
		}},
	}},
	{"Clients", []rowDef{
		{"Connections", func(s *status.Snapshot, _, _ *status.Sample) cell {
			return cell{number(s.Clients.Conns), "of " + number(s.Clients.MaxConns)}
		}},
		{"Refused, closed", func(s *status.Snapshot, _, _ *status.Sample) cell {
			return cell{number(s.Clients.Rejected), number(s.Clients.Shed) + " closed to save memory"}
		}},
		{"Bytes in", func(_ *status.Snapshot, last, _ *status.Sample) cell {
			return bytesRate(last, func(x *status.Sample) float32 { return x.BytesRead })
		}},
		{"Bytes out", func(_ *status.Snapshot, last, _ *status.Sample) cell {
			return bytesRate(last, func(x *status.Sample) float32 { return x.BytesWritten })
		}},
	}},
	{"Data", []rowDef{
		{"Items", func(s *status.Snapshot, _, _ *status.Sample) cell {
			more := ""
			if s.Items.Local > 0 {
				more = number(s.Items.Local) + " local (--local-keys)"
			}
			return cell{number(s.Items.Held), more}
		}},
		{"Memory", func(s *status.Snapshot, _, _ *status.Sample) cell {
			used, limit := float64(s.Memory.CommittedBytes), float64(s.Memory.LimitBytes)
			return cell{percent(used, limit), byteCount(used) + " of " + byteCount(limit)}
		}},
		{"Evictions", func(s *status.Snapshot, last, _ *status.Sample) cell {
			return rated(last, func(x *status.Sample) float32 { return x.Evictions }, s.Items.Evictions)
		}},
		{"Expired", func(s *status.Snapshot, _, _ *status.Sample) cell { return cell{number(s.Items.Expired), "removed"} }},
		{"Not stored", func(s *status.Snapshot, _, _ *status.Sample) cell {
			return cell{number(s.Items.TooLarge + s.Items.NoMemory), fmt.Sprintf("%s too large, %s no memory", number(s.Items.TooLarge), number(s.Items.NoMemory))}
		}},
	}},
	{"Process", []rowDef{
		{"Processor", func(_ *status.Snapshot, last, _ *status.Sample) cell {
			if last == nil {
				return cell{unknown, ""}
			}
			return cell{digits(float64(last.CPU)*100) + " %", "of one core"}
		}},
		{"Process memory", func(s *status.Snapshot, _, _ *status.Sample) cell {
			more := ""
			if s.Memory.ContainerBytes > 0 {
				more = "the container has " + byteCount(float64(s.Memory.ContainerBytes))
			}
			if s.Memory.ResidentBytes == 0 {
				return cell{unknown, more}
			}
			return cell{byteCount(float64(s.Memory.ResidentBytes)), more}
		}},
		{"Running for", func(s *status.Snapshot, _, _ *status.Sample) cell {
			return cell{span(s.Node.UptimeSeconds * 1000), fmt.Sprintf("process %d", s.Node.PID)}
		}},
		{"Release", func(s *status.Snapshot, _, _ *status.Sample) cell {
			return cell{cut(s.Node.Version), "as memcached " + cut(s.Node.Memcached)}
		}},
		{"Log lines lost", func(s *status.Snapshot, _, _ *status.Sample) cell { return cell{number(s.Process.LogLinesDropped), ""} }},
	}},
}

// rated is a rate of the last second, and how many there were in all.
func rated(last *status.Sample, of func(*status.Sample) float32, total uint64) cell {
	if last == nil {
		return cell{unknown, number(total) + " in all"}
	}
	return cell{perSecond(of(last)), number(total) + " in all"}
}

func bytesRate(last *status.Sample, of func(*status.Sample) float32) cell {
	if last == nil {
		return cell{unknown, ""}
	}
	return cell{byteCount(float64(of(last))) + "/s", ""}
}

// groups are the table of both nodes.
func groups(r *reading) []group {
	both := [2]*status.Snapshot{&r.pair.Node, r.pair.Peer}
	out := make([]group, 0, len(rowsOf))
	for _, g := range rowsOf {
		rows := make([]row, 0, len(g.rows))
		for _, def := range g.rows {
			x := row{Name: def.name, Cells: [2]cell{{unknown, ""}, {unknown, ""}}}
			for i, s := range both {
				if s != nil {
					last := r.last[i]
					if i == 1 && !r.fresh {
						last = nil // a rate of a node that is gone is none
					}
					x.Cells[i] = def.of(s, last, &r.minute[i])
				}
			}
			rows = append(rows, x)
		}
		out = append(out, group{g.name, rows})
	}
	return out
}

// copies are the full copies that go on, and what became of the last ones.
func copies(r *reading) (going []progress, over []string) {
	this := &r.pair.Node
	if p := this.Image.Progress(); p.Active() {
		name := "This node loads its image"
		if this.Image.Work == status.ImageWriting {
			name = "This node writes its image"
		}
		going = append(going, progressOf("image", name, p, this.AtMillis))
	}
	for _, c := range []struct {
		id, name, done string
		of             *status.Copy
	}{
		{"copy-in", "This node takes a full copy from its peer", "This node took its last full copy", &this.CopyIn},
		{"copy-out", "The peer takes a full copy from this node", "The peer took its last full copy from this node", &this.CopyOut},
	} {
		switch {
		case c.of.Active():
			going = append(going, progressOf(c.id, c.name, c.of, this.AtMillis))
		case c.of.Items > 0: // one of nothing, as of two nodes that start empty, tells nobody anything
			over = append(over, fmt.Sprintf("%s at %s: %s items, %s, in %s.", c.done, clockTime(c.of.FinishedMillis), number(c.of.Items),
				byteCount(float64(c.of.Bytes)), span(max(c.of.FinishedMillis-c.of.StartedMillis, 0))))
		}
	}
	return going, over
}

// progressOf is a copy as of now.
func progressOf(id, name string, c *status.Copy, now int64) progress {
	p := progress{ID: id, Name: name, Value: c.Items, Max: max(c.Total, c.Items)}
	seconds := float64(now-c.StartedMillis) / 1000
	if seconds <= 0 || c.Items == 0 {
		p.Text = "about " + number(c.Total) + " items; it has just begun"
		return p
	}
	rate := float64(c.Items) / seconds
	p.Text = fmt.Sprintf("%s of about %s items, %s; ", number(c.Items), number(p.Max), percent(float64(c.Items), float64(p.Max)))
	if c.Bytes > 0 {
		p.Text += byteCount(float64(c.Bytes)) + ", "
	}
	p.Text += number(int64(rate)) + "/s; "
	if c.Total > c.Items {
		p.Text += "about " + span(max(1, int64(float64(c.Total-c.Items)/rate))*1000) + " left"
	} else {
		p.Text += "nearly done"
	}
	return p
}
