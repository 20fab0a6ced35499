# Needs python3 (>= 3.11) with venv, and make. Everything else is fetched into .venv/ and .minsheng/.

PYTHON ?= python3
UV_VERSION := 0.13.9
STATE := .minsheng
UV := $(or $(shell command -v uv 2>/dev/null),$(STATE)/uv/bin/uv)
BIN := .venv/bin
SYNCED := .venv/.synced

# The machine's own Python, never one that is downloaded.
export UV_PYTHON_DOWNLOADS := never
export UV_PYTHON := $(PYTHON)

.DEFAULT_GOAL := help
.PHONY: help up test check format soak bench clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(SYNCED) ## The whole platform on this machine, with a simulated city (ARGS="--help" shows what can be changed)
	@$(BIN)/minsheng up --simulate $(ARGS)

test: check ## Every check and every test (ARGS="-k name" picks tests)
	@$(BIN)/pytest --numprocesses auto --no-loadscope-reorder $(ARGS)

check: $(SYNCED) ## Style, types, the rules of who imports whom, and the lock file
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(UV) lock --check

format: $(SYNCED) ## Mend the style where a tool can
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

soak: $(SYNCED) ## The fault tests in their long form (MINUTES=30; its seed is printed: SEED=n plays it again)
	@MINSHENG_SOAK_MINUTES=$(or $(MINUTES),30) $(if $(SEED),MINSHENG_SOAK_SEED=$(SEED)) \
		$(BIN)/pytest -m faults --timeout 0 -s $(ARGS)

bench: $(SYNCED) .venv/.synced-bench ## The benchmarks, each beside its baseline (ARGS="--json -" for a machine)
	@$(BIN)/minsheng bench $(ARGS)

clean: ## Remove what was fetched and made by tools; the data of `make up` stays
	@rm -rf .venv $(STATE)/uv $(STATE)/kafka $(STATE)/tests
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find services shared tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(SYNCED): uv.lock pyproject.toml | $(UV)
	@$(UV) sync --frozen --inexact
	@touch $@

.venv/.synced-bench: $(SYNCED)
	@$(UV) sync --frozen --inexact --group bench
	@touch $@

$(STATE)/uv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Minsheng needs Python 3.11 or newer; give one by make PYTHON=/path/to/python3." >&2; exit 1; }
	@$(PYTHON) -m venv $(STATE)/uv
	@$(STATE)/uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
