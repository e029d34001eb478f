// Package e2e runs the real program: processes, sockets, signals and faults.
package e2e

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(Tests{m}) }
