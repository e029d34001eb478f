package verify

import (
	"fmt"
	"strconv"
	"strings"

	"twincached/internal/glob"
	"twincached/internal/inspect"
)

// about is what has to be known of a node before.
type about struct {
	id, link string
	items    int64
	local    glob.List
}

// learn asks for the node's settings and state.
func learn(n *inspect.Node) (a about, err error) {
	settings, err := n.Settings()
	if err != nil {
		return a, err
	}
	if local := settings["local_keys"]; local != "none" {
		if a.local, err = glob.ParseList(strings.Split(local, ",")); err != nil {
			return a, n.Fail(fmt.Errorf("its --local-keys: %w", err))
		}
	}
	rows, err := n.Main.Stats("")
	if err != nil {
		return a, n.Fail(err)
	}
	a.id, a.link = rows["repl_node_id"], rows["repl_link"]
	a.items, _ = strconv.ParseInt(rows["curr_items"], 10, 64) // for the progress only
	return a, nil
}

// excused tells whether the node may lack items by right.
func excused(n *inspect.Node) (bool, error) {
	rows, err := n.Main.Stats("")
	if err != nil {
		return false, n.Fail(err)
	}
	return inspect.Lacks(rows), nil
}
