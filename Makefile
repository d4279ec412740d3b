# Two commands matter: `make demo` shows the main job, `make test` passes every check. `make crash` interrupts and spoils
# every run aboard at every call that changes the disk; `make voyages` fetches ten thousand times from several sources
# through made-up weather; `make test` holds a sample of both.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
AUDIT := .venv-audit

.PHONY: demo test docs crash mutations fuzz audit voyages tickets races test-windows fresh lint clean lock
.DEFAULT_GOAL := test

$(READY): pyproject.toml requirements/dev.lock
	@sh tests/support/machines/python_ready.sh $(PYTHON)
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
	@sh tests/support/machines/debian_packages.sh
	$(BIN)/python -m pytest -n auto $(TESTS)

# The documentation, into build/docs. A warning, a dead link, or anything loaded from another host fails it.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	$(BIN)/python -m tests.docs.built_site build/docs

$(VENV)/.docs: $(READY) requirements/docs.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/docs.lock
	@touch $@

crash: $(READY)
	@sh tests/support/machines/debian_packages.sh
	$(BIN)/python -m tests.crash.sweep
	$(BIN)/python -m tests.crash.mutants

# Mutants of small bundles before the reader and before a site; FIRST=N for others.
mutations: $(READY)
	$(BIN)/python -m tests.hostile.mutations $(or $(COUNT),1000000) $(or $(FIRST),1000000)

# Each reader for FUZZ_SECONDS under atheris, which goes into the environment beside the rest; TARGET=name for one alone.
fuzz: $(VENV)/.fuzz
	$(BIN)/python -m tests.fuzz.fuzz $(or $(FUZZ_SECONDS),30) $(TARGET)

$(VENV)/.fuzz: $(READY) requirements/fuzz.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements/fuzz.lock
	@touch $@

# What is known against the locked packages, and a bill of materials in dist/.
audit: $(READY) $(AUDIT)/.ready
	@$(BIN)/python -m tests.support.machines.supply_audit $(AUDIT)/bin dist

$(AUDIT)/.ready: requirements/audit.lock
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/audit.lock
	@touch $@

voyages: $(READY)
	$(BIN)/python -m tests.transfer.fetch.sweep

# Every ticket of a thousand ships on every ship that it is not for: some five minutes. `make test` tries 25 ships.
tickets: $(READY)
	$(BIN)/python -m tests.support.faults.wrong_tickets 1000

# Every walk of a tree against an account that swaps directories for links, a thousand rounds each: some five minutes.
races: $(READY)
	$(BIN)/python -m tests.hostile.races $(or $(ROUNDS),1000)

# The suite under Windows' Python, in Wine; installs both into .wine/. See tests/support/machines/windows_tier.py.
test-windows: $(READY)
	@$(BIN)/python -m tests.support.machines.windows_tier

# `make demo` and `make test` on bare Debian 12 and 13, as root and as an ordinary user: needs root, takes an hour on two
# cores. FRESH="--system trixie --user sailor --command demo" for less.
fresh: $(READY)
	@sh tests/support/machines/debian_packages.sh debootstrap
	@$(BIN)/python -m tests.support.machines.bare_debian $(FRESH)

COMPILE = CUSTOM_COMPILE_COMMAND="make lock" .venv-lock/bin/pip-compile -q --strip-extras --generate-hashes \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --allow-unsafe

# The locked versions, made anew from pyproject.toml and the short lists beside them.
lock:
	$(PYTHON) -m venv --clear .venv-lock
	.venv-lock/bin/python -m pip install -q pip-tools
	$(COMPILE) --extra dev --output-file requirements/dev.lock pyproject.toml
	$(COMPILE) --constraint requirements/dev.lock --output-file requirements/runtime.lock pyproject.toml
	$(COMPILE) --output-file requirements/windows.lock pyproject.toml requirements/windows.in
	$(COMPILE) --output-file requirements/fuzz.lock requirements/fuzz.in
	$(COMPILE) --output-file requirements/audit.lock requirements/audit.in
	$(COMPILE) --constraint requirements/dev.lock --output-file requirements/docs.lock requirements/docs.in
	rm -rf .venv-lock

clean:
	rm -rf $(VENV) .venv-lock $(AUDIT) .wine dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
