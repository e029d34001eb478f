package memproto

import (
	"slices"
	"strings"
)

// adminRows are the ops without a key.
func adminRows() []binaryRow {
	var rows []binaryRow
	for _, op := range []byte{opFlush, opFlushQ} {
		success := done(op, 0)
		if op == opFlushQ {
			success = nil
		}
		rows = append(rows,
			row(u8(op), has("k", "v"), does(request(op, "", "", ""), success), holds("k", 0, "")),
			row(u8(op)+" 0", has("k", "v"), does(request(op, "", u32(0), ""), success), holds("k", 0, "")),
			row(u8(op)+" later", has("k", "v"), does(request(op, "", u32(100), ""), success), holds("k", 7, "v"), does(request(op, "", u32(0), ""), success)))
	}
	return append(rows,
		// In the protocol's document, but not in memcached.
		ourRow("verbosity", does(request(opVerbosity, "", u32(0), ""), done(opVerbosity, 0)), does(request(opNoop, "", "", ""), done(opNoop, 0))),
		ourRow("verbosity without a level", ends(request(opVerbosity, "", "", ""), failed(opVerbosity, statusInvalid))),
		// memcached drops the length of extras and key once more than they are there.
		ourRow("unknown with extras, key and value", does(request(0x50, "key", u32(0), "value"), failed(0x50, statusUnknown)), does(request(opNoop, "", "", ""), done(opNoop, 0))),
		row("a value behind touch is the next packet", has("k", "v"), does(request(opTouch, "k", u32(0), string(request(opVersion, "", "", ""))),
			got(opTouch, statusOK, u32(7), "", "", anyCAS), got(opVersion, statusOK, "", "", "1.6.45", 0))),
		// memcached closes before it has written what it answered.
		ourRow("a value behind stat is the next packet", ends(request(opStat, "reset", "", strings.Repeat("x", 24)), done(opStat, 0))),
		row("noop", does(request(opNoop, "", "", ""), done(opNoop, 0))),
		row("version", does(request(opVersion, "", "", ""), got(opVersion, statusOK, "", "", "1.6.45", 0))),
		row("quit", ends(request(opQuit, "", "", ""), done(opQuit, 0))),
		row("quitq", ends(request(opQuitQ, "", "", ""))),
		row("sasl list", does(request(opSASLList, "", "", ""), failed(opSASLList, statusUnknown))),
		row("sasl auth", does(request(opSASLAuth, "PLAIN", "", "\x00a\x00b"), failed(opSASLAuth, statusUnknown)), holds("k", 0, "")),
		row("sasl step", does(request(opSASLStep, "PLAIN", "", "\x00a\x00b"), failed(opSASLStep, statusUnknown)), holds("k", 0, "")),
		row("stat reset", does(request(opStat, "reset", "", ""), done(opStat, 0))),
		row("stat of no group", does(request(opStat, "nonsense", "", ""), failed(opStat, statusNotFound))),
		row("unknown", does(request(0x50, "", "", ""), failed(0x50, statusUnknown)), does(request(0xff, "", "", "value"), failed(0xff, statusUnknown)), holds("k", 0, "")),
		row("a pipeline of quiet retrievals", has("a", "1"), has("c", "3"),
			does(slices.Concat(request(opGetKQ, "a", "", ""), request(opGetKQ, "b", "", ""), request(opGetKQ, "c", "", ""), request(opNoop, "", "", "")),
				got(opGetKQ, statusOK, u32(7), "a", "1", anyCAS), got(opGetKQ, statusOK, u32(7), "c", "3", anyCAS), done(opNoop, 0))),
		row("a pipeline of quiet changes",
			does(slices.Concat(request(opSetQ, "a", storeExtras(0, 0), "1"), request(opAppendQ, "a", "", "2"), request(opAddQ, "a", storeExtras(0, 0), "x"),
				request(opIncrQ, "a", deltaExtras(1, 0, 0), ""), request(opGetQ, "a", "", ""), request(opDeleteQ, "a", "", ""), request(opGetQ, "a", "", ""), request(opNoop, "", "", "")),
				failed(opAddQ, statusExists), got(opGetQ, statusOK, u32(0), "", "13", anyCAS), done(opNoop, 0))),
	)
}

// malformedRows are packets that do not fit together.
func malformedRows() []binaryRow {
	with := func(b []byte, at int, v string) []byte {
		b = slices.Clone(b)
		copy(b[at:], v)
		return b
	}
	rows := []binaryRow{
		row("bad magic", ends(with(request(opNoop, "", "", ""), 0, "\x81"))),
		row("text", does(request(opNoop, "", "", ""), done(opNoop, 0)), ends([]byte("get a\r\nget a\r\nget a\r\nget a\r\n"))),
		row("body shorter than key", ends(with(request(opGet, "kkk", "", ""), 8, u32(2)), failed(opGet, statusUnknown))),
		row("body shorter than extras and key", ends(with(request(opSetQ, "kkk", storeExtras(0, 0), ""), 8, u32(10)), failed(opSetQ, statusUnknown))),
		row("key too long", ends(request(opGetQ, strings.Repeat("k", 251), "", ""), failed(opGetQ, statusInvalid))),
		// memcached resets the connection, and the reply may be lost.
		ourRow("key far too long", ends(request(opSet, strings.Repeat("k", 65535), storeExtras(0, 0), "v"), failed(opSet, statusInvalid))),
	}
	bad := map[string][][]byte{}
	add := func(what string, extras, key, value string, ops ...byte) {
		for _, op := range ops {
			bad[what+" "+u8(op)] = append(bad[what+" "+u8(op)], request(op, key, extras, value))
		}
	}
	retrievals := []byte{opGet, opGetQ, opGetK, opGetKQ, opDelete, opDeleteQ}
	storage := []byte{opSet, opSetQ, opAdd, opAddQ, opReplace, opReplaceQ}
	joins := []byte{opAppend, opAppendQ, opPrepend, opPrependQ}
	arithmetic := []byte{opIncrement, opIncrQ, opDecrement, opDecrQ}
	touches := []byte{opTouch, opGAT, opGATQ, opGATK, opGATKQ}
	bare := []byte{opNoop, opVersion, opQuit, opQuitQ, opSASLList}
	for what, ops := range map[string][]byte{"no key": slices.Concat(retrievals, joins), "no key, no extras": {opSASLAuth, opSASLStep}} {
		add(what, "", "", "", ops...)
	}
	add("value", "", "k", "v", retrievals...)
	add("extras", u32(0), "k", "", slices.Concat(retrievals, joins, storage, arithmetic, []byte{opSASLAuth, opStat})...)
	add("no key", storeExtras(0, 0), "", "v", storage...)
	add("no key", deltaExtras(1, 1, 0), "", "", arithmetic...)
	add("value", deltaExtras(1, 1, 0), "k", "v", arithmetic...)
	add("no extras", "", "k", "", slices.Concat(storage, arithmetic, touches)...)
	add("no key", u32(0), "", "", touches...)
	add("key", "", "k", "", append(bare, opFlush, opFlushQ)...)
	add("value", "", "", "v", append(bare, opFlush, opFlushQ)...)
	add("extras", "\x00", "", "", append(bare, opFlush, opFlushQ)...)
	for what, packets := range bad {
		for _, p := range packets {
			rows = append(rows, row("malformed, "+what, ends(p, failed(p[1], statusInvalid))))
		}
	}
	return rows
}
