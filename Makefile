# `make` alone prints what there is. Everything happens in .venv; nothing needs root.
.DEFAULT_GOAL := help
.PHONY: help run test check bench clean
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# The first Python that is new enough, or the one given: make run PYTHON=/opt/python3.13/bin/python3
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,\
  $(shell command -v $(name) >/dev/null 2>&1 && $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
DATA ?= .data
TESTS ?= tests
BENCH ?=
SOURCES := pyproject.toml hatch_build.py $(shell find protos -name '*.proto') $(wildcard dispatcher_service/engines/launcher/accelerator/*.[ch])
BIN := .venv/bin

help: ## print this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

run: .venv/.installed ## set up and run everything on this machine, with examples to call; Ctrl-C stops it
	@exec $(BIN)/graft up --demo --data-dir $(DATA)

# Tests start Python many hundred times; it does not compile everything each time, whatever the environment says.
test: .venv/.installed-dev ## set up and run the tests; TESTS=tests/cli runs a part of them
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder $(TESTS)

check: .venv/.installed-dev ## check style, types and the contract
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/buf lint
	@$(BIN)/buf format --diff --exit-code
	@tools/check_breaking.sh $(BIN)/buf

bench: .venv/.installed-dev ## measure calls against bare spawns and CGI servers; BENCH=--quick in a minute
	@$(BIN)/python -m benchmarks.bench $(BENCH)

clean: ## remove what was set up, and the data of `make run`
	rm -rf .venv $(DATA) .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find protos -name '*_pb2*.py*' -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Packages are fetched again only when what they are declared by has changed; the source itself is used in place.
.venv/.installed: $(SOURCES) | .venv/bin/pip
	@echo "installing Graft into .venv"
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/.installed-dev: $(SOURCES) | .venv/bin/pip
	@echo "installing Graft and what its tests need into .venv"
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch .venv/.installed $@

.venv/bin/pip:
	@tools/make_venv.sh .venv $(PYTHON)
