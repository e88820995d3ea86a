# Each target makes what it needs: a virtual environment in .venv, with weft and the extras that the target uses.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# Many tests and programs start Python again, which then finds every module compiled. Those that are used are compiled
# when first imported: pip would compile all that SciPy and SymPy have.
export PYTHONDONTWRITEBYTECODE =
INSTALL := -m pip install --quiet --no-compile

.PHONY: demo test lint types slow bench clean

demo: $(VENV)/.examples
	$(BIN)/python -m examples.mnist.lenet

test: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

lint: types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy names modules by their folders, and the checkout, which is the package, may lie in a folder of any name.
types: $(VENV)/.dev
	mkdir -p $(VENV)/src
	ln -sfn "$(CURDIR)" $(VENV)/src/weft
	MYPYPATH=$(VENV)/src $(BIN)/mypy

slow: $(VENV)/.dev
	$(BIN)/python -m pytest -m slow

bench: $(VENV)/.examples
	$(BIN)/python -m benchmarks.graph
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.large
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.calls
	$(BIN)/python -m benchmarks.accuracy
	$(BIN)/python -m benchmarks.kernels
	$(BIN)/python -m benchmarks.steps
	$(BIN)/python -m benchmarks.shared

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.examples: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python $(INSTALL) -e ".[examples]"
	touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python $(INSTALL) -e ".[examples,dev]"
	touch $@

clean:
	rm -rf $(VENV) out build *.egg-info .pytest_cache .mypy_cache .ruff_cache
