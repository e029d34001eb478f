package session

import (
	"errors"
	"testing"

	"twincached/internal/wire"
)

// TestScenario07_AnOldConnectionStillDelivers: a set is under way on a connection
// that the peer replaces. By the time the bytes arrive the key is deleted, and the
// delete acknowledged and forgotten: nothing but the end of the old session stands
// between the value and the store.
func TestScenario07_AnOldConnectionStillDelivers(t *testing.T) {
	for _, linked := range []bool{false, true} { // before the new session began, and after
		d := newDuo(t)
		d.heal()
		d.set(0, "k", "late")
		d.send(0)
		late, old := append([]byte(nil), d.n[1].inbox...), d.n[1].s
		body, size, err := wire.Split(late, old.FrameLimit())
		if err != nil || size == 0 {
			t.Fatalf("no frame is under way: %v", err)
		}
		d.cut()
		if linked {
			d.del(0, "k")
			d.heal()
			if n := d.n[0].st.Stats().Tombstones; n != 0 {
				t.Fatalf("%d tombstones are left: the test shows nothing", n)
			}
		}
		var end *End
		if err := old.OnFrame(d.now, body); !errors.As(err, &end) {
			t.Fatalf("a frame of the old connection is taken: %v", err)
		}
		if d.holds(1, "k") {
			t.Fatal("a frame of the old connection is applied")
		}
		if !linked {
			d.del(0, "k")
			d.heal()
		}
		d.wants("k", "", "")
		d.same()
	}
}
