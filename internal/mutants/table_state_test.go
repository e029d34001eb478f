package mutants

// stateMutants are about which state of a key wins, and what a node remembers of it.
var stateMutants = []mutant{
	{"what cannot be stored spares the same version with an older expiry",
		"it takes the place of whatever is less",
		"store/merge.go", "arena.at(h).version > r.Version", "arena.at(h).version >= r.Version",
		test("store", "TestMerge_OversizeOfTheSameVersion")},
	{"only a batch's first key is asked for its partition",
		"a key of another partition is refused, wherever it stands",
		"store/merge.go", "	for i := range recs {\n		if recs[i].Op == RecordPieced", "	for i := range recs[:min(1, len(recs))] {\n		if recs[i].Op == RecordPieced",
		test("store", "TestApplyBatch_AKeyOfAnotherPartitionBehindOthers")},
	{"the touch of a key that is not here is forgotten",
		"an older peer that returns with the expiry from before is told of it",
		"store/merge.go", "	case hd == nil:\n		p.stats.TouchUnknown++\n		p.forgot(r.Version, r.Ever)", "	case hd == nil:\n		p.stats.TouchUnknown++",
		test("store", "TestAttach_OldPeerHasWhatWasTouchedSince")},
	{"the id of a peer that is gone is given away early",
		"no item is taken for the new peer's own",
		"store/replicate.go", "w.freeing = true, Partitions+1", "w.freeing = true, Partitions/2",
		test("store", "TestAttach_NoItemIsTakenForTheNewPeers")},
}
