package wire

import (
	"errors"
	"fmt"

	"twincached/store"
)

// Validate says what makes h impossible, whoever sent it. Check your own HELLO
// with it when a configuration is read: a peer does the same and refuses the
// connection. Whether two nodes fit together is not judged here.
func (h *Hello) Validate() error {
	switch {
	case h.ProtoMin < 1 || h.ProtoMax < h.ProtoMin:
		return fmt.Errorf("wire: protocol versions %d to %d are no range", h.ProtoMin, h.ProtoMax)
	case len(h.Cluster) > MaxClusterBytes:
		return fmt.Errorf("wire: cluster name of %d bytes, limit %d", len(h.Cluster), MaxClusterBytes)
	case !printable(h.Cluster):
		return errors.New("wire: cluster name is not printable UTF-8")
	case len(h.Software) > MaxSoftwareBytes:
		return fmt.Errorf("wire: software name of %d bytes, limit %d", len(h.Software), MaxSoftwareBytes)
	case !printable(h.Software):
		return errors.New("wire: software name is not printable UTF-8")
	case h.NodeID == store.ID{}:
		return errors.New("wire: node id is zero")
	case h.Inc == store.ID{}:
		return errors.New("wire: incarnation is zero")
	case h.Slot > MaxSlot:
		return fmt.Errorf("wire: slot %d, limit %d", h.Slot, MaxSlot)
	case h.SteadyMillis < 0 || h.SteadyMillis > MaxMillis:
		return errors.New("wire: steady clock out of range")
	}
	return nil
}
