package web

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"twincached/internal/status"
	"twincached/internal/testkit"
)

// jsonNames are the names of a type's JSON, as docs/status.md writes them.
func jsonNames(of reflect.Type, prefix string) (names []string) {
	for i := range of.NumField() {
		f := of.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch kind := f.Type.Kind(); {
		case kind == reflect.Struct:
			names = append(names, jsonNames(f.Type, prefix+name+".")...)
		case kind == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			names = append(names, jsonNames(f.Type.Elem(), prefix+name+"[].")...)
		default:
			names = append(names, prefix+name)
		}
	}
	return names
}

// The table is a promise: what it names is there, and what is there it names.
func TestStatusJSON_HasTheNamesOfItsTable(t *testing.T) {
	var rows []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| .+ \\|$").FindAllStringSubmatch(testkit.ReadFile(t, "../../docs/status.md"), -1) {
		if slices.Contains(rows, m[1]) {
			t.Errorf("%s has two rows", m[1])
		}
		rows = append(rows, m[1])
	}
	want := append(jsonNames(reflect.TypeFor[status.Snapshot](), ""), "this", "peer", "peer_age_ms")
	for _, name := range want {
		if !slices.Contains(rows, name) {
			t.Errorf("docs/status.md lacks %s", name)
		}
	}
	for _, name := range rows {
		if !slices.Contains(want, name) {
			t.Errorf("docs/status.md has %s, which is not there", name)
		}
	}
}
