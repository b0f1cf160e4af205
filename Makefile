# `make train` and `make test` need Python 3.11 to 3.13 and nothing else: they make .venv themselves.
PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin

.PHONY: train test test-all clean

train: $(VENV)/ready
	$(BIN)/python -m iam_jax.train --env warehouse --num-envs 4096 $(ARGS)

test: $(VENV)/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest $(ARGS)

test-all: $(VENV)/ready-dev
	$(BIN)/pytest -m "not gpu" $(ARGS)

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/ready-dev: $(VENV)/ready
	$(BIN)/pip install --quiet --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
