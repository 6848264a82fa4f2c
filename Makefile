# Everything a developer or a fresh machine needs. `make setup` needs python3 3.11 or newer and,
# the first time, a network; what is done already is not done again.

PYTHON ?= python3
JOBS ?= 2
PIP = .venv/bin/python -m pip --disable-pip-version-check --quiet --no-input

.PHONY: setup tools demo test plans faults texts chance mutants day check catalogues bench peers bench-peers lock
.DELETE_ON_ERROR:

setup: .venv/.project
	@echo ".venv/bin/switchboard is ready"

tools: .venv/.tools
	@:

.venv/.made:
	@command -v $(PYTHON) >/dev/null || \
		{ echo "Switchboard needs Python 3.11 or newer, and there is no $(PYTHON)." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Switchboard needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Name" \
		"another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) can't make virtual environments: apt-get install python3-venv" >&2; \
		exit 1; }
	@test -x .venv/bin/pip || $(PYTHON) -m venv .venv
	@touch $@

.venv/.runtime: requirements.lock .venv/.made
	@echo "Installing what requirements.lock names (a minute, the first time) ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@touch $@

.venv/.project: pyproject.toml .venv/.runtime
	@$(PIP) install --no-index --no-deps --no-build-isolation -e .
	@touch $@

.venv/.tools: tests/requirements.lock .venv/.project
	@echo "Installing what tests/requirements.lock names ..."
	@$(PIP) install --require-hashes -r requirements.lock -r tests/requirements.lock
	@touch $@

# An alliance with virtual phones at http://127.0.0.1:8080, without any account.
demo: setup
	@.venv/bin/switchboard demo $(if $(LISTEN),--listen $(LISTEN))

test: tools
	@.venv/bin/pytest -q -n $(JOBS) --dist=loadfile --cov --cov-report=term
	@echo "All of handlers/ must be covered:"
	@.venv/bin/coverage report --include='handlers/*' --fail-under=100

# What each statement costs with a million members and ten million messages: some minutes, 10 GB.
plans: tools
	@PLANS_PEOPLE=1000000 .venv/bin/pytest -q tests/storage/test_plans.py \
		tests/storage/test_plans_postgres.py

# A day of an alliance at 60 times its speed, on each engine: three quarters of an hour.
day: tools
	@.venv/bin/python -m tests.faults.day --engine sqlite $(if $(SEED),--seed $(SEED))
	@.venv/bin/python -m tests.faults.day --engine postgres $(if $(SEED),--seed $(SEED))

check: tools
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@.venv/bin/pytest -q --no-header tests/handlers/dialog/test_catalogues.py

# Bring the catalogues of handlers/dialog/locale up to date, and list what is to be translated.
catalogues: tools
	@.venv/bin/python -m tests.catalogues

# Faults of every kind, by a seed: make faults RUNS=1000 SEED=7 (docs/faults.md).
RUNS ?= 100
faults: tools
	@.venv/bin/python -m tests.faults --runs $(RUNS) $(if $(SEED),--seed $(SEED)) \
		$(if $(ENGINE),--engine $(ENGINE)) $(if $(KIND),--kind $(KIND)) \
		$(if $(FROM),--from $(FROM))

# Random texts, random months, and mistakes that the tests have to find (docs/chance.md).
TEXTS ?= 100000
texts: tools
	@.venv/bin/python -m tests.chance.texts --texts $(TEXTS) $(if $(SEED),--seed $(SEED))

STEPS ?= 10000
chance: tools
	@.venv/bin/python -m tests.chance.months --steps $(STEPS) $(if $(SEED),--seed $(SEED))

mutants: tools
	@.venv/bin/python -m tests.chance.mutants $(if $(SAMPLE),--sample $(SAMPLE)) \
		$(if $(SEED),--seed $(SEED))

# A peer that can't be installed is not measured; with REQUIRE_PEERS=1 that is a failure.
bench: tools
	@$(MAKE) --no-print-directory bench-peers || test -z "$$REQUIRE_PEERS"
	@.venv/bin/python -m benchmarks

# Real third-party peers for tests/peers, which skip without them.
peers: .peers/.installed

.peers/.installed: tests/peers/package.json tests/peers/package-lock.json
	@command -v npm >/dev/null || test "$$(id -u)" != 0 || \
		{ apt-get update -qq; apt-get install -qq -y --no-install-recommends nodejs npm; } >/dev/null
	@command -v npm >/dev/null || \
		{ echo "The peers need Node.js: apt-get install nodejs npm" >&2; exit 1; }
	@mkdir -p .peers
	@cp $^ .peers
	@echo "Installing what tests/peers/package-lock.json names ..."
	@cd .peers && npm ci --silent --no-audit --no-fund
	@touch $@

# What `python -m benchmarks peers` measures itself against, in an environment of its own.
bench-peers: .peers/venv/.installed
	@test -x /usr/sbin/bearerbox -a -x /usr/lib/kannel/test/fakesmsc || test "$$(id -u)" != 0 || \
		{ apt-get update -qq; apt-get install -qq -y --no-install-recommends kannel \
		kannel-extras; } >/dev/null
	@test -x /usr/sbin/bearerbox -a -x /usr/lib/kannel/test/fakesmsc || \
		{ echo "Kannel is a peer: apt-get install kannel kannel-extras" >&2; exit 1; }

.peers/venv/.installed: benchmarks/peers/requirements.lock
	@$(PYTHON) -m venv --clear .peers/venv
	@echo "Installing what benchmarks/peers/requirements.lock names ..."
	@.peers/venv/bin/python -m pip --disable-pip-version-check --quiet --no-input install \
		--require-hashes -r $<
	@touch $@

# Pin the newest versions that pyproject.toml allows, with hashes and without addresses.
UV = $(shell command -v uv || echo .venv/bin/uv)
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--upgrade --no-strip-extras --no-emit-index-url --no-header --no-annotate

lock:
	@test -x $(UV) || { echo "make lock needs uv: .venv/bin/pip install uv" >&2; exit 1; }
	@printf 'hatchling\neditables\n' | $(COMPILE) pyproject.toml - -o requirements.lock
	@$(COMPILE) --extra dev pyproject.toml -c requirements.lock -o tests/requirements.lock \
		$$(sed -n 's/^\([a-z0-9.-]*\)==.*/--no-emit-package \1/p' requirements.lock)
	@$(COMPILE) benchmarks/peers/requirements.in -o benchmarks/peers/requirements.lock
