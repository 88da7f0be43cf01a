# `make demo` and `make test` do all the set-up on a machine with only Python 3.11+ and make.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test test-fast coverage bench soak lint format lock clean

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { command -v $$p; break; }; done)
BIN := .venv/bin
READY := .venv/ready-$(shell cat requirements.lock pyproject.toml | cksum | cut -d' ' -f1)
UV_VERSION := 0.13.9
# Compiled modules are kept: every command and every worker would compile them again.
export PYTHONDONTWRITEBYTECODE :=
export RAY_USAGE_STATS_ENABLED := 0
export MLFLOW_DISABLE_TELEMETRY := true

help: ## Show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): requirements.lock pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11, 3.12 or 3.13 is needed; set PYTHON=..." >&2; exit 2; }
	@echo "Installing into .venv (once; about 4 GB) ..."
	@[ -x $(BIN)/python ] || "$(PYTHON)" -m venv .venv
	@[ -x $(BIN)/uv ] || $(BIN)/python -m pip install -q --disable-pip-version-check "uv==$(UV_VERSION)"
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@rm -f .venv/ready-* && touch $@

demo: $(READY) ## Simulate a food plant, train, serve, replay a day, and sum up
	@$(BIN)/andon demo

test: $(READY) ## Every test, some 20 minutes on 2 cores
	@$(BIN)/python -m pytest -q --durations=15 -n 2 --dist load --maxschedchunk 1

test-fast: $(READY) ## Units, contracts and properties: no Ray
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile tests/unit tests/contracts tests/properties andon configs

coverage: $(READY) ## The same, and the lines of the core that they leave out
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --cov --cov-report=term-missing:skip-covered \
		tests/unit tests/contracts tests/properties andon configs

bench: $(READY) ## Measure every bar; prints the figures of docs/benchmarks.md
	@failed=0; for file in tests/benchmarks/bench_*.py; do name=$$(basename $$file .py); echo "== $$name"; \
		$(BIN)/python -m tests.benchmarks.$$name || failed=1; done; exit $$failed

soak: $(READY) ## What takes hours: a server under load, assistants killed and cut off again and again, couriers killed
	@failed=0; for name in soak_serving bench_assistant_fleet bench_notify bench_search_kill bench_monitor_memory; do \
		echo "== $$name"; $(BIN)/python -m tests.benchmarks.$$name || failed=1; done; exit $$failed

lint: $(READY) ## Formatting, lint, types and the direction of imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY) ## Put the code in form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(READY) ## Resolve the dependencies anew
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate -q -o requirements.lock

clean: ## Remove what was built, and the demo's stores
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist *.egg-info
