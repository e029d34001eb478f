package wire

import "errors"

// Decoder takes bodies apart.
type Decoder struct{}

// Decode decodes one frame body into b.
func (d *Decoder) Decode(body []byte, b *Body) error { return errors.New("wire: not yet") }
