# `make help` says what there is. Everything installs into .venv; nothing else on the machine changes.
PYTHON ?= python3
BIN := .venv/bin
PACKAGES := rules alerts streams
# How many tests run at once.
WORKERS ?= 2
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.PHONY: help run test check format bench chaos lock clean

help: ## what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

run: .venv/ready-to-run ## the service at work, on an invented month of leads
	@$(BIN)/baton demo

test: .venv/ready-to-develop ## all tests
	@$(BIN)/python -m pytest -n $(WORKERS)

check: .venv/ready-to-develop ## format, lint, strict types, import contracts
	@$(BIN)/ruff format --check --quiet . || { echo "Some files are not formatted. Run: make format" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary $(PACKAGES) tests
	@mkdir -p build && $(BIN)/lint-imports --no-cache >build/lint-imports.txt || { cat build/lint-imports.txt; exit 1; }
	@echo "Formatting, lint, types and import contracts are in order."

format: .venv/ready-to-develop ## format the code and order its imports
	@$(BIN)/ruff check --quiet --select I --fix .
	@$(BIN)/ruff format --quiet .

bench: .venv/ready-to-develop ## the figures and their targets, also in build/bench.json
	@$(BIN)/python -m tests.bench

chaos: .venv/ready-to-develop ## 10,000 simulated lives of the service, with crashes and faults
	@$(BIN)/python -m tests.chaos

lock: .venv/ready-to-run ## renew requirements/*.txt from pyproject.toml
	@$(PYTHON) -m venv build/lock && build/lock/bin/python -m pip --quiet install uv
	@$(LOCK) -o requirements/run.txt pyproject.toml requirements/build.in
	@$(LOCK) -o requirements/ci.txt --extra dev pyproject.toml requirements/build.in

LOCK := build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--upgrade --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

clean: ## remove .venv, build and the caches
	@rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The environment follows the lock: change the lock or pyproject.toml and the next command brings it up to date.
.venv/ready-to-run: pyproject.toml requirements/run.txt | .venv/bin/python
	@echo "Setting up .venv ..."
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-build-isolation --no-deps -e .
	@mkdir -p build && touch $@

.venv/ready-to-develop: requirements/ci.txt .venv/ready-to-run
	@echo "Setting up the development tools ..."
	@$(PIP) install --require-hashes -r requirements/ci.txt
	@mkdir -p build && touch $@

.venv/bin/python:
	@command -v $(PYTHON) >/dev/null || \
	  { echo "There is no '$(PYTHON)' here. baton needs Python 3.11 or newer: install it, or name one with PYTHON=/path/to/python3." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$$($(PYTHON) --version) is too old. baton needs Python 3.11 or newer: name one with PYTHON=/path/to/python3." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "This Python lacks the 'venv' module. On Debian and Ubuntu: apt-get install python3-venv." >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv || { rm -rf .venv; exit 1; }
