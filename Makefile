# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check setup clean

demo: .venv/installed        ## the main job on made data: check, train, predict, evaluate; about 4 minutes on 2 cores
	bash examples/demo.sh

test: check                  ## all checks, then all tests
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal -q
	$(BIN)/mkdocs build --strict --site-dir .site

check: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

setup: .venv/installed       ## the environment alone

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable . \
	  beartype distributed h5py hypothesis import-linter mkdocs mypy nibabel nncf ome-zarr-models \
	  onnx onnxruntime openvino pytest pytest-timeout pytest-xdist ruff tensorboard
	touch $@

clean:
	rm -rf .venv demo
