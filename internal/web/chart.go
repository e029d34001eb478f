package web

import (
	"html/template"
	"math"
	"strconv"

	"twincached/internal/status"
)

// A chart shows 15 minutes in as many columns as a phone has room for; one column is a few
// seconds, so it changes only that often.
const (
	columns    = 300
	columnMS   = status.HistorySeconds * 1000 / columns
	svgWidth   = 330
	svgHeight  = 116
	plotLeft   = 44
	plotRight  = svgWidth - 6
	plotTop    = 8
	plotBottom = 96
)

// chart is one of the page.
type chart struct {
	ID, Name string
	Body     template.HTML // of numbers and of texts that stand in this file
}

// curve is what a chart shows of both nodes.
type curve struct {
	id, name, unit string
	of             func(*status.Sample) float64
	peak           bool                      // a column shows the largest of its seconds, not their mean
	top            float64                   // of the axis; 0: what the values need
	known          func(*status.Sample) bool // nil: always
}

var curves = []curve{
	{id: "chart-commands", name: "Commands a second", of: func(x *status.Sample) float64 {
		return float64(x.Gets + x.Sets + x.Deletes + x.Touches + x.Counts)
	}},
	{id: "chart-hits", name: "Hit rate", unit: " %", top: 100, known: func(x *status.Sample) bool { return x.Gets > 0 },
		of: func(x *status.Sample) float64 { return 100 * float64(x.Hits) / float64(x.Gets) }},
	{id: "chart-lag", name: "Lag of the other node", unit: " ms", peak: true, of: func(x *status.Sample) float64 { return float64(x.LagMillis) }},
	{id: "chart-backlog", name: "Changes not sent yet", peak: true, of: func(x *status.Sample) float64 { return float64(x.Backlog) }},
	{id: "chart-sent", name: "Items sent to the other node a second", of: func(x *status.Sample) float64 { return float64(x.ItemsOut) }},
	{id: "chart-evictions", name: "Evictions a second", peak: true, of: func(x *status.Sample) float64 { return float64(x.Evictions) }},
	{id: "chart-memory", name: "Memory used of the limit", unit: " MiB", of: func(x *status.Sample) float64 { return float64(x.CommittedMiB) }},
	{id: "chart-connections", name: "Connections of clients", of: func(x *status.Sample) float64 { return float64(x.Conns) }},
	{id: "chart-processor", name: "Processor of one core", unit: " %", of: func(x *status.Sample) float64 { return 100 * float64(x.CPU) }},
}

// title is what a chart shows, and the unit of its axis.
func (k *curve) title() string {
	if k.unit == "" {
		return k.name
	}
	return k.name + "," + k.unit
}

// charts keeps what was drawn while no new column is there.
type charts struct {
	column int64
	drawn  []chart
}

// of draws the charts, if there is something new.
func (c *charts) of(r *reading, histories [2][]status.Sample) []chart {
	column := r.pair.Node.AtMillis / columnMS
	if c.drawn != nil && c.column == column {
		return c.drawn
	}
	// The peer's seconds are by its own clock.
	shift := [2]int64{0, r.pair.Node.Link.ClockAheadMillis}
	drawn := make([]chart, 0, len(curves))
	for i := range curves {
		k := &curves[i]
		drawn = append(drawn, chart{k.id, k.title(), template.HTML(k.draw(histories, shift, column))})
	}
	c.column, c.drawn = column, drawn
	return drawn
}

// points are the columns of one node: NaN where nothing is known.
func (k *curve) points(history []status.Sample, shift, end int64) (out [columns]float64) {
	var count [columns]int
	for i := range history {
		x := &history[i]
		at := columns - 1 - int(end-1-(x.AtMillis-shift)/columnMS) // the last column is the last whole one
		if at < 0 || at >= columns || k.known != nil && !k.known(x) {
			continue
		}
		v := k.of(x)
		if k.peak {
			out[at] = max(out[at], v)
		} else {
			out[at] += v
		}
		count[at]++
	}
	for i, n := range count {
		switch {
		case n == 0:
			out[i] = math.NaN()
		case !k.peak:
			out[i] /= float64(n)
		}
	}
	return out
}

// draw makes the SVG, and what stands above it.
func (k *curve) draw(histories [2][]status.Sample, shift [2]int64, end int64) string {
	var p [2][columns]float64
	var most [2]float64
	for i, h := range histories {
		p[i] = k.points(h, shift[i], end)
		for _, v := range p[i] {
			if v > most[i] {
				most[i] = v
			}
		}
	}
	top := k.top
	if top == 0 {
		top = roundUp(max(most[0], most[1]))
	}
	said := [2]string{k.say(p[0][:], most[0]), k.say(p[1][:], most[1])}
	b := make([]byte, 0, 4<<10)
	text := func(parts ...string) {
		for _, s := range parts {
			b = append(b, s...)
		}
	}
	text(`<figcaption>`, k.title(), `</figcaption><svg role="img" viewBox="0 0 `, strconv.Itoa(svgWidth), " ", strconv.Itoa(svgHeight),
		`" aria-labelledby="`, k.id, `-t `, k.id, `-d"><title id="`, k.id, `-t">`, k.title(), `; the last 15 minutes</title><desc id="`, k.id, `-d">`,
		names[0], ": ", said[0], ". ", names[1], ": ", said[1], `.</desc>`)
	for _, part := range []float64{0, 0.5, 1} {
		y := plotBottom - part*(plotBottom-plotTop)
		text(`<path class="grid" d="M`, strconv.Itoa(plotLeft), " ")
		b = strconv.AppendFloat(b, y, 'f', 1, 64)
		text(`H`, strconv.Itoa(plotRight), `"/><text class="axis end" x="`, strconv.Itoa(plotLeft-5), `" y="`)
		b = strconv.AppendFloat(b, y+3.5, 'f', 1, 64)
		text(`">`, short(part*top), `</text>`)
	}
	for i, when := range []string{"15 min ago", "10", "5", "now"} {
		class := [...]string{"axis", "axis mid", "axis mid", "axis end"}[i]
		text(`<text class="`, class, `" x="`, strconv.Itoa(plotLeft+(plotRight-plotLeft)*i/3), `" y="`, strconv.Itoa(svgHeight-6), `">`, when, `</text>`)
	}
	for i, class := range [...]string{"peer", "this"} { // this node's line lies above
		if d := path(p[1-i][:], top); len(d) > 0 {
			text(`<path class="line `, class, `" d="`, string(d), `"/>`)
		}
	}
	text(`</svg><p class="legend"><span><svg class="key" viewBox="0 0 24 6" aria-hidden="true"><path class="line this" d="M0 3H24"/></svg> This node `, said[0],
		`</span> <span><svg class="key" viewBox="0 0 24 6" aria-hidden="true"><path class="line peer" d="M0 3H24"/></svg> Peer `, said[1], `</span></p>`)
	return string(b)
}

// say is a line in words.
func (k *curve) say(p []float64, most float64) string {
	last := p[len(p)-1]
	if math.IsNaN(last) {
		last = p[len(p)-2] // the peer's second may come a moment later
	}
	now := "no value now"
	if !math.IsNaN(last) {
		now = short(last) + k.unit
	}
	for _, v := range p {
		if !math.IsNaN(v) {
			return now + ", at most " + short(most) + k.unit
		}
	}
	return "not known"
}

// path draws the columns as a line with gaps. Points within a level stretch are left out.
func path(p []float64, top float64) (d []byte) {
	y := func(i int) float64 {
		return math.Round(10*(plotBottom-min(max(p[i]/top, 0), 1)*(plotBottom-plotTop))) / 10
	}
	known := func(i int) bool { return i >= 0 && i < len(p) && !math.IsNaN(p[i]) }
	for i := range p {
		if !known(i) {
			continue
		}
		here := y(i)
		if known(i-1) && known(i+1) && y(i-1) == here && y(i+1) == here {
			continue
		}
		mark := byte('L')
		if !known(i - 1) {
			mark = 'M'
		}
		d = append(d, mark)
		d = strconv.AppendFloat(d, plotLeft+float64(plotRight-plotLeft)*float64(i)/(columns-1), 'f', 1, 64)
		d = append(d, ' ')
		d = strconv.AppendFloat(d, here, 'f', -1, 64)
		if !known(i-1) && !known(i+1) {
			d = append(d, "h0.1"...) // a point by itself
		}
	}
	return d
}

// roundUp is the next number above v that reads well on an axis.
func roundUp(v float64) float64 {
	if v <= 1 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 4, 5, 6, 8, 10} {
		if v <= m*unit {
			return m * unit
		}
	}
	return 10 * unit
}
