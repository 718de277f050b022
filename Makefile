# LightMail. `make help` lists the targets.
# Set-up is part of the targets: `make run` and `make test` need nothing done before them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= ./lightmail-data
PYTEST := $(BIN)/python -m pytest
# Test processes side by side, one more than two processors carry: tests also wait. 0: none beside pytest itself.
PROCESSES ?= 3
RUST_SOURCES := Cargo.toml Cargo.lock $(shell find rust -path rust/fuzz -prune -o \( -name '*.rs' -o -name Cargo.toml \) -print)
IMAPFLOW := tests/conformance/clients/imapflow
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= framer command mime text names frames
FUZZ_TARGETS_PYTHON ?= lmtp deflate proxy sasl
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export VIRTUAL_ENV := $(CURDIR)/$(VENV)

.PHONY: help build debug run demo test test-unit test-integration test-imap test-telnet test-rust test-mysql chaos test-all \
        lint audit fmt bench bench-load fuzz clean prerequisites test-packages

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

# ---- building

prerequisites:
	@tests/support/prerequisites.sh "$(PYTHON)"

$(VENV)/.runtime: requirements.lock | prerequisites
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.development: requirements-dev.lock $(VENV)/.runtime
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/.release: $(VENV)/.runtime $(RUST_SOURCES) pyproject.toml
	@$(BIN)/maturin develop --release --locked --quiet
	@rm -f $(VENV)/.debug; touch $@

$(VENV)/.debug: $(VENV)/.runtime $(RUST_SOURCES) pyproject.toml
	@$(BIN)/maturin develop --locked --quiet
	@rm -f $(VENV)/.release; touch $@

build: $(VENV)/.release ## (default) release build into .venv

debug: $(VENV)/.debug ## build with debug symbols and overflow checks

# ---- running

run: build ## start the server on the embedded default with a demo account
	@exec $(BIN)/lightmail serve --demo --data "$(DATA)"

# ---- testing

test-packages: $(IMAPFLOW)/node_modules/.package-lock.json
	@tests/support/packages.sh isync offlineimap3 mariadb-server mariadb-client-core galera-4 rsync redis-server \
	    interimap neomutt libmail-imapclient-perl libio-socket-ssl-perl php-cli php-horde-imap-client

$(IMAPFLOW)/node_modules/.package-lock.json: $(IMAPFLOW)/package-lock.json
	@tests/support/npm.sh $(IMAPFLOW)

test-rust: | prerequisites ## the Rust crates alone
	cargo test --workspace --exclude lightmail-py --exclude lightmail-benches --locked --quiet

test: build $(VENV)/.development test-packages test-rust ## everything a change must pass
	$(PYTEST) tests -m "not slow and not alone" -n $(PROCESSES)
	$(PYTEST) tests/integration -m "alone and not slow"

test-unit: build $(VENV)/.development ## seconds: no processes, no sockets
	$(PYTEST) tests/unit tests/contracts tests/property -m "not slow and not integration" -n $(PROCESSES)

test-integration: build $(VENV)/.development test-packages ## real processes and real clients
	$(PYTEST) tests/integration tests/conformance tests/corpus -m "not slow and not alone" -n $(PROCESSES)
	$(PYTEST) tests/integration -m "alone and not slow"

test-imap: build $(VENV)/.development ## wire transcripts, one file per IMAP command
	$(PYTEST) tests/wire -n $(PROCESSES)

test-telnet: build ## a plain-text session with a running server, printed to be read
	@$(BIN)/python -m tests.support.telnet

test-mysql: build $(VENV)/.development test-packages ## what runs on MariaDB otherwise, on MySQL itself (fetched once, into target/)
	@[ -n "$${LIGHTMAIL_TEST_MYSQL:-}" ] || tests/support/mysql_server.sh target/mysql
	LIGHTMAIL_TEST_MYSQL=$${LIGHTMAIL_TEST_MYSQL:-$(CURDIR)/target/mysql/mysqld} $(PYTEST) tests/unit/backends/mysql \
	    tests/contracts tests/property tests/wire tests/integration/test_db.py -k "mysql or test_db"

chaos: build $(VENV)/.development test-packages ## a cluster under faults for CHAOS_SECONDS (600; also CHAOS_SEED, CHAOS_ONLY)
	CHAOS_SECONDS=$${CHAOS_SECONDS:-600} $(PYTEST) tests/integration/test_chaos.py -s

test-all: build $(VENV)/.development test-packages test-rust ## everything, the slow ones included
	$(PYTEST) tests

# ---- checking

lint: build $(VENV)/.development ## ruff, mypy, layers, stubs, rustfmt, clippy, licences
	$(BIN)/ruff check python tests benches
	$(BIN)/ruff format --check python tests benches
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m mypy.stubtest lightmail._core --allowlist tests/support/stubtest-allowlist.txt
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --exclude lightmail-py --no-deps --locked --quiet
	$(BIN)/python -m tests.support.licences

audit: | prerequisites ## known vulnerabilities of all that is pinned (asks the advisory databases)
	@tests/support/audit.sh

fmt: $(VENV)/.development ## format everything
	$(BIN)/ruff check --fix --quiet python tests benches || true
	$(BIN)/ruff format python tests benches
	cargo fmt --all

# ---- measuring

bench: build $(VENV)/.development ## criterion, pytest-benchmark, then the load driver
	cargo bench -p lightmail-benches --locked
	$(PYTEST) benches/python --benchmark-only --benchmark-columns=min,median,mean,rounds
	$(BIN)/python -m benches.load --seconds 5

bench-load: build $(VENV)/.development ## the load driver alone (LOAD="--help" shows its options)
	$(BIN)/python -m benches.load $(LOAD)

fuzz: build $(VENV)/.development ## each fuzz target for FUZZ_SECONDS (nightly Rust, cargo-fuzz and atheris, which it installs)
	@tests/support/fuzz.sh "$(FUZZ_SECONDS)" $(FUZZ_TARGETS)
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-fuzz.lock
	@for target in $(FUZZ_TARGETS_PYTHON); do echo "== $$target, $(FUZZ_SECONDS) s" >&2; \
	    $(BIN)/python -m tests.fuzz $$target -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 || exit 1; done

clean: ## remove everything built; mail in lightmail-data stays
	rm -rf $(VENV) target rust/fuzz/target python/lightmail/_core*.so .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks $(IMAPFLOW)/node_modules .import_linter_cache
	find python tests benches -name __pycache__ -type d -prune -exec rm -rf {} +
