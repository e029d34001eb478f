package mutants

// memoryMutants are about memory that is full, and about what moves in it.
var memoryMutants = []mutant{
	{"no memory for the newer value, and the older one stays",
		"what the peer has sent and cannot be stored takes the place of what is there",
		"store/merge.go", "RefusedNoMemory)\n	p.dropOlder(r)", "RefusedNoMemory)",
		test("store", "TestNoMemory_AReceivedValueDropsTheOlderOne")},
	{"a tombstone that the cleaner finds no room for vanishes",
		"it is buried",
		"store/reclaim.go", "		p.bury(hd)\n", "",
		test("store", "TestReclaim_ATombstoneThatFindsNoRoomIsBuried")},
	{"an eviction without memory for a marker leaves nothing",
		"it is buried",
		"store/partition.go", "		p.bury(p.s.arena.at(h))\n", "",
		test("store", "TestNoMemory_WhatAGraveTakesLeavesATrace")},
	{"a delete without memory leaves nothing",
		"it is buried",
		"store/nomemory.go", "	p.buryKey(key, v)\n", "",
		test("store", "TestNoMemory_ADeleteIsBuried")},
	{"brackets of a pattern of local keys match nothing",
		"a pattern that passes the check means the same in the store",
		"internal/glob/glob.go", "return g.sets[s.set].has(c)", "return g.sets[s.set].has(c) && false",
		test("internal/glob", "TestMatch_IsWhatThePatternSays")},
	{"a local key that gets other memory replicates",
		"it is local in whatever memory it stands",
		"store/partition.go", "	hd.bits |= od.bits & bitLocal\n", "",
		test("store", "TestLocalKeys_OneThatChangesStays")},
}
