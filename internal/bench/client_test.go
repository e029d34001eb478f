package bench

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// small is options for a batch with everything in it.
func small(p Protocol, multiget int) *Options {
	o := Default()
	o.Protocol, o.Multiget, o.Depth, o.Gets = p, multiget, 8, 70
	o.Keys, o.MinValue, o.MaxValue, o.TTL = 40, 0, 60, 30
	return &o
}

// each calls f for every protocol, with gets of one key and of more.
func each(t *testing.T, f func(t *testing.T, o *Options)) {
	for name, p := range map[string]Protocol{"text": Text, "meta": Meta, "resp": RESP} {
		for _, multiget := range []int{1, 5} {
			t.Run(fmt.Sprint(name, multiget), func(t *testing.T) { f(t, small(p, multiget)) })
		}
	}
}

// half is a server that half of the keys are on.
func half(d *dataset) *fake {
	f := &fake{lost: func(key string) bool { return key[len(key)-1]%2 == 0 }}
	for k := range uint32(d.opt.Keys) {
		f.set(string(d.appendKey(nil, k)), string(d.value(k)))
	}
	return f
}

// feed gives replies to c, n bytes at a time.
func feed(s *source, c *client, replies []byte, n int) error {
	for len(replies) > 0 {
		k := min(n, len(replies))
		c.in = append(c.in, replies[:k]...)
		replies = replies[k:]
		if err := s.replies(c, 2, true); err != nil {
			return err
		}
	}
	return nil
}

func TestReplies_AreTakenHoweverTheyArrive(t *testing.T) {
	each(t, func(t *testing.T, o *Options) {
		d := newDataset(o)
		f := half(d)
		s := newSource(d, 3, newRecorder())
		c := newClient(0, o)
		var want counts
		for n := 1; n < 120; n++ {
			s.batch(c, 1, o.Depth)
			for _, r := range c.reqs {
				if !r.get {
					want.Sets++
					continue
				}
				want.Gets++
				for _, k := range c.keys[r.first:r.last] {
					if _, ok := f.get(string(d.appendKey(nil, k))); ok {
						want.Hits++
					} else {
						want.Misses++
					}
				}
			}
			if err := feed(s, c, f.answer(c.out), n); err != nil {
				t.Fatalf("%d bytes at a time: %v", n, err)
			}
			if !c.finished() || len(c.in) > 0 || s.counts != want {
				t.Fatalf("%d bytes at a time: %d of %d replies, %d bytes left, %+v, want %+v", n, c.next, len(c.reqs), len(c.in), s.counts, want)
			}
		}
		if want.Gets == 0 || want.Sets == 0 || want.Hits == 0 || want.Misses == 0 {
			t.Errorf("the test tries too little: %+v", want)
		}
	})
}

// Whichever byte of a reply is another one, the batch does not pass.
func TestReplies_NoWrongBytePasses(t *testing.T) {
	each(t, func(t *testing.T, o *Options) {
		d := newDataset(o)
		f := half(d)
		s := newSource(d, 3, newRecorder())
		c := newClient(0, o)
		s.batch(c, 1, o.Depth)
		replies := f.answer(c.out)
		batch := *c
		for i := range replies {
			bad := bytes.Clone(replies)
			bad[i] ^= 1
			*c = batch
			if err := feed(s, c, bad, len(bad)); err == nil && c.finished() {
				t.Errorf("byte %d wrong: %q", i, bad)
			}
		}
		for _, cut := range []int{1, 2, 9, len(replies) / 2} {
			*c = batch
			if err := feed(s, c, replies[:len(replies)-cut], 7); err == nil && c.finished() {
				t.Errorf("%d bytes less pass", cut)
			}
		}
		*c = batch
		if err := feed(s, c, append(bytes.Clone(replies), 'x'), 1<<20); err == nil {
			t.Error("a byte more passes")
		}
	})
}

func TestReplies_AnotherKeysValueIsWrong(t *testing.T) {
	each(t, func(t *testing.T, o *Options) {
		o.MinValue, o.Gets = o.MaxValue, 100
		d := newDataset(o)
		f := &fake{}
		for k := range uint32(o.Keys) {
			f.set(string(d.appendKey(nil, k)), string(d.value(k+1)))
		}
		s, c := newSource(d, 3, newRecorder()), newClient(0, o)
		s.batch(c, 1, o.Depth)
		if err := feed(s, c, f.answer(c.out), 1<<20); err == nil || !strings.Contains(err.Error(), "a wrong value: bench:") {
			t.Errorf("%v", err)
		}
	})
}

func TestReplies_MissIsAnErrorWhereHitsAreNeeded(t *testing.T) {
	each(t, func(t *testing.T, o *Options) {
		o.NeedHits = true
		d := newDataset(o)
		s, c := newSource(d, 3, newRecorder()), newClient(0, o)
		s.batch(c, 1, o.Depth)
		if err := feed(s, c, half(d).answer(c.out), 1<<20); err == nil || !strings.Contains(err.Error(), "is not there") {
			t.Errorf("%v", err)
		}
	})
}

func TestReplies_WhatTheServerSaysIsTold(t *testing.T) {
	o := small(Text, 1)
	o.Gets = 0
	s, c := newSource(newDataset(o), 3, newRecorder()), newClient(4, o)
	s.batch(c, 1, 1)
	err := feed(s, c, []byte("SERVER_ERROR out of memory\r\n"), 1<<20)
	if err == nil || err.Error() != `connection 4: the server answered to a set: "SERVER_ERROR out of memory"` {
		t.Errorf("%v", err)
	}
	c = newClient(5, o)
	s.batch(c, 1, 1)
	if err := feed(s, c, bytes.Repeat([]byte("x"), maxLine+1), 1<<20); err == nil || !strings.Contains(err.Error(), "a line without an end") {
		t.Errorf("%v", err)
	}
}

// In an open loop at is when the request was due, and not when it was sent.
func TestReplies_LatencyCountsFromAt(t *testing.T) {
	o := small(Text, 1)
	d := newDataset(o)
	s, c := newSource(d, 3, newRecorder()), newClient(0, o)
	s.batch(c, 1000, 1)
	c.in = append(c.in, half(d).answer(c.out)...)
	if err := s.replies(c, 5000, true); err != nil {
		t.Fatal(err)
	}
	s.end(nil)
	if got := s.sink.took.Max(); got < 3990 || got > 4010 || !s.sink.counted.Load() {
		t.Errorf("%d ns, want 4000", got)
	}
}

func TestReplies_WarmUpIsNotCounted(t *testing.T) {
	o := small(Text, 1)
	d := newDataset(o)
	s, c := newSource(d, 3, newRecorder()), newClient(0, o)
	s.batch(c, 1, 5)
	c.in = append(c.in, half(d).answer(c.out)...)
	if err := s.replies(c, 5000, false); err != nil {
		t.Fatal(err)
	}
	s.end(nil)
	if got := s.sink.total; got.Gets+got.Sets != 0 || got.unmeasured != 5 || s.sink.took.TotalCount() != 0 || s.sink.counted.Load() {
		t.Errorf("%+v, %d latencies", got, s.sink.took.TotalCount())
	}
}

func TestBatch_LoadSetsEachKeyOnce(t *testing.T) {
	o := small(Text, 1)
	d := newDataset(o)
	f := &fake{}
	for i := range 3 {
		s, c := newSource(d, uint64(i), newRecorder()), newClient(0, o)
		s.load = &keyRange{next: i * o.Keys / 3, end: (i + 1) * o.Keys / 3}
		for s.batch(c, 1, 7) {
			f.answer(c.out)
			c.next = len(c.reqs)
		}
	}
	if len(f.items) != o.Keys {
		t.Errorf("%d keys, want %d", len(f.items), o.Keys)
	}
}

func TestBatch_AllocatesNothing(t *testing.T) {
	each(t, func(t *testing.T, o *Options) {
		d := newDataset(o)
		f := half(d)
		s, c := newSource(d, 3, newRecorder()), newClient(0, o)
		s.batch(c, 1, o.Depth)
		s.appendSet(c.out[:0], 1) // whatever grows has grown
		start := *s
		s.batch(c, 1, o.Depth)
		replies := f.answer(c.out)
		if n := testing.AllocsPerRun(100, func() {
			s.random, s.draw = start.random, start.draw
			s.batch(c, 1, o.Depth)
			c.in = append(c.in, replies...)
			if err := s.replies(c, 2, true); err != nil {
				t.Fatal(err)
			}
		}); n > 0 {
			t.Errorf("%v allocations a batch", n)
		}
	})
}
