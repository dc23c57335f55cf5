# `make` prints what there is. Everything runs on the dev profile but `bench` (docs/adr/0002).
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

CARGO ?= cargo
# More arguments for `demo` and `bench`, such as ARGS="--leads 50".
ARGS ?=
# What is measured so far needs no SQL engine: that build is short.
BENCH_FEATURES ?= --no-default-features --features kurrentdb,s3

WEB_SOURCES := $(shell find web -type d \( -name node_modules -o -name dist \) -prune -o -type f -print 2>/dev/null)

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Check for the tools of the demo, install what is missing
	@tools/setup.sh demo

.PHONY: setup-test
setup-test: ## The same for the tools of the tests
	@tools/setup.sh test

.PHONY: demo
demo: setup web ## Run a whole campaign here: carriers, customers and agents are simulated
	$(CARGO) run --locked -- demo $(ARGS)

.PHONY: test
test: setup-test web ## Build and run all tests; see that the log builds without the SQL engine
	$(CARGO) check --locked --no-default-features
	$(CARGO) test --locked
	cd web && npm test --silent -- --passWithNoTests

.PHONY: bench
bench: ## Measure, on an optimised build: make bench NAME=log, or NAME=log-peers beside others
	@[[ -n "$(NAME)" ]] || { echo 'bench: say what to measure: make bench NAME=log' >&2; exit 2; }
	$(CARGO) build --locked --release $(BENCH_FEATURES)
	@if [[ -x benches/$(NAME).py ]]; then exec benches/$(NAME).py $(ARGS); fi; \
	    exec target/release/ledgerline bench $(NAME) $(ARGS)

# What strangers' bytes go through: sip, sdp or rtp.
RUNS ?= 10000000
.PHONY: fuzz
fuzz: ## Feed a reader with broken input: make fuzz NAME=sip RUNS=10000000
	@[[ -n "$(NAME)" ]] || { echo 'fuzz: say what: make fuzz NAME=sip' >&2; exit 2; }
	@$(CARGO) fuzz --version >/dev/null 2>&1 || { echo 'fuzz: cargo-fuzz is missing: cargo install cargo-fuzz --locked' >&2; exit 1; }
	mkdir -p fuzz/corpus/$(NAME)
	$(CARGO) +nightly fuzz run --sanitizer none -O $(NAME) fuzz/corpus/$(NAME) \
	    $(wildcard fuzz/seeds/$(NAME) $(if $(filter sip,$(NAME)),tests/torture/rfc4475 tests/torture/rfc5118)) \
	    -- -runs=$(RUNS) -max_len=3000 -timeout=10

.PHONY: lint
lint: web ## Formatting, lints with and without the SQL engine, types of the console
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- --deny warnings
	$(CARGO) clippy --locked --all-targets --no-default-features -- --deny warnings
	cd web && npm run --silent check

.PHONY: web
web: web/dist/index.html ## Build the console where its sources changed

web/node_modules/.installed: web/package.json web/package-lock.json | setup
	cd web && npm ci --no-audit --no-fund
	@mkdir -p $(@D) && touch $@

web/dist/index.html: web/node_modules/.installed $(WEB_SOURCES)
	cd web && npm run --silent build
	@touch $@

.PHONY: clean
clean: ## Remove what was built; data folders stay
	$(CARGO) clean
	rm -rf web/dist web/node_modules
