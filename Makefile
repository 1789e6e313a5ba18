# Everything runs in .venv, which is created if missing and updated when setup.cfg or pyproject.toml changes.
#
#   make demo    train a convolutional network on handwritten digits, with plots in output/
#   make test    the whole suite, on all cores; TORCH=1 installs PyTorch first, so that no comparison is skipped
#   make check   ruff, mypy --strict and the import rules
#   make bench   the benchmarks: times, peak memory and starts as tables, cost against size also as a plot in output/
#   make clean   remove .venv and all build output

# Python 3.11 first: the pinned PyTorch has a wheel for it everywhere.
PYTHON ?= $(shell for name in python3.11 python3; do $$name -c '' 2>/dev/null && echo $$name && break; done)
TORCH_VERSION := 2.13.0
PIP := .venv/bin/python -m pip --disable-pip-version-check
METADATA := setup.cfg pyproject.toml

.PHONY: help demo test check bench clean venv torch
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#   //p' Makefile

demo: .venv/demo.stamp
	.venv/bin/python docs/examples/digits.py $(ARGS)

test: .venv/test.stamp $(if $(filter 1,$(TORCH)),torch)
	@.venv/bin/python -c "import torch" 2>/dev/null || echo "PyTorch is not installed: tests that compare with it are skipped. 'make test TORCH=1' installs it."
	.venv/bin/python -m pytest -n auto --dist worksteal $(ARGS)

check: .venv/dev.stamp
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/python -m pytest -q tests/test_house.py

bench: .venv/test.stamp
	@test -e benchmarks/__main__.py || { echo "make bench: benchmarks/__main__.py is missing, nothing to run" >&2; exit 1; }
	@.venv/bin/python -c "import torch" 2>/dev/null || echo "PyTorch is not installed: only minitensor is timed. 'make torch' installs it."
	.venv/bin/python -m benchmarks $(ARGS)

clean:
	rm -rf .venv build dist output *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv: .venv/venv.stamp

torch: .venv/venv.stamp
	@.venv/bin/python -c "import torch" 2>/dev/null || $(PIP) install "torch==$(TORCH_VERSION)"

.venv/venv.stamp:
	@test -n "$(PYTHON)" || { echo "python3 not found: install Python 3.10 or newer" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "$(PYTHON) is too old: Python 3.10 or newer is needed (make PYTHON=/path/to/python3)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

# Editable: sources are imported from the repository, so only changed metadata needs a new install.
.venv/%.stamp: .venv/venv.stamp $(METADATA)
	$(PIP) install --quiet --editable '.[$*]'
	@touch $@
