# Everything runs in the virtual environment .venv, which the first target that needs it makes.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
AUDITING := .venv/.auditing
WITH_CELERY := .venv/.celery
RUNTIME := .runtime
PARALLEL := --numprocesses auto --dist worksteal

.PHONY: install demo dashboards docs test test-slow test-celery redis test-all lint format bench
.PHONY: bench-large bench-dlt clean
.PHONY: constraints requirements sbom audit secrets image-digests

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: install
	@$(BIN)/copilot-pipeline demo

# Writes grafana/dashboards/ from grafana/source/.
dashboards: install
	$(BIN)/python -m grafana.source

# Writes the generated parts of REPORTS.md from copilot_pipeline/sources/.
docs: install
	$(BIN)/python -m copilot_pipeline.sources.documentation REPORTS.md

test: install
	$(BIN)/pytest $(PARALLEL) -m "not slow and not celery"

# What `make test` leaves out, and the property-based tests with all their examples.
test-slow: install
	COPILOT_PIPELINE_EXAMPLES=all $(BIN)/pytest $(PARALLEL) -m "(slow or fuzz) and not celery"

# Runs on Celery's workers, with a Redis, as deploy/celery/ describes them.
test-celery: $(WITH_CELERY) redis
	$(BIN)/pytest -m celery copilot_pipeline_tests/test_celery.py

$(WITH_CELERY): $(INSTALLED)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,celery]'
	@touch $@

# Installs the system's Redis for the tests if there is none.
redis:
	@command -v redis-server > /dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; \
	  then apt-get update --quiet; apt-get install --quiet --yes --no-install-recommends redis-server; \
	  else echo "make test-celery needs redis-server: install it, such as apt-get install redis-server" >&2; exit 1; \
	  fi; }

test-all: test test-slow test-celery

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: install
	$(BIN)/python -m copilot_pipeline_tests.bench
	$(BIN)/python -m copilot_pipeline_tests.bench_dashboards

# Takes some minutes and 10 GB of disk space.
bench-large: install
	$(BIN)/python -m copilot_pipeline_tests.bench_large

# The same loads with dlt, in an environment of its own: nothing of it is a dependency.
.venv-dlt/.installed:
	$(PYTHON) -m venv .venv-dlt
	.venv-dlt/bin/pip install --quiet --disable-pip-version-check 'dlt[postgres,sqlalchemy]==1.31.0'
	@touch $@

bench-dlt: install .venv-dlt/.installed
	$(BIN)/python -m copilot_pipeline_tests.bench dlt

# Pins every package at the newest versions that pyproject.toml admits: names and versions only.
constraints:
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev,audit,celery]'
	$(BIN)/pip freeze --exclude-editable | grep -E '^[A-Za-z0-9._-]+==[^ ]+$$' > constraints.txt
	@touch $(INSTALLED) $(AUDITING) $(WITH_CELERY)
	$(MAKE) requirements

$(AUDITING): $(INSTALLED)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,audit]'
	@touch $@

# Writes what the image installs: the packages of production at the versions of constraints.txt and
# the build backend, with the hash of every file of each release, so for every platform of Linux.
requirements: $(AUDITING)
	sed -n 's/^requires = \["\(.*\)"\]$$/\1/p' pyproject.toml \
	  | $(BIN)/uv pip compile --quiet --constraint constraints.txt --generate-hashes --no-annotate \
	    --no-header --no-strip-extras --python-version 3.11 --python-platform linux \
	    --output-file requirements.txt pyproject.toml - > /dev/null

# Writes sbom.json, the bill of materials of what the image installs, in CycloneDX's format.
sbom: $(AUDITING)
	$(PYTHON) -m venv --clear $(RUNTIME)
	$(RUNTIME)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	$(RUNTIME)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation .
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-format JSON \
	  --output-reproducible --output-file sbom.json $(RUNTIME)/bin/python
	rm -rf $(RUNTIME)

# Asks PyPI for known vulnerabilities of what the image installs. It fails as well if PyPI cannot be
# asked: then nothing was audited.
audit: $(AUDITING)
	@report=$$($(BIN)/pip-audit --progress-spinner off --disable-pip --require-hashes \
	    --requirement requirements.txt 2>&1) && status=0 || status=1; \
	case "$$report" in \
	  *Traceback*) echo "make audit: nothing was audited: $$(echo "$$report" | tail -n 1)" ;; \
	  *) echo "$$report" ;; \
	esac >&2; exit $$status

# Makes the secrets that compose.yaml reads, in secrets/.
secrets:
	@deploy/compose/secrets.sh

# Pins the images of compose.yaml and Dockerfile to what their tags name now. Needs Docker.
image-digests:
	@deploy/compose/image-digests.sh

clean:
	rm -rf .venv .venv-dlt .demo .runtime sbom.json .mypy_cache .pytest_cache .ruff_cache *.egg-info
