// Package clients runs the real program under what other people wrote: PHP and its
// session handlers, client libraries of five languages, the tools of memcached and
// libmemcached, and proxies.
package clients

import (
	"testing"

	"go.uber.org/goleak"

	"twincached/internal/testkit/rig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(rig.Tests{M: m}) }
