# Two commands matter: `make demo` shows the main job, `make test` passes every check. `make crash` interrupts and spoils
# every run aboard at every call that changes the disk; `make voyages` fetches ten thousand times from several sources
# through made-up weather; `make test` holds a sample of both.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test crash voyages tickets test-windows check lint clean lock
.DEFAULT_GOAL := test

$(READY): pyproject.toml requirements/dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "unrep needs Python 3.11 or newer, not %s: set PYTHON=" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY)
	$(BIN)/unrep demo

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	@sh tests/support/debian_packages.sh
	$(BIN)/python -m pytest -n auto

crash: $(READY)
	@sh tests/support/debian_packages.sh
	$(BIN)/python -m tests.crash.sweep
	$(BIN)/python -m tests.crash.mutants

voyages: $(READY)
	$(BIN)/python -m tests.transfer.sweep

# Every ticket of a thousand ships on every ship that it is not for: some five minutes. `make test` tries 25 ships.
tickets: $(READY)
	$(BIN)/python -m tests.support.wrong_tickets 1000

# The suite under Windows' Python, in Wine; installs both into .wine/. See tests/support/windows_tier.py.
test-windows: $(READY)
	@$(BIN)/python -m tests.support.windows_tier

# The locked versions, made anew from pyproject.toml.
lock:
	$(PYTHON) -m venv --clear .venv-lock
	.venv-lock/bin/python -m pip install -q pip-tools
	CUSTOM_COMPILE_COMMAND="make lock" .venv-lock/bin/pip-compile -q --strip-extras --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --extra dev --allow-unsafe --output-file requirements/dev.lock pyproject.toml
	CUSTOM_COMPILE_COMMAND="make lock" .venv-lock/bin/pip-compile -q --strip-extras --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --allow-unsafe --output-file requirements/windows.lock pyproject.toml requirements/windows.in
	rm -rf .venv-lock

clean:
	rm -rf $(VENV) .venv-lock .wine dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
