package memproto

import (
	"slices"
	"strconv"

	"twincached/store"
)

// orLongOpaque is fault, or if there is none, what is wrong with the opaque.
func (m *metaLine) orLongOpaque(fault string) string {
	if fault == "" && m.longOpaque {
		return replyLongOpaque
	}
	return fault
}

// metaGet answers mg.
func (c *Conn) metaGet(m *metaLine, fault string) {
	if fault = m.orLongOpaque(fault); fault != "" {
		c.reply(fault, false)
		return
	}
	c.fetch = store.Fetch{
		Key: m.key, Quiet: m.peek, Pin: m.pin(c),
		Touch: m.touch, Expires: m.expires,
		Create: m.create, CreateExpires: m.created(),
		MayWin: true, Renew: m.renew, RenewBefore: m.soon, AfterTouch: !m.renewFirst,
	}
	switch hit := c.doFetch(m); {
	case c.fetch.NoMemory:
		c.reply(replyNoMemory, false)
	case !hit && !m.quiet:
		c.metaReply(m, "EN")
	}
}

// pin is where the value is kept in place; Render gives it back where the reply has none.
func (m *metaLine) pin(c *Conn) *Pinned {
	if m.value {
		return &c.pin
	}
	return nil
}

// metaSet answers ms. The line's key is key; its length and flags are rest[at:end].
func (c *Conn) metaSet(m *metaLine, key, rest []byte, at, end, lineBytes int) (n, need int) {
	word, skip := cutWord(rest[at:end])
	size, ok := parseLength(word)
	if !ok { // as in the classic protocol: what follows is the next command line
		c.reply(replyBadFormat, false)
		return lineBytes, 0
	}
	fault := replyBadFormat
	if flags := rest[at+skip : end]; metaWords(flags) {
		fault = m.parse(c.now, key, flags, maxMetaTokens-3)
	}
	c.req = store.Request{Key: m.key, Flags: m.flags, Expires: m.expires}
	if fault == "" {
		fault = m.setMode(&c.req)
	}
	if fault == "" && c.tooLarge(m.key, int64(size)) {
		c.refuseTooLarge(c.req.Op, m.key, true, int64(size)+2)
		fault = replyTooLarge
	}
	if fault = m.orLongOpaque(fault); fault != "" {
		c.req = store.Request{}
		c.reply(fault, false)
		c.swallow = int64(size) + 2
		return lineBytes, 0
	}
	op := c.req.Op
	value, stop, need, refused := c.body(m.key, rest, lineBytes, size, 2)
	switch {
	case refused:
		c.req = store.Request{}
		c.metaStored(m, c.refuse(op, m.key), 0)
		return stop, 0
	case value == nil:
		c.req = store.Request{}
		return stop, need
	}
	if rest[stop] != '\r' || rest[stop+1] != '\n' {
		c.req = store.Request{}
		c.reply(replyBadChunk, false)
		return stop + 2, 0
	}
	c.req.Value, c.req.Draft = value, c.draft(op)
	c.metaStored(m, c.do(), size)
	return stop + 2, 0
}

// setMode fills in what the M flag and the flags that go with it ask for.
func (m *metaLine) setMode(r *store.Request) (fault string) {
	switch m.mode {
	case 0, 'S':
		r.Op = store.OpSet
	case 'E':
		r.Op = store.OpAdd
		return "" // memcached's add does not look at a CAS
	case 'R':
		r.Op = store.OpReplace
	case 'A':
		r.Op = store.OpAppend
	case 'P':
		r.Op = store.OpPrepend
	default:
		return "CLIENT_ERROR invalid mode for ms M token\r\n"
	}
	r.Compare, r.CAS = m.compare, m.cas
	switch r.Op {
	case store.OpAppend, store.OpPrepend:
		r.Create, r.CreateExpires = m.create, m.createExp
	default:
		if m.compare {
			r.Op, r.Invalidate = store.OpCAS, m.invalidate
		}
	}
	return ""
}

// metaStored answers ms when the store has decided.
func (c *Conn) metaStored(m *metaLine, r store.Result, sentBytes int) {
	code := "NS"
	switch r.Status {
	case store.Stored:
		if m.quiet {
			return
		}
		code, sentBytes = "HD", int(r.Number)
	case store.Exists:
		code = "EX"
	case store.NotFound:
		code = "NF"
	case store.NotStored:
	case store.TooLarge: // append and prepend: the two together
		c.reply(replyTooLarge, false)
		return
	default:
		c.reply(replyNoMemoryStore, false)
		return
	}
	c.out = append(c.out, code...)
	for _, f := range m.flag[:m.n] {
		switch f[0] {
		case 'c':
			c.out = appendMetaUint(c.out, 'c', r.Version)
		case 's':
			c.out = appendMetaUint(c.out, 's', uint64(sentBytes))
		default:
			c.out = m.appendEcho(c.out, f)
		}
	}
	c.out = append(c.out, "\r\n"...)
}

// metaDelete answers md: a delete, or with I or x a mark on the item that stays.
func (c *Conn) metaDelete(m *metaLine, fault string) {
	if fault = m.orLongOpaque(fault); fault != "" {
		c.reply(fault, false)
		return
	}
	c.req = store.Request{Op: store.OpDelete, Key: m.key, Compare: m.compare, CAS: m.cas}
	if m.invalidate || m.empty {
		c.req = store.Request{
			Op: store.OpMark, Key: m.key, Compare: m.compare, CAS: m.cas, Flags: m.flags,
			Invalidate: m.invalidate, Empty: m.empty, Touch: m.touch, Expires: m.expires,
		}
	}
	switch c.do().Status {
	case store.Deleted, store.Stored:
		if !m.quiet {
			c.metaReply(m, "HD")
		}
	case store.Exists:
		c.metaReply(m, "EX")
	case store.NotFound:
		c.metaReply(m, "NF")
	default:
		c.reply(replyNoMemory, false)
	}
}

// metaArithmetic answers ma.
func (c *Conn) metaArithmetic(m *metaLine, fault string) {
	if fault != "" {
		if fault != replyNoCAS {
			fault = replyMetaFlags // memcached tells no more
		}
		c.reply(fault, false)
		return
	}
	c.req = store.Request{
		Op: store.OpIncr, Key: m.key, Delta: m.delta, Compare: m.compare, CAS: m.cas,
		Touch: m.touch, Expires: m.expires,
		Create: m.create, Initial: m.initial, CreateExpires: m.created(),
	}
	switch m.mode {
	case 0, 'I', '+':
	case 'D', '-':
		c.req.Op = store.OpDecr
	default:
		fault = "CLIENT_ERROR invalid mode for ma M token\r\n"
	}
	if fault = m.orLongOpaque(fault); fault != "" {
		c.req = store.Request{}
		c.reply(fault, false)
		return
	}
	switch r := c.do(); r.Status {
	case store.Stored, store.Created:
		if !m.quiet {
			c.metaNumber(m, &r)
		}
	case store.NotFound:
		c.metaReply(m, "NF")
	case store.Exists:
		c.metaReply(m, "EX")
	case store.NonNumeric:
		c.reply(replyNonNumeric, false)
	case store.TooLarge:
		c.reply(replyTooLarge, false)
	default:
		c.reply(replyNoMemory, false)
	}
}

// metaNumber is ma's reply to success.
func (c *Conn) metaNumber(m *metaLine, r *store.Result) {
	var room [20]byte
	number := strconv.AppendUint(room[:0], r.Number, 10)
	if m.value {
		c.out = append(c.out, "VA "...)
		c.out = strconv.AppendUint(c.out, uint64(len(number)), 10)
	} else {
		c.out = append(c.out, "HD"...)
	}
	for _, f := range m.flag[:m.n] {
		switch f[0] {
		case 'c':
			c.out = appendMetaUint(c.out, 'c', r.Version)
		case 't':
			c.out = m.appendTTL(c.out, r.Expires)
		default:
			c.out = m.appendEcho(c.out, f)
		}
	}
	c.out = append(c.out, "\r\n"...)
	if m.value {
		c.out = append(c.out, number...)
		c.out = append(c.out, "\r\n"...)
	}
}

// metaInspect answers me, which is for people and for those who compare nodes: what
// is known of an item, without touching it; with v also what is stored in it.
func (c *Conn) metaInspect(m *metaLine, fault string) {
	if fault != "" {
		c.reply(fault, false)
		return
	}
	c.srv.metaDebugs.Add(1)
	c.fetch = store.Fetch{Key: m.key, Peek: true}
	if m.value {
		c.fetch.Pin = &c.pin
	}
	if !c.doFetch((*metaInspection)(m)) {
		c.out = append(c.out, "EN\r\n"...)
	}
}

// metaInspection renders the reply of me.
type metaInspection metaLine

// Render is me's reply to a hit. v is ours: it adds the exact expiry (Unix ms, 0 never), the
// flags, the marks and the value, which no mg can read without counting as a reader or
// winning a stale item.
func (i *metaInspection) Render(dst []byte, v *store.View) []byte {
	m := (*metaLine)(i)
	if m.value {
		dst = slices.Grow(dst, metaReplyBytes+2*len(v.Key)+inlineBytes(v))
	}
	dst = append(dst, "ME "...)
	dst = m.appendKey(dst)
	dst = append(dst, " exp="...)
	if v.Expires == 0 {
		dst = append(dst, "-1"...)
	} else {
		dst = strconv.AppendInt(dst, (v.Expires-m.now+999)/1000, 10)
	}
	dst = append(dst, " la="...)
	dst = strconv.AppendInt(dst, v.IdleSeconds, 10)
	dst = append(dst, " cas="...)
	dst = strconv.AppendUint(dst, v.Version, 10)
	dst = append(dst, " fetch="...)
	if v.Fetched {
		dst = append(dst, "yes"...)
	} else {
		dst = append(dst, "no"...)
	}
	dst = appendClassAndSize(append(dst, " cls="...), v)
	if !m.value {
		return append(dst, "\r\n"...)
	}
	dst = strconv.AppendInt(append(dst, " exp_ms="...), v.Expires, 10)
	dst = strconv.AppendUint(append(dst, " flags="...), uint64(v.Flags), 10)
	dst = strconv.AppendInt(append(dst, " bytes="...), int64(len(v.Value)), 10)
	if v.Marks&store.MarkStale != 0 {
		dst = append(dst, " stale=yes"...)
	}
	if v.Marks&store.MarkWon != 0 {
		dst = append(dst, " won=yes"...)
	}
	dst = appendValue(append(dst, "\r\n"...), v)
	return append(dst, "\r\n"...)
}
