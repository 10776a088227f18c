PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
DEMO_DATA := demo-data

# Every process that tests start would compile five hundred modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo serve test lint format bench clean

help: ## Show what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

install: $(STAMP) ## Make .venv and install OpsAtlas with everything that tests need

# Pinned by constraints.txt; made anew when that or pyproject.toml changes.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "OpsAtlas needs Python 3.11 to 3.13: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(STAMP)

demo: $(STAMP) ## Load the seed company into a folder of its own and tell one incident's story
	@OPSATLAS_DATA_DIR=$(DEMO_DATA) $(BIN)/opsatlas demo

serve: $(STAMP) ## Start the server on the demo's data (OPSATLAS_DATA_DIR chooses another folder)
	@OPSATLAS_DATA_DIR=$${OPSATLAS_DATA_DIR:-$(DEMO_DATA)} $(BIN)/opsatlas serve

test: $(STAMP) ## Run every test, a process for each core and two more
	$(BIN)/python -m pytest -n auto --dist worksteal

lint: $(STAMP) ## Check style, format, types and the arrows between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## Measure (minutes); each figure stands beside its rival's
	$(BIN)/python -m bench.impact --cis 100000 --relationships 500000
	$(BIN)/python -m bench.load --cis 10000 --relationships 30000
	$(BIN)/python -m bench.serve

clean: ## Remove the environment and the demo's data
	rm -rf $(VENV) $(DEMO_DATA)
