package status

// The words that a Snapshot takes from small sets. Metrics have a series for each.
var (
	StateWords     = []string{"starting", "loading", "joining", "copying", "ready", "refused", "draining", "stopped"}
	QualifierWords = []string{"alone", "partial", "refused"}
	LinkWords      = []string{"down", "hello", "auth", "state", "catchup", "stream"}
	WarningWords   = []string{"refused", "one_copy_left", "same_id", "clock_jumped", "clock_skew", "not_on_peer", "full", "lag",
		"certificate", "container_memory", "log_dropped", "state_not_kept", "reload_failed", "settings"}
)
