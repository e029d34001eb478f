package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// TLSAddress is an address whose conns speak TLS. Such a conn has a goroutine of its own: its handshake keeps nobody waiting.
type TLSAddress struct {
	Address string      // as one of Config.Addresses
	Config  *tls.Config // asked for each conn; it may give a new one each time (GetConfigForClient)
}

// handshake agrees on keys with the client. false: they could not.
func (c *goConn) handshake(secure *tls.Conn) bool {
	c.state.Store(stateNread) // which is not idle: the handshake has a time of its own
	defer c.state.Store(stateRead)
	ctx, cancel := context.WithTimeout(context.Background(), c.p.s.cfg.HandshakeTimeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		if _, ending := c.p.ending(); !ending {
			c.p.s.count.handshakeErrors.Add(1)
			c.p.s.cfg.Log.Debug("serve: TLS handshake failed", "client", secure.RemoteAddr().String(), "err", err)
		}
		return false
	}
	if !secure.ConnectionState().DidResume {
		c.p.s.count.tlsSessions.Add(1)
	}
	return true
}

// bye is the end of a conn that was not cut. Over TLS the client is told so, lest it takes the end for a cut, and
// its own goodbye is waited for a moment: unread it would cost the client the last reply.
func (c *goConn) bye() {
	if _, ok := c.nc.(*tls.Conn); ok && closeWrite(c.nc) == nil {
		c.discard(time.Now().Add(lingerTime))
	}
}

// closeWrite sends FIN, behind TLS's own word for it. A client that does not read gets that word in lingerTime or not at all.
func closeWrite(nc net.Conn) error {
	type half interface{ CloseWrite() error }
	if secure, ok := nc.(*tls.Conn); ok {
		nc = secure.NetConn()
		late := time.AfterFunc(lingerTime, func() { _ = nc.SetWriteDeadline(atOnce) })
		err := secure.CloseWrite()
		late.Stop()
		if err != nil {
			return err
		}
	}
	if nc, ok := nc.(half); ok {
		return nc.CloseWrite()
	}
	return errors.ErrUnsupported
}

// socketOf is what nc sends its bytes through.
func socketOf(nc net.Conn) net.Conn {
	if secure, ok := nc.(*tls.Conn); ok {
		return secure.NetConn()
	}
	return nc
}
