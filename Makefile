# erlnode: everything a person types. The work is done in scripts/; `make help` lists the targets.

PREFIX  ?= /usr/local
DESTDIR ?=
ONLY    ?=
EXCLUDE ?=
FILTER  ?=
MINUTES ?= 1
RELEASES ?= 25 27 29
PARTS   ?=

export PREFIX DESTDIR ONLY EXCLUDE FILTER MINUTES RELEASES PARTS

.PHONY: all help setup demo test test-matrix examples install uninstall bench fuzz abuse score sanitize soak audit clean

all: ## build the shared and the static library (build/lib)
	@scripts/setup.sh build
	@scripts/build.sh

help: ## this list
	@echo 'make TARGET, where TARGET is'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 16
	@echo 'Variables: PREFIX DESTDIR (install), ONLY EXCLUDE FILTER (test), RELEASES (test-matrix), MINUTES (fuzz, soak), PARTS (sanitize)'

setup: ## install what building and testing need (apt, as root), or print the line that does
	@scripts/setup.sh test

demo: ## our epmd, a C node, a Python node and, when Erlang is there, a BEAM, all talking
	@scripts/setup.sh build
	@scripts/demo.sh

test: ## everything; ONLY=rust,python or EXCLUDE=distributed choose, FILTER=name narrows the Rust tests
	@scripts/setup.sh test
	@scripts/test.sh

test-matrix: ## the live tests against each OTP of RELEASES; ERLNODE_OTP_27=/dir names a ready one
	@scripts/setup.sh matrix
	@scripts/test-matrix.sh

examples: ## every example program, runnable at build/examples/LANG/NAME
	@scripts/setup.sh build
	@scripts/examples.sh

install: ## library, header, pkg-config and CMake files under $(DESTDIR)$(PREFIX)
	@scripts/build.sh
	@scripts/install.sh install

uninstall: ## remove what `make install` put there
	@scripts/install.sh uninstall

bench: ## measurements beside libei, BEAM and others, printed as ratios; ONLY=codec,live chooses
	@scripts/setup.sh test
	@scripts/bench.sh

fuzz: ## each fuzz target for MINUTES minutes (needs a nightly toolchain and cargo-fuzz)
	@scripts/fuzz.sh

sanitize: ## the tests under ThreadSanitizer, AddressSanitizer, UBSAN, valgrind, Miri and loom; PARTS=thread chooses
	@scripts/setup.sh test
	@scripts/sanitize.sh

audit: ## licences and sources of the dependencies; known vulnerabilities where cargo-deny or cargo-audit is installed
	@scripts/audit.sh

soak: ## small and big messages for MINUTES minutes while their receiver is killed: nothing is lost without a report
	@scripts/setup.sh test
	@ERLNODE_ACCOUNTING="$$(($(MINUTES) * 60)) 10" cargo test --test accounting -- --nocapture

abuse: ## the long forms of the tests of hostile peers, broken networks and memory, with their figures (FILTER narrows)
	@scripts/setup.sh test
	@scripts/abuse.sh

score: ## docs/score.md: every case of abuse against our node, a BEAM, libei and jinterface (those that are installed)
	@scripts/setup.sh test
	@scripts/score.sh

clean: ## remove everything that was built
	cargo clean
	rm -rf build
