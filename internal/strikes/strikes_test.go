package strikes

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

var rules = Rules{
	Free: 10, Calm: 2, PerFailure: 20 * time.Millisecond, MaxDelay: time.Second,
	Gap: 10 * time.Millisecond, MaxTurn: 2 * time.Second, Addresses: 16,
}

const start = int64(1_750_000_000_000)

func from(i int) netip.Prefix {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(i))
	return Source(netip.AddrFrom4(b))
}

func (b *Book) fail(n int, who netip.Prefix, now int64) {
	for range n {
		b.Failed(&rules, who, now)
	}
}

func TestBook_DelayGrowsAndPasses(t *testing.T) {
	var b Book
	now := start
	for _, step := range []struct {
		after int64 // ms
		fails int
		want  time.Duration
	}{
		{0, 10, 0}, {0, 1, 20 * time.Millisecond},
		{-5000, 0, 20 * time.Millisecond}, {5000, 9, 200 * time.Millisecond}, {0, 1000, time.Second},
		{1000, 0, time.Second - 40*time.Millisecond},
		{-5000, 0, time.Second}, // a clock that went back forgives nothing and adds nothing
		{40_000, 0, 0}, {0, 1000, time.Second},
	} {
		now += step.after
		b.fail(step.fails, from(1), now)
		if got := b.Delay(&rules, from(1), now); got != step.want {
			t.Errorf("%+v: %v", step, got)
		}
	}
	if d := b.Delay(&rules, from(2), start); d != 0 {
		t.Errorf("another address waits %v", d)
	}
	b.Clear(from(1))
	if d := b.Delay(&rules, from(1), start); d != 0 || b.Len() != 0 {
		t.Errorf("after one that was right: %v", d)
	}
}

// Turns of an address that fails wait for each other, and none for longer than MaxTurn.
func TestBook_TurnsOfAnAddressKeepAGap(t *testing.T) {
	var b Book
	if got := b.Turn(&rules, from(1), start, 0); got != start || b.Len() != 0 {
		t.Errorf("who never failed waits %d ms, %d remembered", got-start, b.Len())
	}
	if got := b.Turn(&rules, from(1), start, 70*time.Millisecond); got != start+70 {
		t.Errorf("its own delay: %d ms", got-start)
	}
	b.fail(10, from(1), start)
	for range 2 {
		if got := b.Turn(&rules, from(1), start, 0); got != start {
			t.Errorf("who failed little waits %d ms", got-start)
		}
	}
	b.fail(5, from(1), start) // 100 ms
	for i := range int64(500) {
		if got, want := b.Turn(&rules, from(1), start, 0)-start, min(100+10*i, 2000); got != want {
			t.Fatalf("turn %d comes after %d ms, want %d", i, got, want)
		}
	}
	b.fail(1, from(1), start)
	if got := b.Turn(&rules, from(1), start, 0); got != start+2000 {
		t.Errorf("a failure lets it in after %d ms", got-start)
	}
	if got := b.Turn(&rules, from(2), start, 0); got != start {
		t.Errorf("another address waits %d ms", got-start)
	}
	if got := b.Turn(&rules, from(1), start+3000, time.Second); got != start+4000 {
		t.Errorf("later, with a delay of its own: %d ms", got-start-3000)
	}
	b.Clear(from(1))
	if got := b.Turn(&rules, from(1), start, 0); got != start {
		t.Errorf("after one that was right: %d ms", got-start)
	}
}

// However many addresses fail, few are remembered, and the worst of them.
func TestBook_IsBounded(t *testing.T) {
	var b Book
	b.fail(1000, from(0), start)
	for i := range 100 * rules.Addresses {
		b.fail(1, from(i+1), start)
	}
	b.fail(1, from(0), start) // it is known: nobody goes
	if b.Len() != rules.Addresses || b.Delay(&rules, from(0), start) != rules.MaxDelay {
		t.Errorf("%d are remembered; the worst waits %v", b.Len(), b.Delay(&rules, from(0), start))
	}
}

func TestSource_IsAMachine(t *testing.T) {
	for addr, want := range map[string]string{
		"10.1.2.3": "10.1.2.3/32", "::ffff:10.1.2.3": "10.1.2.3/32", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%lo": "fe80::/64",
	} {
		if got := Source(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s counts for %s, want %s", addr, got, want)
		}
	}
	if got := Source(netip.Addr{}); got.IsValid() {
		t.Errorf("%v", got)
	}
}
