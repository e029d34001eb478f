package e2e

import "testing"

// libmemcachedBinary is the page on php-memcached in the protocol it speaks unless
// told otherwise, with the settings that make its sessions fail over.
func libmemcachedBinary(t *testing.T, a, b *node) *page {
	p := newPage(t, "memcached", "counter.php",
		"session.save_path="+a.host+clientPort+","+b.host+clientPort,
		"memcached.sess_number_of_replicas=1",
		"memcached.sess_remove_failed_servers=1",
		"memcached.sess_server_failure_limit=1",
		"memcached.sess_persistent=0",
		"memcached.sess_lock_expire=30", // on the command line a lock would otherwise never expire
	)
	p.keys = func(session string) []string {
		return []string{"memc.sess.key." + session, "memc.sess.key.lock." + session}
	}
	return p
}

func TestPHP_BinaryCounterPageSurvivesEitherNode(t *testing.T) {
	a, b := newPair(t)
	counterSurvives(t, a, b, newVisitors(libmemcachedBinary(t, a, b)))
}
