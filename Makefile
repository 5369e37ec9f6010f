# Everything that a person types; `make help` explains it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
PREFECT_VENV := .venv-prefect
UV := $(VENV)/bin/uv
RUN := CALL_COACH_PROFILE=local $(VENV)/bin/call-coach
UI_PORT ?= 3000
TEST_WORKERS ?= 2
SOAK_MINUTES ?= 10
LOCK := pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

.PHONY: help setup demo ui test live soak pictures check bench lock stop reset clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

setup: $(VENV)/.installed ## Install everything into .venv, from the lock file

$(VENV)/.installed: requirements.lock bootstrap.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make setup PYTHON=python3.11")'
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bootstrap.lock
	@$(UV) pip sync --quiet --python $(VENV)/bin/python --require-hashes --compile-bytecode requirements.lock
	@$(UV) pip install --quiet --python $(VENV)/bin/python --no-deps --no-build-isolation -e .
	@$(VENV)/bin/python -m compileall -q call_coach_assets
	@touch $@

$(PREFECT_VENV)/.installed: prefect-server.lock $(VENV)/.installed
	@$(UV) venv --quiet --clear --python $(VENV)/bin/python $(PREFECT_VENV)
	@$(UV) pip sync --quiet --python $(PREFECT_VENV)/bin/python --require-hashes --compile-bytecode prefect-server.lock
	@touch $@

demo: setup ## Sync all six assets from the embedded BigQuery into the embedded Postgres, and show them
	@$(RUN) local start
	@$(RUN) sync
	@$(RUN) local show

ui: setup ## Open the Dagster UI on the embedded stack, with its daemon running
	@$(RUN) ui --port $(UI_PORT)

test: setup $(PREFECT_VENV)/.installed ## Run every test, in parallel; COVERAGE=yes also measures what they cover
	@$(VENV)/bin/python -m pytest -m "not browser and not live" -n $(TEST_WORKERS) --dist loadfile $(PYTEST_ARGS) \
		$(if $(PYTEST_ARGS),,--requirements-table docs/requirements.md --crash-matrix docs/crash-matrix.md) \
		$(if $(COVERAGE),--cov --cov-report=)
	@$(if $(COVERAGE),$(VENV)/bin/coverage report --fail-under 90)

pictures: setup $(PREFECT_VENV)/.installed ## Look at the UIs in a real browser (chromium), and renew the pictures in the docs
	@$(VENV)/bin/python -m pytest -m browser call_coach_assets_tests/browser $(PYTEST_ARGS)

live: setup ## Watch the daemon at work on a schedule of one minute, in about 15 minutes
	@$(VENV)/bin/python -m pytest -m live call_coach_assets_tests/orchestration $(PYTEST_ARGS)

soak: setup ## Run random histories against the model for SOAK_MINUTES (10)
	@$(VENV)/bin/python -m call_coach_assets_tests.model.soak --minutes $(SOAK_MINUTES) $(SOAK_ARGS)

check: setup ## Check style, types, and that Dagster can load the definitions
	@$(VENV)/bin/ruff check --no-cache .
	@$(VENV)/bin/ruff format --no-cache --check .
	@$(VENV)/bin/mypy
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(VENV)/bin/dg check defs

bench: setup ## Measure the project beside its limit, in about 15 minutes; writes docs/performance.md
	@$(VENV)/bin/python -m call_coach_assets_bench $(BENCH_ARGS)

lock: setup ## Resolve the dependencies again, and write the lock files
	@$(UV) $(LOCK) --upgrade --group dev pyproject.toml -o requirements.lock --quiet
	@printf 'uv\n' | $(UV) $(LOCK) --upgrade - -o bootstrap.lock --quiet
	@printf 'prefect<3.9\nfastapi<0.120\n' | $(UV) $(LOCK) --upgrade - -o prefect-server.lock --quiet

stop: ## Stop the embedded stack
	@test ! -x $(VENV)/bin/call-coach || $(RUN) local stop

reset: ## Stop the embedded stack and forget its data
	@test ! -x $(VENV)/bin/call-coach || $(RUN) local reset

clean: reset ## Remove everything that was installed or made
	@rm -rf $(VENV) $(PREFECT_VENV) .local .dagster .coverage* .hypothesis .mypy_cache .ruff_cache *.egg-info
