# Only python3 (3.11 or newer) with venv, and make, are assumed.
PYTHON ?= python3
BIN := .venv/bin
PYTEST_WORKERS ?= 3

.DEFAULT_GOAL := help

# Tests start the program many times, and every pytest process imports every test. Where PYTHONDONTWRITEBYTECODE is set,
# each of them would compile everything again.
test slow full crashes survive chaos browser fuzz loops screens coverage mutate: export PYTHONDONTWRITEBYTECODE :=
.PHONY: help run test slow full check check-js crashes survive chaos browser fuzz loops coverage mutate bench scale screens openapi messages clients lint-api generators guides docs docs-serve lock sbom audit clean

help:  ## Show the targets
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

run: .venv/run  ## Start PostgreSQL, emulated providers, and the service on this machine; PORT and SANDBOX_PORT change the ports
	@exec $(BIN)/videobroker demo

test: .venv/dev  ## Run the tests, long suites in a short form (under ten minutes on two cores)
	$(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadfile -m "not long or representative"

# Pages in browsers, and processes that are killed under load, have suites of their own.
slow: .venv/dev  ## Run the long tests outside of the suites `browser` and `survive`, as CI does after `make test`
	$(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadfile -m "long and not representative" --ignore tests/browser --ignore tests/acceptance

full: .venv/dev  ## Run every test, also those marked `long` (about 50 minutes on two cores)
	CRASH_STRIDE=$(or $(CRASH_STRIDE),6) FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),30) BODY_EXAMPLES=$(or $(BODY_EXAMPLES),100) \
		$(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadfile

TEXTS := .editorconfig .pre-commit-config.yaml README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE Dockerfile Makefile docker-compose.yml openapi.yaml openapi-3.0.yaml \
	pyproject.toml schemathesis.toml mkdocs.yml .ci .github benchmarks clients deploy docs docs_build examples migrations src tests

check: .venv/dev  ## Check style, types, imports between packages, spelling, and vocabulary
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell --check-hidden $(TEXTS)
	@$(MAKE) --no-print-directory check-js

FRONTEND := .ci/frontend

check-js: $(FRONTEND)/node_modules  ## Check the types and style of our JavaScript, and run its unit tests; needs node and npm
	$(FRONTEND)/node_modules/.bin/tsc --project $(FRONTEND)/tsconfig.json
	$(FRONTEND)/node_modules/.bin/tsc --project $(FRONTEND)/tsconfig.tests.json
	$(FRONTEND)/node_modules/.bin/eslint --config $(FRONTEND)/eslint.config.js src/videobroker tests/frontend
	node --import ./tests/frontend/resolve.js --test --test-reporter=dot tests/frontend/

$(FRONTEND)/node_modules: $(FRONTEND)/package-lock.json
	@command -v npm >/dev/null || { echo "The checks of our JavaScript need node (20 or newer) and npm: \`apt install nodejs npm\`, or https://nodejs.org. \`make run\` and \`make test\` work without." >&2; exit 1; }
	cd $(FRONTEND) && npm ci --silent
	@touch $@

crashes: .venv/dev  ## Kill a process at every step of every crash test (about ten minutes); `make test` takes one step in 16
	CRASH_STRIDE=1 $(BIN)/pytest -n $(PYTEST_WORKERS) tests/usecases/test_crashes.py

survive: .venv/dev  ## Kill processes and the database under load (a few minutes)
	$(BIN)/pytest -n $(PYTEST_WORKERS) --dist load tests/acceptance

CHAOS_SECONDS ?= 600

chaos: .venv/dev  ## Let everything fail at once for ten minutes; CHAOS_SEED chooses the faults, CHAOS_SECONDS how long
	CHAOS_SEED=$(or $(CHAOS_SEED),1) CHAOS_SECONDS=$(CHAOS_SECONDS) $(BIN)/pytest -s --show-capture=no tests/chaos

browser: .venv/dev  ## Run all tests of the pages in Chromium (a few minutes)
	$(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadfile tests/browser

fuzz: .venv/dev  ## Send every operation a hundred generated requests and bodies (some minutes); `make test` sends a dozen
	FUZZ_EXAMPLES=100 BODY_EXAMPLES=300 $(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadfile \
		tests/web/test_fuzz_api.py tests/web/http/test_bad_input.py

LOOPS ?= tests/concurrency tests/storage tests/usecases tests/web tests/delivery tests/identity tests/providers

loops: .venv/dev  ## Run the asynchronous tests on uvloop, the service's event loop (three minutes)
	PYTEST_LOOP=uvloop $(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadfile $(LOOPS)

coverage: .venv/dev  ## Measure line and branch coverage of `make test`, and fail below the floor in pyproject.toml
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(PYTEST_WORKERS) --dist loadfile -m "not long or representative"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage xml --quiet
	$(BIN)/coverage json --quiet
	$(BIN)/coverage report

MUTANTS ?=

mutate: .venv/dev  ## Run the domain tests against mutants of the domain; MUTANTS="videobroker.domain.access*" takes some
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python .ci/mutate.py $(MUTANTS)

bench: .venv/dev  ## Run the benchmarks (a quarter of an hour); BENCH=--quick takes less
	$(BIN)/python -m benchmarks $(BENCH)

screens: .venv/dev  ## Take a screenshot of every state of every page, for build/screens/index.html
	rm -rf build/screens
	SCREENS=1 $(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadfile tests/browser
	PYTHONPATH=tests $(BIN)/python -m browser.gallery

scale: .venv/dev  ## Measure several processes behind nginx, and update docs/explanation/scaling.md (four minutes; needs nginx, pgbouncer, wrk)
	$(BIN)/python -m benchmarks.scale_out --write

openapi: .venv/dev  ## Update openapi.yaml, openapi-3.0.yaml, and the generated pages in docs/reference
	$(BIN)/videobroker openapi --output openapi.yaml
	$(BIN)/videobroker openapi --openapi-version 3.0 --output openapi-3.0.yaml
	$(BIN)/videobroker openapi --events --output docs/reference/events.md
	$(BIN)/videobroker openapi --errors --output docs/reference/errors.md
	$(BIN)/python -m docs_build

messages: .venv/dev  ## Add new messages of the console and the demo page to the catalogs in src/videobroker/web/console/locale
	$(BIN)/python -m docs_build.messages

clients: .venv/dev  ## Generate the clients in clients/ from openapi.yaml
	PYTHONPATH=clients $(BIN)/python -m generate

guides: .venv/dev  ## Copy the files of examples/ into the guides that show them
	$(BIN)/python -m docs_build.examples

# Material for MkDocs prints an advertisement otherwise.
docs docs-serve: export NO_MKDOCS_2_WARNING := 1

docs: .venv/dev  ## Build the documentation site into site/; fails for a broken link
	$(BIN)/python -m mkdocs build --strict

docs-serve: .venv/dev  ## Show the documentation site, and build it again after each change
	$(BIN)/python -m mkdocs serve

API_LINT := .ci/api-lint

lint-api: $(API_LINT)/node_modules  ## Lint the OpenAPI documents with Redocly and Spectral; needs node and npm
	cd $(API_LINT) && REDOCLY_TELEMETRY=off node_modules/.bin/redocly lint --config redocly.yaml
	cd $(API_LINT) && node_modules/.bin/spectral lint --ruleset spectral.yaml --fail-severity hint ../../openapi.yaml

generators: $(API_LINT)/node_modules  ## Generate clients in seven languages, and compile them (needs Java, Go, Ruby, PHP, node)
	.ci/generators

$(API_LINT)/node_modules: $(API_LINT)/package-lock.json
	cd $(API_LINT) && npm ci --silent
	@touch $@

RELEASE_TOOLS := build/release-tools/bin

$(RELEASE_TOOLS)/uv: .ci/release-tools.txt
	$(PYTHON) -m venv --clear build/release-tools
	$(RELEASE_TOOLS)/pip --disable-pip-version-check install --quiet --requirement .ci/release-tools.txt
	@touch $@

lock: $(RELEASE_TOOLS)/uv  ## Write requirements.lock: what the image installs, with hashes
	$(RELEASE_TOOLS)/uv pip compile pyproject.toml --extra telemetry --constraint constraints.txt --generate-hashes --universal \
		--no-header --no-annotate --quiet --output-file requirements.lock

sbom: $(RELEASE_TOOLS)/uv  ## Write build/sbom.cdx.json: the packages of the image and their licenses (CycloneDX)
	$(RELEASE_TOOLS)/uv venv --quiet --clear --python $(PYTHON) build/runtime
	$(RELEASE_TOOLS)/uv pip install --quiet --require-hashes --requirement requirements.lock --python build/runtime
	$(RELEASE_TOOLS)/cyclonedx-py environment build/runtime --pyproject pyproject.toml --output-reproducible \
		--output-file build/sbom.cdx.json

AUDIT_SERVICE ?= pypi

audit: $(RELEASE_TOOLS)/uv  ## Check the locked packages for known vulnerabilities; needs access to advisory data
	$(PYTHON) .ci/audit.py $(RELEASE_TOOLS)/pip-audit requirements.lock $(AUDIT_SERVICE)

clean:  ## Remove the virtual environment and the local data
	rm -rf .venv .venv.lock .videobroker build site

.venv/run .venv/dev: pyproject.toml constraints.txt
	@$(PYTHON) .ci/install.py $(@F)
