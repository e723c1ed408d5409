# Safelight. `make` alone lists what there is; serve and test need Python >= 3.11 and nothing else.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:

PYTHON ?=
ARGS ?=
# How many tests run at once: many of them start servers of several processes.
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  ARGS="..." is passed on: make serve ARGS="--port 9000", make test ARGS="-k layers"'

.PHONY: serve
serve: $(VENV)/.ready ## serve examples/photos at http://127.0.0.1:8000/
	@exec $(BIN)/safelight serve examples/photos $(ARGS)

.PHONY: test
test: $(VENV)/.ready-dev ## run the tests that need only Python
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not full" $(ARGS)

.PHONY: test-full
test-full: full-tools $(VENV)/.ready-full ## run the tests that need a browser, Node or Go
	@# Apart: while a browser is driven its event loop runs, and others cannot begin one.
	@$(call full,full and browser)
	@$(call full,full and not browser)

# Nothing is wrong with a choice (ARGS="-k ...") that is of one kind only.
full = $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "$(1)" $(ARGS) || \
	{ [ $$? -eq 5 ] && [ -n "$(ARGS)" ]; }

.PHONY: full-tools
full-tools:
	@tests/full/setup.sh

.PHONY: lint
lint: $(VENV)/.ready-dev ## check style and formatting (ruff)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

.PHONY: fmt
fmt: $(VENV)/.ready-dev ## format, and mend what can be mended
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: types
types: $(VENV)/.ready-dev ## check types (mypy --strict)
	@$(BIN)/mypy

.PHONY: docs
docs: $(VENV)/.ready-dev ## write docs/operations.md and its pictures anew
	@$(BIN)/python -m docs.generate

.PHONY: sheet
sheet: $(VENV)/.ready-dev ## every operation on one page: build/sheet
	@$(BIN)/python -m docs.sheet $(ARGS)

.PHONY: golden
golden: $(VENV)/.ready-dev ## make the golden pictures anew (look at each)
	@$(BIN)/python -m tests.support.golden $(ARGS)

.PHONY: bench
bench: $(VENV)/.ready-dev ## measure, and print the ratios
	@$(BIN)/python -m bench $(ARGS)

.PHONY: clean
clean: ## remove the environment, caches and stored variants
	rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis .safelight
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the virtual environment: made once, and installed again when pyproject.toml changes -----------

$(VENV)/.ready: pyproject.toml | $(VENV)/.made
	@echo "$(VENV): installing safelight"
	@$(BIN)/python -m pip install -q -e .
	@touch $@

$(VENV)/.ready-dev: pyproject.toml | $(VENV)/.made
	@echo "$(VENV): installing safelight[dev]"
	@$(BIN)/python -m pip install -q -e '.[dev]'
	@touch $(VENV)/.ready $@

$(VENV)/.ready-full: pyproject.toml | $(VENV)/.made
	@echo "$(VENV): installing safelight[dev,browser,contract,dask,frameworks]"
	@$(BIN)/python -m pip install -q -e '.[dev,browser,contract,dask,frameworks]'
	@touch $(VENV)/.ready $(VENV)/.ready-dev $@

# A name on PATH proves nothing (a version manager leaves names that fail), so each candidate is run.
# A working environment that somebody else made is taken as it is.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
$(VENV)/.made:
	@if $(BIN)/python -c '$(NEW_ENOUGH)' 2>/dev/null && $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		touch $@; exit 0; \
	fi; \
	found=; \
	for candidate in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
		"$$candidate" -c '$(NEW_ENOUGH)' 2>/dev/null || continue; \
		found="$$candidate"; \
		"$$candidate" -c 'import ensurepip, venv' 2>/dev/null || continue; \
		echo "$(VENV): made with $$("$$candidate" --version) ($$candidate)"; \
		"$$candidate" -m venv --clear $(VENV) && touch $@ && exit 0; \
		exit 1; \
	done; \
	if [ -n "$$found" ]; then \
		echo "$$found cannot make virtual environments: install its venv module (on Debian and Ubuntu: apt install python3-venv)." >&2; \
	else \
		echo "Safelight needs Python 3.11 or newer, and found none. Install one, or name it: make PYTHON=/path/to/python3.12" >&2; \
	fi; \
	exit 1
