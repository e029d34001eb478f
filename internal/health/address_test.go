package health

import "testing"

func TestAddress_LeadsToANode(t *testing.T) {
	for _, c := range []struct {
		target, address string
		want            bool
	}{
		{"127.0.0.1:1", "127.0.0.1:1", true}, {"127.0.0.1:1", "0.0.0.0:1", true}, {"127.0.0.1:1", "[::]:1", true}, {"localhost:1", "[::1]:1", true},
		{"[::1]:1", "[::]:1", true}, {"10.0.0.1:1", "10.0.0.1:1", true}, {"10.0.0.1:1", "127.0.0.1:1", false}, {"127.0.0.1:1", "127.0.0.1:2", false},
		{"other:1", "0.0.0.0:1", false}, {"10.0.0.1:1", "0.0.0.0:1", false}, {"/a/b", "/a/b", true}, {"/a/../a/b", "/a/b", true}, {"/a", "127.0.0.1:1", false},
		{"127.0.0.1:1", "/a", false},
	} {
		if LeadsTo(c.target, c.address) != c.want {
			t.Errorf("%s, %s: %v", c.target, c.address, !c.want)
		}
	}
	for address, want := range map[string]string{
		"0.0.0.0:1": "127.0.0.1:1", "[::]:1": "[::1]:1", "10.0.0.1:1": "10.0.0.1:1", "/a b": "/a b",
	} {
		if got := Reachable(address); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
}
