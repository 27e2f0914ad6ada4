# Only python3 (3.11 or newer) with venv, and make, are assumed.
PYTHON ?= python3
BIN := .venv/bin
PYTEST_WORKERS ?= 3

.DEFAULT_GOAL := help

# Tests start the program again and again, and pytest compiles every test in every one of its processes: where Python is
# told to keep no bytecode, all of them would do it anew each time.
test crashes fuzz loops screens: export PYTHONDONTWRITEBYTECODE :=
.PHONY: help run test check crashes fuzz loops bench scale screens openapi clean

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

crashes: .venv/dev  ## Kill a process at every single step of every story (about five minutes)
	CRASH_STRIDE=1 $(BIN)/pytest -n $(PYTEST_WORKERS) tests/usecases/test_crashes.py

fuzz: .venv/dev  ## Send every operation a hundred generated requests (some minutes); `make test` sends a dozen
	FUZZ_EXAMPLES=100 $(BIN)/pytest -n $(PYTEST_WORKERS) tests/web/test_fuzz_api.py

LOOPS ?= tests/storage tests/usecases tests/web tests/delivery tests/identity tests/providers

loops: .venv/dev  ## Run the tests of whatever waits for something on the service's own event loop as well (three minutes)
	PYTEST_LOOP=uvloop $(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadfile $(LOOPS)

bench: .venv/dev  ## Measure what things cost, as ratios within one run (a quarter of an hour); BENCH=--quick for less
	$(BIN)/python -m benchmarks $(BENCH)

screens: .venv/dev  ## Take the pictures in docs/screens anew
	SCREENS=1 $(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadfile tests/browser

scale: .venv/dev  ## Measure processes behind nginx, and write docs/scaling.md anew (about four minutes; needs nginx, pgbouncer, wrk)
	$(BIN)/python -m benchmarks.scale_out --write

openapi: .venv/dev  ## Write openapi.yaml and docs/events.md anew
	$(BIN)/videobroker openapi --output openapi.yaml
	$(BIN)/videobroker openapi --events --output docs/events.md

clean:  ## Remove the virtual environment and the local data
	rm -rf .venv .venv.lock .videobroker

.venv/run .venv/dev: pyproject.toml constraints.txt
	@$(PYTHON) .ci/install.py $(@F)
