package torture

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// verify has the nodes compared by the program's own subcommand as well. It sees
// every key, those of the probes included, which go on meanwhile.
func (r *round) verify(evictions uint64) error {
	cmd := exec.Command(filepath.Join(r.h.dir, "twincached"), "verify", "--settle=500ms", "--show=5", r.h.nodes[0].client(), r.h.nodes[1].client())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	status := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		status = exit.ExitCode()
	} else if err != nil {
		return err
	}
	var s verified
	if !s.parse(string(out)) || status > 1 {
		return fmt.Errorf("torture: verify ended with status %d: %s %s", status, out, &stderr)
	}
	r.verified = s
	if s.differ > 0 || status == 1 && evictions == 0 {
		r.breach("verify: %s", strings.TrimSpace(string(out)))
	}
	return nil
}

// verified is the summary of one comparison.
type verified struct {
	compared, equal, differ, onlyA, onlyB, local, inFlight int
	seconds                                                float64
}

// parse reads the last line of the output.
func (s *verified) parse(out string) bool {
	out = strings.TrimSpace(out)
	last := out[strings.LastIndexByte(out, '\n')+1:]
	n, err := fmt.Sscanf(last, "verify: compared=%d equal=%d differ=%d only_a=%d only_b=%d local=%d in_flight=%d seconds=%f",
		&s.compared, &s.equal, &s.differ, &s.onlyA, &s.onlyB, &s.local, &s.inFlight, &s.seconds)
	return n == 8 && err == nil
}
