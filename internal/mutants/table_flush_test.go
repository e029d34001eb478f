package mutants

// flushMutants are about flushes, now and later.
var flushMutants = []mutant{
	{"any flush cancels a younger delayed one",
		"only one that was asked for later, or says so, does",
		"store/flush.go", "s.pending.Version <= f {", "(s.pending.Version <= f || true) {",
		test("store", "TestApplyFlush_AYoungerDelayedOneStays")},
	{"a delayed flush that is known is moved",
		"its time is the one that was heard first, until clocks are measured",
		"store/flush.go", "if p.Version > s.pending.Version &&", "if p.Version >= s.pending.Version &&",
		test("store", "TestApplyFlushAt_OneThatIsKnownStaysWhereItIs")},
	{"a flush of this node does not stop the writers",
		"nothing is made from what it takes",
		"store/flush.go", "	s.lockParts()\n	defer s.unlockParts()\n	s.raiseFlushLocked(", "	s.raiseFlushLocked(",
		test("store", "TestFlush_WaitsForWhoeverIsAtWork")},
	{"a flush of the peer does not stop the writers",
		"nothing is made from what it takes",
		"store/flush.go", "	s.lockParts()\n	defer s.unlockParts()\n	s.clock.observe(f)", "	s.clock.observe(f)",
		test("store", "TestFlush_WaitsForWhoeverIsAtWork")},
}
