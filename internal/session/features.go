package session

import "twincached/internal/wire"

// features is what this node says in HELLO that it understands beside the protocol version.
func (c *Config) features() uint64 { return wire.Features &^ c.Without }

// Features is what this node says in HELLO that it understands: bits of wire.Features.
func (c *Core) Features() uint64 { return c.cfg.features() }

// both says that this node and its peer have a feature. What only one of them knows is not
// sent. So a pair may be of two releases, and nobody has to switch anything on.
func (s *Session) both(feature uint64) bool {
	return s.cfg.features()&s.peer.Features&feature != 0
}

// pieced says that large values travel in pieces.
func (s *Session) pieced() bool { return s.both(wire.FeaturePieces) }

// many says that a frame may have batches of several partitions.
func (s *Session) many() bool { return s.both(wire.FeatureMany) }

// Packs says that this node compresses frames of items that it sends.
func (s *Session) Packs() bool { return s.cfg.Compress && s.both(wire.FeaturePacked) }

// takesStatus says that each node tells the other its status.
func (s *Session) takesStatus() bool { return s.both(wire.FeatureStatus) }

// answers says that this node answers BYE PLANNED. It does not matter whether the peer would.
func (s *Session) answers() bool { return s.cfg.features()&wire.FeatureAnswers != 0 }

// peerAnswers says that the peer answers BYE PLANNED. Older peers do not, and go even when
// both nodes say it at the same time.
func (s *Session) peerAnswers() bool { return s.peer.Features&wire.FeatureAnswers != 0 }
