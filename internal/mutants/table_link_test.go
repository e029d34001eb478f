package mutants

// linkMutants are about the session, the gate, and what stands around them.
var linkMutants = []mutant{
	{"the ring of frames under way is unrolled wrongly when it grows",
		"they stay in order",
		"replicator/inflight.go", "f.ring[(f.head+i)%len(f.ring)]\n", "f.ring[i]\n",
		test("replicator", "TestFlights_KeepOrderAndBytes")},
}
