package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// What can be wrong with bytes from the peer. All mean the same to a session:
// BYE BADFRAME and close. Test with errors.Is.
var (
	ErrFrameLength = errors.New("wire: frame length out of range")
	ErrChecksum    = errors.New("wire: checksum of frame is wrong")
	ErrMalformed   = errors.New("wire: malformed frame")
	ErrUnknownType = errors.New("wire: unknown frame type")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Split finds the first frame of buf. n is how many bytes it takes, its head
// included, and body points into buf. n == 0 with no error means that more bytes
// are needed (see FrameNeed). limitBytes bounds the body: MaxHandshakeBytes
// before the peer is authenticated, then MaxFrameBytes. The length is judged as
// soon as its four bytes are there, before anybody could allocate for it.
func Split(buf []byte, limitBytes int) (body []byte, n int, err error) {
	if len(buf) < 4 {
		return nil, 0, nil
	}
	length := int64(binary.BigEndian.Uint32(buf))
	if length == 0 || length > int64(limitBytes) {
		return nil, 0, fmt.Errorf("%w: %d bytes, limit %d", ErrFrameLength, length, limitBytes)
	}
	end := HeadBytes + int(length)
	if len(buf) < end {
		return nil, 0, nil
	}
	body = buf[HeadBytes:end:end]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(buf[4:]) {
		return nil, 0, ErrChecksum
	}
	return body, end, nil
}

// FrameNeed is the size in bytes, head included, of the frame that starts in
// buf; 0 if fewer than 4 bytes are there. It repeats what the peer claims: let
// Split judge the length first.
func FrameNeed(buf []byte) int {
	if len(buf) < 4 {
		return 0
	}
	return HeadBytes + int(binary.BigEndian.Uint32(buf))
}
