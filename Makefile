# `make demo` and `make test` are all that a fresh machine needs beside Python >= 3.11.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := pyproject.toml

.PHONY: demo test test-slow lint docs pages clean

demo: $(VENV)/.installed
	$(BIN)/tpgbench run --model slddm

test: lint
	$(BIN)/pytest -q -n 2

test-slow: $(VENV)/.installed-dev
	$(BIN)/pytest -q -n 2 -m slow

lint: $(VENV)/.installed-dev .types/tpgbench
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=.types $(BIN)/mypy -p tpgbench
	$(BIN)/lint-imports

# The site, in build/site. No network is needed; the theme's advertisement is switched off.
docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# The pages that are made of the code: metrics, models, datasets.
pages: $(VENV)/.installed
	$(BIN)/python docs/make_metric_pages.py
	$(BIN)/python docs/make_catalogue_pages.py

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tpgbench needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python $(PACKAGES)
	$(BIN)/pip install --quiet -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python $(PACKAGES)
	$(BIN)/pip install --quiet -e '.[dev]'
	touch $@ $(VENV)/.installed $(VENV)/.installed-docs

$(VENV)/.installed-docs: $(VENV)/bin/python $(PACKAGES)
	$(BIN)/pip install --quiet -e '.[docs]'
	touch $@ $(VENV)/.installed

# mypy takes a package's name from its folder's, and a checkout may be called anything.
.types/tpgbench:
	mkdir -p .types
	ln -sfn .. $@

clean:
	rm -rf $(VENV) .types build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
