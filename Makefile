# Every target sets up what it needs. `make` alone lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check -qq
STAMPS := .tools
PROCESSES ?= 4
export PYTHONPATH :=

.PHONY: help run test proof check demo bench bench-calls bench-media bench-register bench-routing bench-parse ext lock setup setup-test setup-proof
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

run: setup ## install what is missing and start everything with a demo company
	@exec $(BIN)/sunsim run --demo

demo: setup ## play a carrier and an employee: one real call, audio checked (JSON=1 for a program)
	@$(BIN)/sunsim demo $(if $(JSON),--json)

test: setup-test ## run all tests
	@$(BIN)/pytest -q -n $(PROCESSES) $(ARGS)

proof: setup-proof ## the long proofs: fuzzing, soaks, many examples
	@SUNSIM_PROOF=1 $(BIN)/pytest -q -n 3 --timeout=3600 -m "proof and not alone" $(ARGS)
	@SUNSIM_PROOF=1 $(BIN)/pytest -q --timeout=7200 -m alone $(ARGS)

check: setup-test ## lint, formatting, types, architecture
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/pytest -q tests/rules

bench: setup-test ## micro-benchmarks
	@$(BIN)/pytest -q --benchmark-only benchmarks

bench-calls: setup-test ## CPU per 1000 calls beside sippy's b2bua_simple, as JSON
	@$(BIN)/python -m benchmarks.calls

bench-media: setup-test ## CPU per call in menus and queue, how soon one hears, lost audio, as JSON
	@$(BIN)/python -m benchmarks.media

bench-register: setup-test ## CPU per 1000 digest registrations at 1000 a second, as JSON
	@$(BIN)/python -m benchmarks.register

bench-routing: setup-test ## what a decision costs in time and memory beside the goals and the oracle, as JSON
	@$(BIN)/python -m benchmarks.routing

bench-parse: setup-test ## nanoseconds for an INVITE beside the standard library, as JSON
	@$(BIN)/python -m benchmarks.parse

setup: $(STAMPS)/run $(STAMPS)/venv $(STAMPS)/web ext

setup-test: $(STAMPS)/test setup $(STAMPS)/venv-dev

setup-proof: $(STAMPS)/proof setup-test $(STAMPS)/venv-proof

$(STAMPS)/run $(STAMPS)/test $(STAMPS)/proof: scripts/system-packages.sh
	@mkdir -p $(STAMPS)
	@scripts/system-packages.sh $(@F)
	@touch $@

$(STAMPS)/venv: requirements.lock requirements-build.lock pyproject.toml setup.py | $(STAMPS)/run
	@test -x $(BIN)/python || { echo "Making $(VENV)" >&2; $(PYTHON) -m venv $(VENV); }
	@echo "Installing the Python packages of requirements.lock" >&2
	@$(PIP) install --require-hashes -r requirements-build.lock
	@$(PIP) install --require-hashes -r requirements.lock
	@SUNSIM_SKIP_EXTENSIONS=1 $(PIP) install --no-deps --no-build-isolation -e . 2>/dev/null
	@touch $@

$(STAMPS)/venv-dev: requirements-dev.lock $(STAMPS)/venv
	@echo "Installing the Python packages of requirements-dev.lock" >&2
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

$(STAMPS)/venv-proof: requirements-proof.lock $(STAMPS)/venv-dev
	@echo "Installing the Python packages of requirements-proof.lock" >&2
	@$(PIP) install --require-hashes -r requirements-proof.lock
	@touch $@

$(STAMPS)/node: package-lock.json | $(STAMPS)/run
	@echo "Installing the Node packages of package-lock.json" >&2
	@npm ci --silent --no-progress --no-audit --no-fund
	@touch $@

$(STAMPS)/web: $(STAMPS)/node $(STAMPS)/venv $(shell find web -name '*.py' -o -name '*.po' -o -name '*.html')
	@$(BIN)/python -m web.vendor
	@touch $@

PYX := $(shell find core -name '*.py[x]' -o -name '*.pxd' -o -name '*.pxi')
ext: $(STAMPS)/ext ## compile the Cython extensions and put them in place atomically
$(STAMPS)/ext: $(PYX) setup.py $(STAMPS)/venv
	@echo "Compiling the extensions" >&2
	@$(BIN)/python -W ignore setup.py -q build_ext --build-lib build/lib --build-temp build/temp >build.log 2>&1 || \
		{ cat build.log; exit 1; }
	@for so in $$(cd build/lib && find . -name '*.so'); do cp build/lib/$$so $$so.new && mv -f $$so.new $$so; done
	@touch $@

PIP_COMPILE := $(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe --no-header
lock: ## renew the lock files from requirements*.in
	$(PIP_COMPILE) -o requirements.lock requirements.in
	$(PIP_COMPILE) -o requirements-build.lock requirements-build.in
	$(PIP_COMPILE) -o requirements-dev.lock requirements-dev.in
	$(PIP_COMPILE) -o requirements-proof.lock requirements-proof.in
