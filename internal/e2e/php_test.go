package e2e

import "testing"

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

func (f *phpFlavour) page(t *testing.T, script string, a, b *node, override ...string) *page {
	p := newPage(t, f.ini, script, a, b, append(override, f.override...)...)
	if f.ini == "php-memcached-text.ini" {
		p.hosts = pairHosts(t, a, b)
	}
	return p
}

// pecl is the counter page on pecl-memcache.
func pecl(t *testing.T, a, b *node, override ...string) *page {
	return newPage(t, "php-memcache.ini", "counter.php", a, b, override...)
}

func TestPHP_CounterPageSurvivesEitherNode(t *testing.T) {
	t.Parallel()
	for _, f := range phpFlavours {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			a, b := newPair(t)
			counterSurvives(t, a, b, newVisitors(f.page(t, "counter.php", a, b)))
		})
	}
}

// counterSurvives kills and restarts both nodes in turn. Before a node is killed
// it has passed on what it took: the last milliseconds are not promised.
func counterSurvives(t *testing.T, a, b *node, v *visitors) {
	startAll(a, b)
	v.count("first visit")
	v.count("both up")
	for _, doomed := range []*node{a, b, a} {
		waitEqual(a, b, v.allKeys())
		doomed.kill()
		v.count(doomed.name + " killed")
		v.count(doomed.name + " still down")
		doomed.start()
		v.count(doomed.name + " copies or serves")
		doomed.waitServing()
		waitEqual(a, b, v.allKeys())
		v.count(doomed.name + " restarted")
		v.count("both up again")
	}
	a.kill()
	b.kill()
	startAll(a, b)
	v.visits = 0 // there is nobody who knows
	v.count("both were down")
	v.count("both were down, second visit")
}
