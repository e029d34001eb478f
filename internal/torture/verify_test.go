package torture

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// verify has the nodes compared by the program's own subcommand as well. It sees
// every key, those of the probes included, which go on meanwhile. On a busy machine what they
// write may take its time: what differs is looked at again, for longer.
func (r *round) verify(evictions uint64) error {
	var said string
	for _, settle := range []string{"500ms", "10s"} {
		status, out, err := r.compare(settle)
		if err != nil {
			return err
		}
		if r.verified.differ == 0 && (status == 0 || evictions > 0) {
			return nil
		}
		said = out
	}
	r.breach("verify: %s", strings.TrimSpace(said))
	return nil
}

// compare calls the subcommand once.
func (r *round) compare(settle string) (status int, said string, err error) {
	cmd := exec.Command(filepath.Join(r.h.dir, "twincached"), "verify", "--settle="+settle, "--show=5", r.h.nodes[0].client(), r.h.nodes[1].client())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		status = exit.ExitCode()
	} else if err != nil {
		return 0, "", err
	}
	var s verified
	if !s.parse(string(out)) || status > 1 {
		return 0, "", fmt.Errorf("torture: verify ended with status %d: %s %s", status, out, &stderr)
	}
	r.verified = s
	return status, string(out), nil
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
