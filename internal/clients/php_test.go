package clients

import (
	"testing"

	"twincached/internal/testkit/rig"
)

// phpFlavour is one way to keep PHP sessions on a pair.
type phpFlavour struct {
	name     string
	ini      string // in deploy/php
	override []string
}

// phpFlavours are the recommended settings, each in the protocols that it works in.
var phpFlavours = []phpFlavour{
	{name: "memcached", ini: "php-memcached.ini"},
	{name: "memcached text", ini: "php-memcached-text.ini"},
	{name: "memcache", ini: "php-memcache.ini"},
	{name: "memcache binary", ini: "php-memcache.ini", override: []string{"memcache.protocol=binary"}},
}

func (f *phpFlavour) page(t *testing.T, script string, a, b *rig.Node, override ...string) *page {
	p := newPage(t, f.ini, script, a, b, append(override, f.override...)...)
	if f.ini == "php-memcached-text.ini" {
		p.hosts = pairHosts(t, a, b)
	}
	return p
}

// pecl is the counter page on pecl-memcache.
func pecl(t *testing.T, a, b *rig.Node, override ...string) *page {
	return newPage(t, "php-memcache.ini", "counter.php", a, b, override...)
}

func TestPHP_CounterPageSurvivesEitherNode(t *testing.T) {
	t.Parallel()
	for _, f := range phpFlavours {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			a, b := rig.NewPair(t)
			counterSurvives(t, a, b, newVisitors(f.page(t, "counter.php", a, b)))
		})
	}
}

// counterSurvives kills and restarts both nodes in turn. Before a node is killed
// it has passed on what it took: the last milliseconds are not promised.
func counterSurvives(t *testing.T, a, b *rig.Node, v *visitors) {
	rig.StartAll(a, b)
	v.count("first visit")
	v.count("both up")
	for _, doomed := range []*rig.Node{a, b, a} {
		rig.WaitEqual(a, b, v.allKeys())
		doomed.Kill()
		v.count(doomed.Name + " killed")
		v.count(doomed.Name + " still down")
		doomed.Start()
		v.count(doomed.Name + " copies or serves")
		doomed.WaitServing()
		rig.WaitEqual(a, b, v.allKeys())
		v.count(doomed.Name + " restarted")
		v.count("both up again")
	}
	a.Kill()
	b.Kill()
	rig.StartAll(a, b)
	v.visits = 0 // there is nobody who knows
	v.count("both were down")
	v.count("both were down, second visit")
}
