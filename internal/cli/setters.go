package cli

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	"twincached/internal/node"
	"twincached/internal/nodelog"
)

// setListen splits as memcached does: at commas and semicolons, and nothing between
// two of them is nothing.
func (s *settings) setListen(v string) error {
	s.Node.Listen = nil
	for part := range strings.FieldsFuncSeq(v, func(r rune) bool { return r == ',' || r == ';' }) {
		if part = strings.TrimSpace(part); part != "" {
			s.Node.Listen = append(s.Node.Listen, part)
		}
	}
	if len(s.Node.Listen) == 0 {
		return fmt.Errorf("%q has no address", v)
	}
	return nil
}

func (s *settings) setPeer(v string) error {
	peer, err := node.WithPort(v, node.DefaultReplPort)
	if err != nil {
		return fmt.Errorf("%s: %w", v, err)
	}
	s.Node.Peer = peer
	return nil
}

func (s *settings) setLogFormat(v string) (err error) {
	s.LogFormat, err = nodelog.ParseFormat(v)
	return err
}

func (s *settings) setStatus(v string) error {
	address, err := node.WithPort(v, node.DefaultStatusPort)
	if err != nil {
		return fmt.Errorf("%s: %w", v, err)
	}
	s.Node.StatusPage.Address = address
	return nil
}

// setWarm takes the bare flag as well.
func (s *settings) setWarm(v string) error {
	switch v {
	case "true", string(node.WarmLast):
		s.Node.Warm = node.WarmLast
	case string(node.WarmAny):
		s.Node.Warm = node.WarmAny
	case "false":
		s.Node.Warm = node.WarmOff
	default:
		return fmt.Errorf("%q is neither last nor any: --warm, which is --warm=last, or --warm=any", v)
	}
	return nil
}

func (s *settings) setPeerID(v string) error {
	s.Node.PeerID = strings.ToLower(v)
	return nil
}

func (s *settings) setReplPort(v string) error {
	if err := number(&s.Node.ReplPort).read(v); err != nil {
		return err
	}
	if s.Node.ReplPort == 0 {
		return errors.New("0 is no port (-1 takes any free one); without -x and -X no replication port opens")
	}
	return nil
}

func (s *settings) setProtocol(v string) error {
	switch v {
	case "auto", "auto-negotiate":
		s.Node.Protocol = node.ProtocolAuto
	case "ascii":
		s.Node.Protocol = node.ProtocolText
	case "binary":
		s.Node.Protocol = node.ProtocolBinary
	default:
		return fmt.Errorf("%q is neither auto nor ascii nor binary", v)
	}
	return nil
}

// setDelimiter takes the first byte, as memcached does.
func (s *settings) setDelimiter(v string) error {
	s.Node.PrefixDelimiter = v[0] // an empty text is not read
	return nil
}

// setSASL also looks where memcached's own logins are.
func (s *settings) setSASL(v string) error {
	if err := onOff(&s.Node.SASL).read(v); err != nil {
		return err
	}
	s.Node.SASLFile = ""
	if s.Node.SASL {
		s.Node.SASLFile = os.Getenv("MEMCACHED_SASL_PWDB")
	}
	return nil
}

// setUDP takes memcached's ports, and opens none.
func (s *settings) setUDP(v string) error {
	port := 0
	if err := number(&port).read(v); err != nil {
		return err
	}
	if port < -1 || port > math.MaxUint16 {
		return fmt.Errorf("%d is out of range: -1 to %d", port, math.MaxUint16)
	}
	s.UDPPort = port
	return nil
}
