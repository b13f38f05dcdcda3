# make test: install into .venv and run the tests. make demo: install, then show it work (demo/report.html).
# make slow: install, then run the tests that are left out of that because each takes about half a minute or more.
# make kill: install, then kill commands on libraries and on tags a thousand times each.
# make web: build the page of `singerid serve` from web/ into the package; needs Node 20.19 or newer.
# make bench: install, then measure speed and memory (docs/performance.md); numbers as JSON in bench/.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: test slow kill demo web bench lint clean
.DEFAULT_GOAL := test

# torch first and alone, at the pinned version: anything else that asks for torch then finds it there.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

test: $(VENV)/installed
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 3 --dist loadfile

slow: $(VENV)/installed
	OMP_NUM_THREADS=1 $(BIN)/pytest -m slow

kill: $(VENV)/installed
	OMP_NUM_THREADS=1 SINGERID_KILLS=1000 $(BIN)/pytest tests/library/test_kills.py tests/tags/test_tag_kills.py

demo: $(VENV)/installed
	$(BIN)/singerid demo

web:
	cd web && npm install --no-save --no-fund --no-audit && npm run build

bench: $(VENV)/installed
	$(BIN)/python benchmarks/perf/network.py --json bench/network.json
	$(BIN)/python benchmarks/perf/operation.py --json bench/operation.json
	$(BIN)/python benchmarks/perf/training.py --json bench/training.json
	$(BIN)/python benchmarks/perf/files.py --json bench/files.json
	$(BIN)/python benchmarks/perf/encoders.py --json bench/encoders.json
	$(BIN)/python benchmarks/perf/separation.py --json bench/separation.json
	$(BIN)/python benchmarks/perf/library.py --json bench/library.json
	$(BIN)/python benchmarks/perf/growth.py --json bench/growth.json --pictures bench

lint: $(VENV)/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV)
