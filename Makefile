# make test: install into .venv and run the tests. make demo: install, then show it work (demo/report.html).
# make slow: install, then run the tests that are left out of that because each takes about half a minute or more.
# make kill: install, then kill commands on libraries and on tags a thousand times each.
# make web: build the page of `singerid serve` from web/ into the package; needs Node 20.19 or newer.
# make docs: install, then build the site of docs/ into site/. make notebooks: install, then run notebooks/.
# make weights: fetch other people's weights that tests and notebooks use.
# make release-check: build wheel and source archive into dist/, and try the wheel in an empty environment (about ten minutes).
# make bench: install, then measure speed and memory; numbers go to bench/ as JSON, and those of both instruction
#   sets into the tables of docs/performance.md.
PYTHON ?= python3
VENV := .venv
SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN := $(VENV)/$(SCRIPTS)
# TORCH_INDEX=URL: where torch is taken from, for example PyTorch's CPU builds.
TORCH := $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch

.PHONY: install weights test slow kill demo web docs notebooks bench lint release-check clean
.DEFAULT_GOAL := test

# torch first and alone, at the pinned version: anything else that asks for torch then finds it there.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt $(TORCH)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

install: $(VENV)/installed

# What the site and the notebooks need besides.
$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

weights: $(VENV)/installed
	$(BIN)/singerid encoders --fetch campplus ge2e
	$(BIN)/singerid encoders --separators --fetch spleeter

test: $(VENV)/installed
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 3 --dist loadfile

slow: $(VENV)/installed
	OMP_NUM_THREADS=1 $(BIN)/pytest -m slow

kill: $(VENV)/installed
	OMP_NUM_THREADS=1 SINGERID_KILLS=1000 $(BIN)/pytest tests/library/test_kills.py tests/tags/test_tag_kills.py tests/library/test_collecting_fails.py

demo: $(VENV)/installed
	$(BIN)/singerid demo

web:
	cd web && npm install --no-save --no-fund --no-audit && npm run build

docs: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

notebooks: $(VENV)/installed-docs
	OMP_NUM_THREADS=1 $(BIN)/python tools/run_notebooks.py notebooks

# Of the processor all that it has, and AVX2 alone, which is what most laptops have.
ISAS := native avx2
BY_ISA := network operation training encoders separation ears

bench: $(VENV)/installed
	for isa in $(ISAS); do for name in $(BY_ISA); do \
	  $(BIN)/python benchmarks/perf/$$name.py --isa $$isa --json bench/$$isa/$$name.json || exit 1; done; done
	$(BIN)/python benchmarks/perf/both.py bench/native bench/avx2 --into docs/performance.md
	$(BIN)/python benchmarks/perf/files.py --json bench/files.json
	$(BIN)/python benchmarks/perf/library.py --json bench/library.json
	$(BIN)/python benchmarks/perf/growth.py --json bench/growth.json --pictures bench

lint: $(VENV)/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# TAG=v1.2.3: the version, the changelog and the citation must be of that release.
release-check:
	$(PYTHON) -m venv build/release
	build/release/$(SCRIPTS)/pip install --quiet --constraint constraints.txt build twine
	build/release/$(SCRIPTS)/python tools/release_check.py $(if $(TAG),--tag $(TAG)) $(if $(TORCH_INDEX),--torch-index $(TORCH_INDEX))

clean:
	rm -rf $(VENV) build dist site
