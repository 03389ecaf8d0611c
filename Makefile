# make demo: everything needed, then the sample county. make test: the same environment, then every check and test.

PYTHON ?= python3
VENV := .venv
BIN := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
RUN := $(VENV)/$(BIN)
READY := $(VENV)/.ready
COMPILED := $(VENV)/.compiled

.PHONY: demo test tests lint style types test-matrix docs benchmark benchmark-report campaign audit peers worlds sample lock clean
.DEFAULT_GOAL := demo

demo: $(READY)
	$(RUN)/accessibility demo
	@echo
	@echo "The map: $(CURDIR)/maps/demo/coverage.html (open it in a browser; it needs no internet)"

# The types are checked, by one process, beside the tests.
test: style
	$(MAKE) --no-print-directory --jobs=2 types tests

# The bytecode is kept, whatever the shell says: the suite starts the program a hundred times.
tests: export PYTHONDONTWRITEBYTECODE :=
tests: $(READY) $(COMPILED)
	$(RUN)/python -m pytest -n auto --dist worksteal $(TESTS)

# Once, while the types are checked: what a proposal needs compiled, which two workers would compile at the same time.
$(COMPILED): $(READY)
	$(RUN)/accessibility site data/sample/study.toml --budget 3 --quiet --overwrite --out $(COMPILED)
	@touch $(COMPILED)

lint: style types

style: $(READY)
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .

types: $(READY)
	$(RUN)/mypy

# The tests on the oldest Python with the lowest versions that pyproject.toml allows, and on a newer one with the newest;
# not the locked ones. Needs the internet. One pair: make test-matrix MATRIX=3.14:highest; some tests: TESTS=tests/peers
MATRIX ?= 3.11:lowest-direct 3.13:highest
test-matrix:
	$(PYTHON) -m venv .matrix/uv
	.matrix/uv/$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	set -e; for pair in $(MATRIX); do \
	  python=.matrix/$${pair%%:*}-$${pair##*:}; \
	  .matrix/uv/$(BIN)/uv venv --quiet --clear --python $${pair%%:*} $$python; \
	  .matrix/uv/$(BIN)/uv pip install --quiet --python $$python --resolution $${pair##*:} --editable '.[dev]'; \
	  $$python/$(BIN)/python -m pytest -n auto --dist worksteal $(TESTS); \
	done

# The reference from the docstrings; a reference in them that leads nowhere is an error.
docs: $(READY)
	rm -rf .reference
	$(RUN)/python tests/reference/pages.py .reference/source
	$(RUN)/python -m sphinx -W --keep-going -q -c tests/reference .reference/source .reference/html
	@echo "The reference: $(CURDIR)/.reference/html/index.html"

# Ratios against peers in one run; minutes long.
benchmark: $(READY)
	$(RUN)/python -m pytest tests/benchmarks -o python_files='bench_*.py' --benchmark-enable --benchmark-only -s

# The same, and its table in the README.
benchmark-report: $(READY)
	BENCHMARK_REPORT=README.md $(RUN)/python -m pytest tests/benchmarks -o python_files='bench_*.py' --benchmark-enable --benchmark-only -s

# Broken inputs, faults, hostile texts and odd circumstances by the thousand, then plans against every plan there is;
# before a release, about two hours.
campaign: $(READY)
	$(RUN)/python tests/campaign/campaign.py
	$(RUN)/python tests/campaign/proofs.py --alone --questions 2000

# Known vulnerabilities of what is locked, and every licence; before a release. Needs the internet: a package that no
# database of vulnerabilities answers for fails the audit, it does not pass unseen.
audit: $(READY)
	$(PYTHON) -m venv .audit
	.audit/$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit pip-licenses
	.audit/$(BIN)/pip-licenses --python=$(RUN)/python --order=license
	.audit/$(BIN)/pip-audit --strict --disable-pip --require-hashes -r requirements.lock

# Walking distances against other routing engines, which are optional and not in the lock.
peers: $(READY)
	$(RUN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -e '.[peers]'
	$(RUN)/python -m pytest tests/peers -s

# Whether the bars of every source of error hold the truth, in two hundred simulated worlds each, and the README's
# bar without the speed; about two minutes.
worlds: $(READY)
	$(RUN)/python -m pytest -m many tests/uncertainty

# The sample county anew; it is deterministic.
sample: $(READY)
	$(RUN)/python data/make_sample.py

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, found " + sys.version.split()[0] + "; name one with: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(RUN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

# The lock is universal for Python 3.11 to 3.13, hashed, and names no host. Needs uv.
lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --output-file requirements.lock

clean:
	rm -rf $(VENV) .audit .matrix .reference .mypy_cache .ruff_cache .pytest_cache .hypothesis
