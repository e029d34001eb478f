package linear

import (
	"fmt"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"twincached/store"
)

// TestEngine_WithThePeersChangesAtOnce: the other node's newer versions are the
// writes of one more client. The text protocol does not take part: it does not tell
// the version of what it stores, and the larger of two must be known.
func TestEngine_WithThePeersChangesAtOnce(t *testing.T) {
	s := newStore(t, store.Config{MemoryBytes: 64 << 20, Replicated: true})
	s.Attach(store.ID{1}, &store.State{}, false)
	all := engineClients(s, clients, []protocol{binaryProtocol, metaProtocol}, sound)
	check(t, model(paired), append(all, &peer{s: s}))
}

func TestEngine_ALostChangeOfThePeerIsSeen(t *testing.T) {
	s := newStore(t, store.Config{MemoryBytes: 64 << 20, Replicated: true})
	s.Attach(store.ID{1}, &store.State{}, false)
	all := engineClients(s, clients, []protocol{binaryProtocol, metaProtocol}, sound)
	expectIllegal(t, model(paired), append(all, &peer{s: s, loses: 7}))
}

// peer is the other node: a client that sends versions above all that there are.
type peer struct {
	s     *store.Store
	n     uint64
	loses uint64 // each so many'th change does not arrive; 0: all do
}

// leap is how far the peer's next version lies above its last: 8 ms, in which this
// node cannot make as many of its own.
const leap = 1 << 22

func (p *peer) run(began time.Time, ops int, keys []string) (history []porcupine.Operation, err error) {
	for range ops {
		p.n++
		o := op{kind: fromPeer, key: keys[p.n%uint64(len(keys))], cas: uint64(testNow)<<19 + p.n*leap + 1, gone: p.n%5 == 0}
		r := store.Record{Key: []byte(o.key), Op: store.RecordTombstone, Version: o.cas, ExpVersion: o.cas}
		if !o.gone {
			o.value, o.flags, o.ttl = fmt.Sprint(p.n), uint32(p.n), int64(p.n%3)*1000
			r.Op, r.Value, r.Flags = store.RecordValue, []byte(o.value), o.flags
			if o.ttl != 0 {
				r.Expires = testNow + o.ttl*1000
			}
		}
		o.call = int64(time.Since(began))
		if p.loses == 0 || p.n%p.loses != 0 {
			err = p.s.ApplyBatch(testNow, store.PartitionOf(r.Key), store.Live, p.n, []store.Record{r})
		}
		o.back = int64(time.Since(began))
		if err != nil {
			return nil, err
		}
		history = append(history, porcupine.Operation{ClientId: clients, Input: o, Call: o.call, Output: answer{}, Return: o.back})
	}
	return history, nil
}
