package memproto

import (
	"encoding/base64"
	"slices"
	"strconv"

	"twincached/store"
)

// metaReplyBytes bounds what a reply adds to key, value and opaque: the code, a
// length, each flag once with its number, line ends.
const metaReplyBytes = 192 + maxOpaqueBytes

// Render is mg's reply to a hit.
func (m *metaLine) Render(dst []byte, v *store.View) []byte {
	value := m.value && !(m.compare && v.Version == m.cas) // C: only if it is another
	if !value {
		v.Pinned.Release()
		dst = slices.Grow(dst, metaReplyBytes+2*len(v.Key))
		dst = append(dst, "HD"...)
	} else {
		dst = slices.Grow(dst, metaReplyBytes+2*len(v.Key)+inlineBytes(v))
		dst = append(dst, "VA "...)
		dst = strconv.AppendUint(dst, uint64(len(v.Value)), 10)
	}
	expires := v.Expires
	if v.Created {
		expires = 0
	}
	for _, f := range m.flag[:m.n] {
		switch f[0] {
		case 'T':
			expires = m.expires
		case 'N':
			if v.Created {
				expires = m.createExp
			}
		case 's':
			dst = appendMetaUint(dst, 's', uint64(len(v.Value)))
		case 't':
			dst = m.appendTTL(dst, expires)
		case 'c':
			dst = appendMetaUint(dst, 'c', v.Version)
		case 'f':
			dst = appendMetaUint(dst, 'f', uint64(v.Flags))
		case 'l':
			dst = appendMetaUint(dst, 'l', uint64(v.IdleSeconds))
		case 'h':
			dst = append(dst, " h0"...)
			if v.Fetched {
				dst[len(dst)-1] = '1'
			}
		default:
			dst = m.appendEcho(dst, f)
		}
	}
	if v.Marks&store.MarkWon != 0 {
		dst = append(dst, " Z"...)
	}
	if v.Marks&store.MarkStale != 0 {
		dst = append(dst, " X"...)
	}
	if v.Wins {
		dst = append(dst, " W"...)
	}
	dst = append(dst, "\r\n"...)
	if value {
		dst = appendValue(dst, v)
		dst = append(dst, "\r\n"...)
	}
	return dst
}

// appendTTL answers a t flag: seconds left, -1 for ever.
func (m *metaLine) appendTTL(dst []byte, expires int64) []byte {
	if expires == 0 {
		return append(dst, " t-1"...)
	}
	return appendMetaUint(dst, 't', uint64(max(0, expires-m.now+999)/1000))
}

func appendMetaUint(dst []byte, letter byte, v uint64) []byte {
	return strconv.AppendUint(append(dst, ' ', letter), v, 10)
}

// appendEcho answers a flag that gives back what the client said: k and O. Others
// have no answer.
func (m *metaLine) appendEcho(dst, flag []byte) []byte {
	switch flag[0] {
	case 'O':
		dst = append(dst, ' ')
		dst = append(dst, flag...)
	case 'k':
		dst = append(dst, " k"...)
		dst = m.appendKey(dst)
		if m.binary {
			dst = append(dst, " b"...)
		}
	}
	return dst
}

// appendKey appends the key as the client wrote it.
func (m *metaLine) appendKey(dst []byte) []byte {
	if m.binary {
		return base64.StdEncoding.AppendEncode(dst, m.key)
	}
	return append(dst, m.key...)
}

// metaReply answers a code and the flags that give back what the client said.
func (c *Conn) metaReply(m *metaLine, code string) {
	c.out = append(c.out, code...)
	for _, f := range m.flag[:m.n] {
		c.out = m.appendEcho(c.out, f)
	}
	c.out = append(c.out, "\r\n"...)
}
