# `make demo` and `make test` do all the set-up that they need. The second run is quick: stamp files in .venv
# remember what is installed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST_ARGS ?=

# Without its byte code every start compiles the whole package again, and the tests start it a thousand times.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test lint programs clean

help:
	@echo "make demo    refine the sample data of specs/quickstart.refine with the simulated model"
	@echo "make test    run every test"
	@echo "make lint    ruff and mypy"
	@echo "make clean   remove the environment and what was built (runs in .refine stay)"

demo: $(VENV)/.installed | programs
	@$(BIN)/refinec apply specs/quickstart.refine --auto-approve
	@echo
	@echo "Look closer:  $(BIN)/refinec runs"
	@echo "              $(BIN)/refinec trace 120"
	@echo "              $(BIN)/refinec verify specs/out/quickstart.prov.jsonl"

test: $(VENV)/.installed-dev | programs
	@$(BIN)/python -m pytest --numprocesses auto --dist worksteal $(PYTEST_ARGS)

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/mypy

# A virtual environment does not survive a move of its folder, so it remembers where it was made.
ifneq ($(shell cat $(VENV)/.place 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/.place
endif

$(VENV)/.place:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "refinec needs Python 3.11 or newer; name one with: make PYTHON=python3.12 demo" >&2; exit 1; }
	@echo "making $(VENV)"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV) \
	  || { rm -rf $(VENV); echo "python3 lacks venv; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@printf '%s' '$(CURDIR)' > $@

# What is imported is compiled then, which is a small part of what is installed.
$(VENV)/.installed: pyproject.toml $(VENV)/.place
	@echo "installing refinec"
	@$(PIP) install --no-compile --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.place
	@echo "installing refinec and what its tests need"
	@$(PIP) install --no-compile --editable '.[dev]'
	@touch $(VENV)/.installed $@

# These programs are optional. Without glpsol HiGHS, which is installed as a package, serves alone; without bwrap
# programs of models run in the embedded interpreter alone.
programs:
	@for pair in glpsol:glpk-utils bwrap:bubblewrap; do \
	  program=$${pair%:*}; package=$${pair#*:}; \
	  command -v $$program >/dev/null 2>&1 && continue; \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	    echo "installing $$package"; \
	    { apt-get install -y -qq $$package || { apt-get update -qq && apt-get install -y -qq $$package; }; } \
	      >/dev/null 2>&1 || echo "$$package could not be installed; refinec does without" >&2; \
	  else \
	    echo "$$program is not here (Debian: apt-get install $$package); refinec does without" >&2; \
	  fi; \
	done

clean:
	rm -rf $(VENV) specs/out dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
