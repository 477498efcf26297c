# Everything runs in the virtual environment .venv, which the first target that needs it makes.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: install demo dashboards docs test lint format bench constraints clean

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
	$(BIN)/pytest --numprocesses auto

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

# Pins every package at the newest versions that pyproject.toml admits: names and versions only.
constraints:
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	$(BIN)/pip freeze --exclude-editable | grep -E '^[A-Za-z0-9._-]+==[^ ]+$$' > constraints.txt
	@touch $(INSTALLED)

clean:
	rm -rf .venv .demo .mypy_cache .pytest_cache .ruff_cache *.egg-info
