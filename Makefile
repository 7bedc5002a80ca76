# The commands for developers. Each target first installs what it needs on Debian (tools/install-deps); build output
# stays outside the checkout, in $(STELE_CACHE).
export STELE_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/stele
export CARGO_TARGET_DIR ?= $(STELE_CACHE)/target

PREFIX ?= $(HOME)/.local
FUZZ_SECONDS ?= 20
STRESS_ROUNDS ?= 300

dev_stele = $(CARGO_TARGET_DIR)/debug/stele
release_stele = $(CARGO_TARGET_DIR)/release/stele

# The tests kill the binary at labelled points, which only this feature compiles in. All cargo commands of a target
# have the same features and targets, so that nothing is compiled twice.
cargo = tools/with-rocksdb cargo
cargo_release = tools/with-rocksdb --release cargo
test_flags = --workspace --features stele-cli/crash-points,stele-store/crash-points,stele-tests/crash-points

.DEFAULT_GOAL := help
.PHONY: help demo demo-foreign chain world build check test stress lint fuzz mutants sanitize bench dist install

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: build ## build Stele and watch what it is for, from the seed to an image
	@STELE_BIN="$(dev_stele)" tools/demo

demo-foreign: build ## import, mount, verify; build GNU hello and busybox with compilers of Debian
	@tools/install-deps test
	@STELE_BIN="$(dev_stele)" tools/demo-foreign

chain: build ## build TinyCC and musl from the seed, along two paths, compare, and go on to a gcc 3.4.6 that reproduces itself
	@tools/install-deps test
	@STELE_BIN="$(dev_stele)" tools/chain

world: build ## build everything from the seed to GCC 14; it takes hours, and can be interrupted (STELE_STORE=DIR)
	@tools/install-deps test
	@STELE_BIN="$(dev_stele)" STELE_STORE="$(or $(STELE_STORE),$(STELE_CACHE)/world)" tools/chain world

build: ## build the binary, with assertions on
	@tools/install-deps build
	@$(cargo) build --package stele-cli
	@echo "built $(dev_stele)" >&2

check: ## check one crate: clippy and its unit tests (CRATE=store, oci/registry, engine, …)
	@test -f "$(CRATE)/Cargo.toml" || { echo "error: name a crate: make check CRATE=store" >&2; exit 2; }
	@tools/install-deps build
	$(cargo) clippy --manifest-path "$(CRATE)/Cargo.toml" --all-targets -- -D warnings
	$(cargo) test --manifest-path "$(CRATE)/Cargo.toml" --lib --bins

# With --all-targets the binary is built from the very crates that the tests link; without it, the tests' own
# dependencies would enable other features, and much would be compiled again.
test: ## run all tests and the chain, or with TEST=NAME the tests whose binary or name matches
	@tools/install-deps build test
	@$(cargo) build $(test_flags) --all-targets
	@STELE_BIN="$(dev_stele)" TEST="$(TEST)" tools/with-rocksdb tools/run-tests $(test_flags)
	@test -n "$(TEST)" || STELE_BIN="$(dev_stele)" tools/chain

stress: ## fill hundreds of small disks and collect them again, and let system calls fail (STRESS_ROUNDS=300)
	@tools/install-deps build test
	@$(cargo) build $(test_flags) --bins --test full_disk --test store
	@STELE_STRESS="$(STRESS_ROUNDS)" $(cargo) test $(test_flags) --test store full_disk -- --nocapture
	@STELE_STRESS="$(STRESS_ROUNDS)" STELE_BIN="$(dev_stele)" $(cargo) test $(test_flags) --test full_disk -- --nocapture

lint: ## check format, lints, and the licences and origin of every dependency
	@tools/install-deps build cargo-tools
	cargo fmt --all --check
	$(cargo) clippy --workspace --all-targets -- -D warnings
	$(cargo) clippy $(test_flags) --all-targets -- -D warnings
	cargo deny check --hide-inclusion-graph licenses bans sources

fuzz: ## run every fuzz target for a short while (FUZZ_SECONDS=20 each)
	@tools/install-deps build cargo-tools
	@FUZZ_SECONDS="$(FUZZ_SECONDS)" tools/fuzz

mutants: ## change the code at random places, and see whether the tests notice (MUTANTS=20, SEED, BASE=COMMIT)
	@tools/install-deps build test mutants
	@tools/mutants $(BASE)

sanitize: ## run the unit tests of crates that read strangers' bytes under the address sanitizer
	@tools/install-deps build
	@tools/sanitize

bench: ## compare with other tools on this machine (BENCH_FLAGS=--write for docs/benchmarks.md)
	@tools/install-deps build bench
	@$(cargo_release) build --release --package stele-cli
	@$(cargo_release) build --release --package stele-store --example lookup
	@STELE_BIN="$(release_stele)" STELE_LOOKUP_BIN="$(dir $(release_stele))examples/lookup" tests/bench/run $(BENCH_FLAGS)

# In a cache of its own: what a release links was compiled here, and not placed by hand.
dist: ## make what a release offers: tarball, .deb, OCI image, SBOM, SHA-256 sums (DIST=FOLDER)
	@tools/install-deps build dist
	@DIST="$(or $(DIST),$(STELE_CACHE)/dist)" STELE_CACHE="$(STELE_CACHE)/release" CARGO_TARGET_DIR= \
		tools/with-rocksdb --release tools/dist

install: ## install the binary, manual pages, completions and units for systemd (PREFIX=~/.local)
	@tools/install-deps build
	@$(cargo_release) build --release --package stele-cli
	install -D --mode 0755 "$(release_stele)" "$(DESTDIR)$(PREFIX)/bin/stele"
	install -d "$(DESTDIR)$(PREFIX)/share/man/man1" \
		"$(DESTDIR)$(PREFIX)/share/bash-completion/completions" \
		"$(DESTDIR)$(PREFIX)/share/zsh/site-functions" \
		"$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d"
	"$(release_stele)" man "$(DESTDIR)$(PREFIX)/share/man/man1"
	"$(release_stele)" completions bash >"$(DESTDIR)$(PREFIX)/share/bash-completion/completions/stele"
	"$(release_stele)" completions zsh >"$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_stele"
	"$(release_stele)" completions fish >"$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/stele.fish"
	install -d "$(DESTDIR)$(PREFIX)/lib/systemd/system"
	sed 's|@PREFIX@|$(PREFIX)|' tools/systemd/stele.service >"$(DESTDIR)$(PREFIX)/lib/systemd/system/stele.service"
	install --mode 0644 tools/systemd/stele.socket "$(DESTDIR)$(PREFIX)/lib/systemd/system/"
