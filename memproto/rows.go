package memproto

import (
	"bytes"
	"strconv"
)

// Stat is one row of a stats reply: "STAT Name Value", or a packet with the two.
type Stat struct{ Name, Value string }

// Rows are the rows of a stats reply in their order. The zero Rows is empty.
type Rows []Stat

// Text adds a row.
func (r *Rows) Text(name, value string) { *r = append(*r, Stat{Name: name, Value: value}) }

// Uint adds a row with a number.
func (r *Rows) Uint(name string, v uint64) { r.Text(name, strconv.FormatUint(v, 10)) }

// Int adds a row with a number that may be negative.
func (r *Rows) Int(name string, v int64) { r.Text(name, strconv.FormatInt(v, 10)) }

// Decimal adds a row with so many digits behind the point.
func (r *Rows) Decimal(name string, v float64, digits int) {
	r.Text(name, strconv.FormatFloat(v, 'f', digits, 64))
}

// YesNo adds a row that says yes or no.
func (r *Rows) YesNo(name string, v bool) {
	if v {
		r.Text(name, "yes")
	} else {
		r.Text(name, "no")
	}
}

// OneZero adds a row that says 1 or 0.
func (r *Rows) OneZero(name string, v bool) { r.Uint(name, flag(v)) }

// hook adds the rows of a function of Server, at most MaxStatRows.
func (r *Rows) hook(rows []Stat) { *r = append(*r, rows[:min(len(rows), MaxStatRows)]...) }

// status adds the one row of "stats status". A reader of lines has to find its end.
func (r *Rows) status(line []byte) {
	if len(line) > 0 && bytes.IndexByte(line, '\n') < 0 {
		r.Text("status", string(line))
	}
}

func flag(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

// statText prints rows as the text protocol does.
func (c *Conn) statText(rows Rows) {
	for _, r := range rows {
		c.out = append(append(c.out, "STAT "...), r.Name...)
		c.out = append(append(c.out, ' '), r.Value...)
		c.out = append(c.out, "\r\n"...)
	}
	c.reply(replyEnd, false)
}

// statPackets prints rows as the binary protocol does: a packet each, and one without
// key and value behind them.
func (c *Conn) statPackets(p *packet, rows Rows) {
	for _, r := range rows {
		c.head(p, statusOK, 0, len(r.Name), len(r.Name)+len(r.Value), 0)
		c.out = append(append(c.out, r.Name...), r.Value...)
	}
	c.head(p, statusOK, 0, 0, 0, 0)
}
