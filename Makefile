# Every target says what it does: `make` lists them.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TARGET_DIR

.DEFAULT_GOAL := help
.PHONY: help demo test check check-python check-rust test-python test-rust test-targets sanitize test-wheel bless bench bench-peers bench-threads bench-training bench-classifiers docs clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/ready cargo  ## Compile, build and run two models, beside TensorFlow
	$(BIN)/python examples/demo.py

test: check test-python test-rust test-wheel  ## Everything that must pass

check: check-python check-rust  ## Style and types, of Python and of Rust

check-python: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

check-rust: cargo
	cd runtime/tf-layers && cargo fmt --check && cargo clippy --all-targets -- -D warnings && \
		RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --quiet
	rustfmt --check --edition 2024 examples/mobilenet/src/main.rs examples/adder/src/main.rs

test-python: $(VENV)/ready cargo browser
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-rust: cargo
	cd runtime/tf-layers && cargo test --release

test-targets: cargo  ## The kernels on NEON and WebAssembly, emulated; takes minutes
	tests/targets/emulated.sh

sanitize: cargo  ## The kernels between inaccessible pages, under valgrind, AddressSanitizer and Miri; takes long
	tests/targets/sanitize.sh

test-wheel: $(VENV)/ready  ## Build the wheel from the sdist, install it alone, compile a model
	$(BIN)/python tests/wheel.py

bless: $(VENV)/ready  ## Rewrite golden files that differ; review them as code
	$(BIN)/python -m pytest --bless -m "not slow"

bench: $(VENV)/ready cargo  ## Compile times and agreement over the applications
	$(BIN)/python benchmarks/applications.py

PEERS ?= .venv-peers
ZOO ?= target/zoo

bench-training: $(VENV)/ready cargo  ## 100 steps beside TensorFlow's: differences, time, memory
	$(BIN)/python benchmarks/training.py build/bench/training

bench-peers: $(VENV)/ready $(PEERS)/ready cargo  ## Time, memory and start beside other runtimes; needs a quiet machine
	test -f $(ZOO)/lstm_classifier/io.npz || $(PEERS)/bin/python benchmarks/zoo.py $(ZOO)
	$(BIN)/python benchmarks/run_peers.py $(ZOO) --peers-python $(PEERS)/bin/python
	$(BIN)/python benchmarks/report.py

bench-threads: $(VENV)/ready $(PEERS)/ready cargo  ## One and two threads, alone and beside a busy process
	test -f $(ZOO)/transformer_encoder/io.npz || $(PEERS)/bin/python benchmarks/zoo.py $(ZOO)
	$(BIN)/python benchmarks/threads.py $(ZOO) --peers-python $(PEERS)/bin/python

bench-classifiers: $(VENV)/ready cargo  ## Classifiers of tf2rust's kind beside TensorFlow; needs a quiet machine
	$(BIN)/python benchmarks/classifiers.py $(ZOO)

$(PEERS)/ready: benchmarks/requirements-peers.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --requirement benchmarks/requirements-peers.txt
	touch $@

clean:  ## Remove what these targets made
	rm -rf $(VENV) $(PEERS) target dist build/demo examples/*/target

# The environment is rebuilt when what it is made of changes.
$(VENV)/ready: pyproject.toml requirements/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "tfrc needs Python 3.11 or later: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint requirements/constraints.txt \
		--editable . build filecheck hatchling hypothesis matplotlib playwright pyright pytest pytest-xdist ruff \
		scikit-learn
	touch $@

# The tests of the HTML report open it in Chromium, and are skipped where there is none.
.PHONY: browser
browser:
	@command -v chromium chromium-browser >/dev/null || [ "$$(id -u)" != 0 ] || \
		{ apt-get update --quiet=2 && apt-get install --quiet=2 --yes chromium >/dev/null; } || \
		echo "no chromium, and it could not be installed: its tests are skipped" >&2

.PHONY: cargo
cargo:
	@cargo --version >/dev/null 2>&1 || \
		{ echo "cargo is not on PATH: install Rust 1.89 or later, see https://rustup.rs" >&2; exit 1; }
	@cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 || \
		{ echo "rustfmt or clippy is missing: rustup component add rustfmt clippy" >&2; exit 1; }
