# "make help" lists what can be made: each target's text stands behind its name.

GO      ?= go
FUZZ    ?= 30s
BENCH   ?= 2s
SEEDS   ?= 1000
MINUTES ?= 10
WARM    ?= false
SEED    ?= 0
ROUNDS  ?= 1000
OUT     ?= /tmp

# What make bench compares with: binaries, or nothing.
ROWS           ?=
MEMCACHED      ?= memcached
MEMCACHED_HEAD ?=
POGOCACHE      ?=
REDIS          ?= redis-server
VALKEY         ?=
# Where servers that are stopped keep their data for make bench: a directory on a disk, not in memory.
DISK           ?= .

.PHONY: help build pair demo test race sim mutants threads linear faults lint fuzz bench gobench torture page image ci clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## the program, static, as ./twincached
	CGO_ENABLED=0 $(GO) build -trimpath -o twincached .

pair: ## two nodes on this machine, to try it
	$(GO) run . pair

demo: ## two nodes and a PHP page with a counter that never goes back
	deploy/demo/run.sh

test: ## all tests
	$(GO) test ./...

race: ## all tests with the race detector
	$(GO) test -race ./...

sim: ## the simulation: SEEDS (1000) of each plan, and a table of what happened
	$(GO) test ./internal/sim -run 'TestSim$$' -count=1 -timeout 0 -sim.seeds $(SEEDS) -sim.table $(OUT)/sim.md
	@cat $(OUT)/sim.md

mutants: ## each fault of internal/mutants in turn: all have to be noticed; a table
	$(GO) test ./internal/mutants -run 'TestMutants_EachIsNoticed$$' -count=1 -timeout 0 -v -mutants.all -mutants.table $(OUT)/mutants.md
	@cat $(OUT)/mutants.md

threads: ## two nodes, clients on threads, links that are cut: they have to end equal
	$(GO) test ./replicator -run '^TestThreads' -count=1 -timeout 0 -v -full

linear: ## one node: is every key linearizable? ROUNDS (1000) histories of each kind
	$(GO) test ./internal/linear -count=1 -timeout 0 -v -porcupine.rounds $(ROUNDS)

faults: ## each failure and each scenario of docs/faults.md, by name
	$(GO) test ./... -count=1 -v -run 'TestFailure_|TestScenario|TestRefused_|TestWarm_|TestDenial_Gate|TestLink_SilentPeerIsDeadInASecond' >$(OUT)/faults.txt; status=$$?; \
		grep -E '^(--- |FAIL|panic:)' $(OUT)/faults.txt; exit $$status

lint: ## gofmt, go vet, staticcheck, and that it builds where there is no Linux
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags faults ./internal/node # what internal/torture builds
	$(GO) tool -modfile=.ci/tools.mod staticcheck ./...
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 $(GO) build ./...

fuzz: ## each fuzz test for FUZZ (30s)
	@grep -ro --include='*_test.go' '^func Fuzz[A-Za-z_0-9]*' . | sed 's|/[^/]*_test.go:func | |' | sort | while read -r dir name; do \
		echo "$$dir $$name"; $(GO) test "$$dir" -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZ) || exit 1; \
	done

bench: ## BENCHMARKS.md: this against other servers, 35 minutes on a quiet machine; ROWS=load,tls only some
	$(GO) run ./internal/bench/rows -rows '$(ROWS)' -memcached '$(MEMCACHED)' -memcached-head '$(MEMCACHED_HEAD)' \
		-pogocache '$(POGOCACHE)' -redis '$(REDIS)' -valkey '$(VALKEY)' -disk '$(DISK)'

gobench: ## all benchmarks of the code, BENCH (2s) each
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCH) ./...

torture: ## faults on real nodes in network namespaces for MINUTES (10), from SEED (0: any); WARM=true: with images all the time; as root
	$(GO) test ./internal/torture -run '^TestTorture$$' -count=1 -v -timeout $$(( $(MINUTES) + 20 ))m -torture.minutes $(MINUTES) -torture.seed $(SEED) -torture.warm=$(WARM)

page: ## docs/page.png, the picture of the status page in the README
	$(GO) test ./internal/browser -run '^TestPage_ShowsEachStateLive$$' -count=1 -browser.page $(CURDIR)/docs/page.png

image: ## the container image
	docker build -t twincached .

ci: ## what CI runs
	.ci/run

clean: ## remove what build made
	rm -f twincached
