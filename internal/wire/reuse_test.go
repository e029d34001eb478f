package wire

import "testing"

// A connection has one Body for all its frames. Whatever was decoded into it before, a frame
// means what it would mean alone: records, cursors and fields that were left out are not
// those of an earlier frame.
func TestDecode_NothingStaysOfTheFrameBefore(t *testing.T) {
	type frame struct {
		name string
		body []byte
	}
	frames := []frame{{"state of nobody", bodyOf(func(w *Writer) { w.State(&State{}) })}}
	for _, s := range samples() {
		frames = append(frames, frame{s.name, bodyOf(s.write)})
	}
	for _, before := range frames {
		for _, f := range frames {
			var d Decoder
			var used, fresh Body
			for _, step := range []struct {
				body []byte
				into *Body
			}{{before.body, &used}, {f.body, &used}, {f.body, &fresh}} {
				if err := d.Decode(step.body, step.into); err != nil {
					t.Fatalf("%s behind %s: %v", f.name, before.name, err)
				}
			}
			if !sameFrame(&used, &fresh) {
				t.Errorf("%s behind %s is\n%+v\nand alone\n%+v", f.name, before.name, field(&used), field(&fresh))
			}
		}
	}
}
