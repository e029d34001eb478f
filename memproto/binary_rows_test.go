package memproto

import "strings"

type binaryRow struct {
	name   string
	steps  []binaryStep
	noTwin bool // memcached does something else, for the reason that stands beside the row
}

func row(name string, steps ...binaryStep) binaryRow { return binaryRow{name: name, steps: steps} }

func ourRow(name string, steps ...binaryStep) binaryRow {
	return binaryRow{name: name, steps: steps, noTwin: true}
}

// does is a step; without replies, a quiet one.
func does(send []byte, want ...[]frame) binaryStep {
	st := binaryStep{send: send}
	for _, w := range want {
		st.want = append(st.want, w...)
	}
	return st
}

// ends is a step after which the conn is closed.
func ends(send []byte, want ...[]frame) binaryStep {
	st := does(send, want...)
	st.closed = true
	return st
}

// binaryRows say what each opcode answers, here and in memcached.
func binaryRows() []binaryRow {
	return append(append(append(storageRows(), itemRows()...), adminRows()...), malformedRows()...)
}

func storageRows() []binaryRow {
	x := storeExtras(7, 0)
	tooLarge := strings.Repeat("v", 1<<20+100)
	var rows []binaryRow
	for _, op := range []byte{opSet, opSetQ, opAdd, opAddQ, opReplace, opReplaceQ, opAppend, opAppendQ, opPrepend, opPrependQ} {
		loud, quiet := loudForm(op)
		success := done(op, anyCAS)
		if quiet {
			success = nil
		}
		extras := x
		if loud == opAppend || loud == opPrepend {
			extras = ""
		}
		send := func(key, value string, cas ...uint64) []byte { return request(op, key, extras, value, cas...) }
		name := func(what string) string { return u8(op) + " " + what }
		hit, miss := success, success
		newValue := map[byte]string{opSet: "new", opAdd: "old", opReplace: "new", opAppend: "oldnew", opPrepend: "newold"}[loud]
		missing, withCAS := "", "new"
		missCAS := failed(op, statusNotFound)
		afterTooLarge := "old"
		switch loud {
		case opSet:
			missing, afterTooLarge = "new", ""
		case opAdd:
			hit, missing = failed(op, statusExists), "new"
		case opReplace:
			miss = failed(op, statusNotFound)
		case opAppend, opPrepend:
			miss, missCAS, withCAS = failed(op, statusNotStored), failed(op, statusNotStored), newValue
		}
		rows = append(rows,
			row(name("hit"), has("k", "old"), does(send("k", "new"), hit), holds("k", 7, newValue)),
			row(name("miss"), does(send("k", "new"), miss), holds("k", 7, missing)),
			row(name("right CAS"), has("k", "old"), does(send("k", "new", lastCAS), success), holds("k", 7, withCAS)),
			row(name("wrong CAS"), has("k", "old"), does(send("k", "new", badCAS), failed(op, statusExists)), holds("k", 7, "old")),
			row(name("CAS of a miss"), does(send("k", "new", badCAS), missCAS), holds("k", 7, "")),
			row(name("too large"), has("k", "old"), does(send("k", tooLarge), failed(op, statusTooLarge)), holds("k", 7, afterTooLarge)),
			row(name("empty value, odd key"), does(request(opSet, "\x00 \r\n\xff", x, ""), done(opSet, anyCAS)),
				does(request(opGet, "\x00 \r\n\xff", "", ""), got(opGet, statusOK, u32(7), "", "", anyCAS))),
		)
	}
	big := strings.Repeat("v", 600_000)
	return append(rows,
		row("flags", does(request(opSet, "k", storeExtras(0xfffffffe, 0), "v"), done(opSet, anyCAS)), holds("k", 0xfffffffe, "v")),
		row("expired at once", does(request(opSet, "k", storeExtras(0, 2592001), "v"), done(opSet, anyCAS)), holds("k", 0, "")),
		row("expires in 2106", does(request(opSet, "k", storeExtras(0, 0xffffffff), "v"), done(opSet, anyCAS)), holds("k", 0, "v")),
		row("the longest key", has(strings.Repeat("k", 250), "v"), holds(strings.Repeat("k", 250), 7, "v")),
		row("append grows too large", has("k", big), does(request(opAppend, "k", "", big), failed(opAppend, statusNotStored))),
	)
}

func u8(op byte) string { return string("0123456789abcdef"[op>>4]) + string("0123456789abcdef"[op&15]) }

// itemRows are the other ops on one key.
func itemRows() []binaryRow {
	var rows []binaryRow
	for _, op := range []byte{opGet, opGetQ, opGetK, opGetKQ, opTouch, opGAT, opGATQ, opGATK, opGATKQ} {
		loud, quiet := loudForm(op)
		extras, value, key := "", "val", ""
		miss := failed(op, statusNotFound)
		switch loud {
		case opTouch:
			extras, value = u32(100), ""
		case opGAT:
			extras = u32(100)
		case opGATK:
			extras, key = u32(0), "k"
		case opGetK:
			key = "k"
		}
		if key != "" {
			miss = got(op, statusNotFound, "", key, "", 0)
		}
		if quiet {
			miss = nil
		}
		rows = append(rows,
			row(u8(op)+" hit", has("k", "val"), does(request(op, "k", extras, ""), got(op, statusOK, u32(7), key, value, anyCAS)), holds("k", 7, "val")),
			row(u8(op)+" miss", does(request(op, "k", extras, ""), miss)))
		if extras != "" {
			rows = append(rows, row(u8(op)+" expires at once", has("k", "val"),
				does(request(op, "k", u32(2592001), ""), got(op, statusOK, u32(7), key, value, anyCAS)), holds("k", 7, "")))
		}
	}
	for _, op := range []byte{opDelete, opDeleteQ} {
		success := done(op, 0)
		if _, quiet := loudForm(op); quiet {
			success = nil
		}
		rows = append(rows,
			row(u8(op)+" hit", has("k", "v"), does(request(op, "k", "", ""), success), holds("k", 0, "")),
			row(u8(op)+" miss", does(request(op, "k", "", ""), failed(op, statusNotFound))),
			row(u8(op)+" miss with CAS", does(request(op, "k", "", "", badCAS), failed(op, statusNotFound))),
			row(u8(op)+" right CAS", has("k", "v"), does(request(op, "k", "", "", lastCAS), success), holds("k", 0, "")),
			row(u8(op)+" wrong CAS", has("k", "v"), does(request(op, "k", "", "", badCAS), failed(op, statusExists)), holds("k", 7, "v")))
	}
	for _, op := range []byte{opIncrement, opIncrQ, opDecrement, opDecrQ} {
		loud, quiet := loudForm(op)
		result, text := uint64(42), "42"
		if loud == opDecrement {
			result, text = 38, "38"
		}
		number := func(n uint64) []frame {
			if quiet {
				return nil
			}
			return got(op, statusOK, "", "", u64(n), anyCAS)
		}
		edge, beyond, wrapped := "18446744073709551615", uint64(1), uint64(0)
		if loud == opDecrement {
			edge, beyond = "5", 6
		}
		rows = append(rows,
			row(u8(op)+" hit", has("k", "40"), does(request(op, "k", deltaExtras(2, 9, 0), ""), number(result)), holds("k", 7, text)),
			row(u8(op)+" at the edge", has("k", edge), does(request(op, "k", deltaExtras(beyond, 9, 0), ""), number(wrapped))),
			row(u8(op)+" creates", does(request(op, "k", deltaExtras(2, 90, 0), ""), number(90)), holds("k", 0, "90"),
				does(request(opIncrement, "k", deltaExtras(2, 5, 0), "", lastCAS), got(opIncrement, statusOK, "", "", u64(92), anyCAS))),
			row(u8(op)+" creates whatever the CAS", does(request(op, "k", deltaExtras(2, 1<<63, 100), "", badCAS), number(1<<63)), holds("k", 0, "9223372036854775808")),
			row(u8(op)+" creates and it expires", does(request(op, "k", deltaExtras(2, 3, 2592001), ""), number(3)), holds("k", 0, "")),
			row(u8(op)+" may not create", does(request(op, "k", deltaExtras(2, 9, 0xffffffff), ""), failed(op, statusNotFound)), holds("k", 0, "")),
			row(u8(op)+" right CAS", has("k", "40"), does(request(op, "k", deltaExtras(2, 9, 0), "", lastCAS), number(result))),
			row(u8(op)+" wrong CAS", has("k", "40"), does(request(op, "k", deltaExtras(2, 9, 0), "", badCAS), failed(op, statusExists)), holds("k", 7, "40")),
			row(u8(op)+" no number", has("k", "x"), does(request(op, "k", deltaExtras(2, 9, 0), ""), failed(op, statusNonNumeric))))
	}
	return rows
}
