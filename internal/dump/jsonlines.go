package dump

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"twincached/store"
)

// A dump as JSON has one object a line:
//
//	{"twincached_dump":1}
//	{"key":"user:1","flags":0,"exp":1790000000,"version":"7509...","value":"YW5u"}
//	{"end":1}
//
// The first and the last line are ours: with the first one, the last one must be there and
// have the number of items. Lines of others need neither.

// jsonFormat is the format that this release writes, and the newest one that it reads.
const jsonFormat = 1

// jsonLine is any of them.
type jsonLine struct {
	Format *int   `json:"twincached_dump,omitempty"`
	End    *int64 `json:"end,omitempty"`

	Key       *string     `json:"key,omitempty"`
	KeyBase64 []byte      `json:"key_base64,omitempty"` // where the key is not UTF-8
	Flags     uint32      `json:"flags"`
	Exp       int64       `json:"exp"`               // Unix time in seconds; 0 never
	Version   json.Number `json:"version,omitempty"` // a string, as many programs cannot hold 64 bits in a number
	Stale     bool        `json:"stale,omitempty"`
	Won       bool        `json:"won,omitempty"`
	Value     *[]byte     `json:"value,omitempty"` // in base64
}

// maxLineBytes is longer than any line with an item.
const maxLineBytes = maxValueBytes/3*4 + 64<<10

// jsonWriter writes lines.
type jsonWriter struct {
	w     *bufio.Writer
	line  []byte
	items int64
}

func newJSONWriter(to io.Writer) *jsonWriter {
	w := &jsonWriter{w: bufio.NewWriterSize(to, readBytes)}
	fmt.Fprintf(w.w, "{\"twincached_dump\":%d}\n", jsonFormat) // an error stays until end
	return w
}

// item writes all but the value into a line of its own: that may be large.
func (w *jsonWriter) item(it *item) error {
	b := append(w.line[:0], '{')
	if utf8.Valid(it.key) {
		key, err := jsonString(string(it.key))
		if err != nil {
			return err
		}
		b = append(append(b, `"key":`...), key...)
	} else {
		b = append(b, `"key_base64":"`...)
		b = append(base64.StdEncoding.AppendEncode(b, it.key), '"')
	}
	b = strconv.AppendUint(append(b, `,"flags":`...), uint64(it.flags), 10)
	b = strconv.AppendInt(append(b, `,"exp":`...), seconds(it.expireAt), 10)
	b = strconv.AppendUint(append(b, `,"version":"`...), it.version, 10)
	b = append(b, '"')
	if it.stale {
		b = append(b, `,"stale":true`...)
	}
	if it.won {
		b = append(b, `,"won":true`...)
	}
	w.line = append(b, `,"value":"`...)
	if _, err := w.w.Write(w.line); err != nil {
		return err
	}
	e := base64.NewEncoder(base64.StdEncoding, w.w)
	_, err := e.Write(it.value)
	if err = errors.Join(err, e.Close()); err != nil {
		return err
	}
	w.items++
	_, err = w.w.WriteString("\"}\n")
	return err
}

func (w *jsonWriter) end() error {
	fmt.Fprintf(w.w, "{\"end\":%d}\n", w.items)
	return w.w.Flush()
}

// jsonString is a string in JSON, without the escapes that only HTML needs.
func jsonString(s string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(s)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// seconds is a time in ms as the whole seconds before it: an item that is restored lives no
// longer than it would have. 0 stays the only one that means never.
func seconds(ms int64) int64 {
	if ms == 0 {
		return 0
	}
	return max(ms/1000, 1)
}

// jsonReader reads lines.
type jsonReader struct {
	r      *bufio.Reader
	buf    []byte
	number int64 // of the line
	items  int64
	ours   bool // it began with our first line, so it must have our last one
	ended  bool
}

func (r *jsonReader) failed() int64 { return 0 }

func (r *jsonReader) next(it *item) error {
	for {
		line, err := r.read()
		switch {
		case errors.Is(err, io.EOF) && r.ours && !r.ended:
			return errCut
		case err != nil:
			return err
		case len(bytes.TrimSpace(line)) == 0:
			continue
		case r.ended:
			return r.wrong("there is something behind the end")
		}
		var l jsonLine
		if err := json.Unmarshal(line, &l); err != nil {
			return r.wrong("%w", clean(err))
		}
		switch {
		case l.Format != nil:
			if err := r.begin(*l.Format); err != nil {
				return err
			}
		case l.End != nil:
			if *l.End != r.items {
				return r.wrong("%d items were written, and %d are there", *l.End, r.items)
			}
			r.ended = true
		default:
			if err := l.into(it, line); err != nil {
				return r.wrong("%w", err)
			}
			r.items++
			return nil
		}
	}
}

// begin hears our first line.
func (r *jsonReader) begin(format int) error {
	switch {
	case r.number != 1:
		return r.wrong("a dump begins behind another one: restore them one by one")
	case format != jsonFormat:
		return r.wrong("format %d is not known to this release, which reads %d: use the release that wrote it", format, jsonFormat)
	}
	r.ours = true
	return nil
}

func (r *jsonReader) wrong(format string, args ...any) error {
	return fmt.Errorf("line %d: %w", r.number, fmt.Errorf(format, args...))
}

// read returns the next line. Its memory grows with what has come.
func (r *jsonReader) read() ([]byte, error) {
	r.buf = r.buf[:0]
	r.number++
	for {
		part, err := r.r.ReadSlice('\n')
		if len(r.buf)+len(part) > maxLineBytes {
			return nil, r.wrong("it is longer than that of any item")
		}
		r.buf = append(r.buf, part...)
		switch {
		case err == nil:
			return r.buf, nil
		case errors.Is(err, io.EOF) && len(r.buf) > 0:
			return r.buf, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// into makes the item that a line describes.
func (l *jsonLine) into(it *item, line []byte) error {
	var key []byte
	switch {
	case l.Key != nil && l.KeyBase64 == nil:
		if !utf8.Valid(line) || strings.ContainsRune(*l.Key, utf8.RuneError) && !namesRuneError(line) {
			return errors.New("the key is not UTF-8: such a one goes into key_base64")
		}
		key = []byte(*l.Key)
	case l.Key == nil && l.KeyBase64 != nil:
		key = l.KeyBase64
	default:
		return errors.New("it has neither key nor key_base64, or both")
	}
	switch {
	case len(key) == 0 || len(key) > store.MaxKeyBytes:
		return fmt.Errorf("a key has 1 to %d bytes, and not %d", store.MaxKeyBytes, len(key))
	case l.Value == nil:
		return errors.New("it has no value")
	case len(*l.Value) > maxValueBytes:
		return fmt.Errorf("no value has %d bytes", len(*l.Value))
	}
	version := uint64(0)
	if l.Version != "" {
		var err error
		if version, err = strconv.ParseUint(string(l.Version), 10, 64); err != nil {
			return fmt.Errorf("the version %.40q is not a number", l.Version)
		}
	}
	*it = item{
		key: append(it.key[:0], key...), value: append(it.value[:0], *l.Value...),
		flags: l.Flags, expireAt: millis(l.Exp), version: version, stale: l.Stale, won: l.Won,
	}
	return nil
}

// namesRuneError tells whether a line has the character that stands for what is no character.
func namesRuneError(line []byte) bool {
	return bytes.ContainsRune(line, utf8.RuneError) || bytes.Contains(bytes.ToLower(line), []byte(`\ufffd`))
}

// maxSeconds keeps a product with 1000 in range: the year 9999, as memcached's clients have it.
const maxSeconds = 253402300799

// millis is a Unix time in seconds as ms. Before 1970: it has passed.
func millis(seconds int64) int64 {
	if seconds < 0 {
		return 1
	}
	return min(seconds, maxSeconds) * 1000
}

// clean is err without what it repeats of the file.
func clean(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("it is no JSON object (byte %d), or cut", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Errorf("%.40q is not of the kind that it has to be", kind.Field)
	}
	return errors.New("it cannot be read: a value is in base64, and a version is a number")
}
