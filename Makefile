# Every target sets up what it needs. `make` alone lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONPATH := .

.PHONY: help ext lock
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

ext: ## compile the Cython extensions and put them in place atomically
	@$(BIN)/python setup.py -q build_ext --build-lib build/lib --build-temp build/temp
	@for so in $$(cd build/lib && find . -name '*.so'); do cp build/lib/$$so $$so.new && mv -f $$so.new $$so; done

PIP_COMPILE := $(BIN)/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe --no-header
lock: ## renew the lock files from requirements*.in
	$(PIP_COMPILE) -o requirements.lock requirements.in
	$(PIP_COMPILE) -o requirements-build.lock requirements-build.in
	$(PIP_COMPILE) -o requirements-dev.lock requirements-dev.in
