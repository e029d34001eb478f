// Package e2e runs the real program: processes, sockets, signals and faults.
package e2e

import (
	"testing"

	"go.uber.org/goleak"

	"twincached/internal/testkit/rig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(rig.Tests{M: m, StatusPages: true}) }
