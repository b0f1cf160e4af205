# `make train` and `make test` need Python 3.11 to 3.13 and nothing else: they make .venv themselves.
PYTHON ?= python3
ARGS ?=
# Test files run in so many processes at once.
WORKERS ?= 2
# `make test ARGS='-m "not gpu"'` also runs the slow tests.
# `make test EXTRAS=parity,traffic` also runs what needs PyTorch and SUMO; without them it says what it skips.
EXTRAS ?=
comma := ,
VENV := .venv
BIN := $(VENV)/bin
READY_DEV := $(VENV)/ready-dev$(if $(EXTRAS),-$(subst $(comma),-,$(EXTRAS)))

.PHONY: train test docs reproduce-smoke clean

train: $(VENV)/ready
	$(BIN)/python -m iam_jax.train --env warehouse --num-envs 4096 $(ARGS)

test: $(READY_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

# The documentation as a site: site/index.html, which opens from the disk.
docs: $(VENV)/ready-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Every path of docs/reproduction.md, small.
reproduce-smoke: $(READY_DEV)
	$(BIN)/pytest -m "slow or not slow" tests/benchmarks/test_reproduction.py $(ARGS)

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/ready-docs: $(VENV)/ready
	$(BIN)/pip install --quiet --editable ".[docs]"
	touch $@

$(READY_DEV): $(VENV)/ready
	$(BIN)/pip install --quiet --editable ".[dev$(if $(EXTRAS),$(comma)$(EXTRAS))]"
	touch $@

clean:
	rm -rf $(VENV) build site *.egg-info
