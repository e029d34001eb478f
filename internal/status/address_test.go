package status

import (
	"slices"
	"testing"
)

func TestClientAddresses_NameTheMachineInPlaceOfAll(t *testing.T) {
	for _, c := range []struct {
		host      string
		in, want  []string
		listensOn bool
	}{
		{"a", []string{"0.0.0.0:11211"}, []string{"a:11211"}, true},
		{"a", []string{"0.0.0.0:11211", "[::]:11211", "10.0.0.1:11213"}, []string{"a:11211", "10.0.0.1:11213"}, true},
		{"a", []string{"10.0.0.1:11211", "/run/twincached"}, []string{"10.0.0.1:11211", "/run/twincached"}, false},
		{"", []string{"0.0.0.0:11211"}, []string{"0.0.0.0:11211"}, false},
		{"a", nil, []string{}, false},
	} {
		n := Node{Host: c.host, Addresses: c.in}
		if got := n.ClientAddresses(); !slices.Equal(got, c.want) || n.ListensOnAll() != c.listensOn {
			t.Errorf("%q on %q: %q, on all: %v; want %q", c.in, c.host, got, n.ListensOnAll(), c.want)
		}
	}
}
