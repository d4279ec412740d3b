# `make help` lists the targets: each says in its comment what it does. `make demo` shows the main job, `make test`
# passes every check, `make unit ROOM=bundle/format` tests one room in seconds.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
AUDIT := .venv-audit
SCHEMATHESIS := .venv-schemathesis

.DEFAULT_GOAL := test

$(READY): pyproject.toml requirements/dev.lock
	@sh tests/support/machines/python_ready.sh $(PYTHON)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

.PHONY: help
help: ## this list
	@echo "make TARGET, one of:"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' Makefile

.PHONY: demo
demo: $(READY) ## two releases, a bad link, an update, a bad release rolled back; under a minute
	$(BIN)/unrep demo

.PHONY: test
test: $(READY) ## every check: lint, then all tests; TESTS=tests/apply for some
	@sh tests/support/machines/debian_packages.sh
	@$(MAKE) --no-print-directory -s axe > /dev/null 2>&1 || echo "no axe-core from npm: pages are not tried with it"
	@$(BIN)/python -m tests.support.machines.forecast $(TESTS)
	@$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -n auto $(TESTS)

.PHONY: unit
unit: $(READY) ## the quick tests of one room, ROOM=bundle/format; without ROOM those of all packages
	@$(BIN)/python -m tests.support.machines.unit $(ROOM)

.PHONY: lint
lint: $(READY) ## ruff, mypy (tests and bench as well), and the floors of the packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: fix
fix: $(READY) ## what ruff can put right by itself: lint and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: docs
docs: $(VENV)/.docs ## the documentation in build/docs; a warning, a dead link, or another host's address fails it
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	$(BIN)/python -m tests.docs.built_site build/docs

$(VENV)/.docs: $(READY) requirements/docs.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/docs.lock
	@touch $@

.PHONY: man
man: $(READY) ## the manual pages of all commands in build/man
	$(BIN)/unrep man --out build/man

.PHONY: hooks
hooks: $(VENV)/.hooks ## run lint before every commit (pre-commit, from this environment alone)
	$(BIN)/pre-commit install

$(VENV)/.hooks: $(READY) requirements/hooks.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements/hooks.lock
	@touch $@

.PHONY: crash
crash: $(READY) ## every run aboard, interrupted and spoiled at every call that changes the disk
	@sh tests/support/machines/debian_packages.sh
	$(BIN)/python -m tests.crash.sweep
	$(BIN)/python -m tests.crash.mutants

.PHONY: kills
kills: $(READY) ## SIGKILL at RELEASES (300), PRUNES (100), FETCHES (60), APPLIES (40) random moments of those commands
	$(BIN)/python -m tests.crash.repository_kills $(or $(RELEASES),300) $(or $(PRUNES),100)
	$(BIN)/python -m tests.crash.path_kills $(or $(FETCHES),60) $(or $(APPLIES),40)

.PHONY: mutations
mutations: $(READY) ## COUNT mutants (a million) of small bundles before the reader and before a site; FIRST=N for others
	$(BIN)/python -m tests.hostile.mutations $(or $(COUNT),1000000) $(or $(FIRST),1000000)

.PHONY: conformance
conformance: $(READY) ## the second reader, and unrep verify, by the vectors of spec/vectors (spec/conformance.md)
	@cd spec/conformance && ../../$(BIN)/python -m unrep_conformance ../../$(BIN)/python ../reader/conformance.py
	@cd spec/conformance && ../../$(BIN)/python -m unrep_conformance ../../$(BIN)/python readers/unrep_verify.py ../../$(BIN)/unrep

.PHONY: conformance-wheel
conformance-wheel: $(READY) ## the wheel of unrep-conformance, with all vectors, in dist/
	@cd spec/conformance && ../../$(BIN)/python -m hatchling build -t wheel -d ../../dist

.PHONY: spec-mutants
spec-mutants: $(READY) ## do the vectors prove a reader? Mutants of spec/reader; MUTANTS="--module wire --part 1/4" for some
	@$(BIN)/python -m tests.support.mutation.spec_mutants $(MUTANTS)

.PHONY: fuzz
fuzz: $(VENV)/.fuzz ## each reader for FUZZ_SECONDS (30) under atheris; TARGET=name for one alone
	$(BIN)/python -m tests.fuzz.fuzz $(or $(FUZZ_SECONDS),30) $(TARGET)

$(VENV)/.fuzz: $(READY) requirements/fuzz.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements/fuzz.lock
	@touch $@

.PHONY: audit
audit: $(READY) $(AUDIT)/.ready ## what is known against the locked packages, and a bill of materials in dist/
	@$(BIN)/python -m tests.support.machines.supply_audit $(AUDIT)/bin dist

$(AUDIT)/.ready: requirements/audit.lock
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/audit.lock
	@touch $@

.PHONY: fleet
fleet: $(READY) ## a fleet of SHIPS (30) real agents through RELEASES (20), some bad, most of it without a link
	$(BIN)/python -m tests.support.fleet.voyage $(or $(SHIPS),30) $(or $(RELEASES),20)

.PHONY: schemathesis
schemathesis: $(READY) $(SCHEMATHESIS)/.ready ## the office's HTTP interface asked by what spec/fleet.openapi.json says of it, EXAMPLES (100) each
	$(BIN)/python -m tests.hostile.http_interface $(SCHEMATHESIS)/bin/schemathesis $(or $(EXAMPLES),100)

$(SCHEMATHESIS)/.ready: requirements/schemathesis.lock
	$(PYTHON) -m venv $(SCHEMATHESIS)
	$(SCHEMATHESIS)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/schemathesis.lock
	@touch $@

AXE := build/axe/package/axe.min.js

.PHONY: axe
axe: $(AXE) ## axe-core from npm into build/axe, by which tests find pages that some people could not use

$(AXE):
	@mkdir -p build/axe && cd build/axe && npm pack --silent --fetch-retries=1 --fetch-timeout=20000 axe-core@4.14.1 \
		&& tar -xzf axe-core-*.tgz && touch package/axe.min.js

.PHONY: voyages
voyages: $(READY) ## ten thousand fetches from several sources through made-up weather
	$(BIN)/python -m tests.transfer.fetch.sweep

# SIZES="100000 300000" for large releases: takes an hour, and gigabytes in the working directory.
.PHONY: scale
scale: $(READY) ## what twice the work costs, and seconds and memory of a release of SIZES (2000) files
	$(BIN)/python -m bench.scale --sizes $(or $(SIZES),2000)

.PHONY: tickets
tickets: $(READY) ## every ticket of a thousand ships on every ship that it is not for: some five minutes
	$(BIN)/python -m tests.support.faults.wrong_tickets 1000

.PHONY: races
races: $(READY) ## every walk of a tree against an account that swaps directories for links, ROUNDS (1000) each
	$(BIN)/python -m tests.hostile.races $(or $(ROUNDS),1000)

.PHONY: test-windows
test-windows: $(READY) ## the suite under Windows' Python, in Wine; installs both into .wine/
	@$(BIN)/python -m tests.support.machines.windows_tier

# FRESH="--system trixie --user sailor --command demo" for less.
.PHONY: fresh
fresh: $(READY) ## demo and test on bare Debian 12 and 13: needs root, takes an hour on two cores
	@sh tests/support/machines/debian_packages.sh debootstrap
	@$(BIN)/python -m tests.support.machines.bare_debian $(FRESH)

# KITS="--system bookworm" for one system.
.PHONY: kit-test
kit-test: $(READY) ## a kit on bare Debian 11, 12 and 13, without Python: needs root, some minutes
	@sh tests/support/machines/debian_packages.sh debootstrap
	@$(BIN)/python -m tests.support.machines.bare_kit $(KITS)

.PHONY: kit-test-foreign
kit-test-foreign: $(READY) ## a kit for AArch64 on another machine, by qemu's user mode: some minutes
	@sh tests/support/machines/debian_packages.sh qemu-aarch64-static:qemu-user-static
	@$(BIN)/python -m tests.support.machines.foreign_kit

.PHONY: kit-test-windows
kit-test-windows: $(READY) ## a kit for Windows, built twice and run by Wine; KITS=--renew: it renews itself, too
	@$(BIN)/python -m tests.support.machines.wine_kit $(KITS)

.PHONY: renewals
renewals: $(READY) ## unrep renews itself, ROUNDS (200) times: one in four bad, something killed in each
	$(BIN)/python -m tests.crash.renewal_kills $(or $(ROUNDS),200)

.PHONY: kit-lock
kit-lock: $(READY) ## the locks of Debian's packages for kits anew, from this machine's apt
	$(BIN)/python -m tests.support.machines.debian_lock

.PHONY: dist
dist: $(READY) ## sdist and wheel of the last commit in dist/, the same bytes whoever builds them
	@$(BIN)/python -m tests.support.machines.release

.PHONY: dist-check
dist-check: dist ## builds them again elsewhere and compares; then tries the wheel in an environment of its own
	@$(BIN)/python -m tests.support.machines.release check

COMPILE = CUSTOM_COMPILE_COMMAND="make lock" .venv-lock/bin/pip-compile -q --strip-extras --generate-hashes \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --allow-unsafe

.PHONY: lock
lock: ## the locked versions anew, from pyproject.toml and the short lists in requirements/
	$(PYTHON) -m venv --clear .venv-lock
	.venv-lock/bin/python -m pip install -q pip-tools
	$(COMPILE) --extra dev --output-file requirements/dev.lock pyproject.toml
	$(COMPILE) --constraint requirements/dev.lock --output-file requirements/runtime.lock pyproject.toml
	$(COMPILE) --constraint requirements/dev.lock --output-file requirements/hooks.lock requirements/hooks.in
	$(COMPILE) --output-file requirements/windows.lock pyproject.toml requirements/windows.in
	$(COMPILE) --constraint requirements/dev.lock --output-file requirements/windows-ci.lock pyproject.toml requirements/windows-ci.in
	$(COMPILE) --output-file requirements/fuzz.lock requirements/fuzz.in
	$(COMPILE) --output-file requirements/audit.lock requirements/audit.in
	$(COMPILE) --output-file requirements/schemathesis.lock requirements/schemathesis.in
	$(COMPILE) --constraint requirements/dev.lock --output-file requirements/docs.lock requirements/docs.in
	$(COMPILE) --constraint requirements/dev.lock --output-file unrep/kit/locks/linux.lock pyproject.toml requirements/kit.in
	$(COMPILE) --output-file unrep/kit/locks/windows.lock pyproject.toml requirements/kit-windows.in
	$(COMPILE) --constraint requirements/hooks.lock --output-file unrep/kit/locks/launcher.lock requirements/kit-launcher.in
	rm -rf .venv-lock

.PHONY: clean
clean: ## removes what make has made
	rm -rf $(VENV) .venv-lock $(AUDIT) $(SCHEMATHESIS) .wine dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
