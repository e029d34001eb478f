package mutants

// walkMutants are about cursors, the change list, and the walks over it.
var walkMutants = []mutant{
	{"the live lane's cursor stays on an item that moves",
		"it goes on to the next one",
		"store/changelist.go", "{&l.live, &l.bulk, &l.sweep, &l.walk}", "{&l.bulk, &l.sweep, &l.walk}",
		plan("steady", 100)},
	{"the cleaner moves an item from under the cursors",
		"they stand on its new place then",
		"store/changelist.go", "	l.moveCursors(old, h)\n", "",
		plan("full", 100)},
}
