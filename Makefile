# One command each; every target sets up what it needs first.  `make help` lists them.
# GNU make 3.81 or newer.  pip is used as this machine has it configured.

VENV ?= .venv
BIN  := $(VENV)/bin
DEMO ?= facesort-demo
JOBS ?= 3

# The first Python that really runs (version managers leave stand-ins on the PATH that do not), is
# new enough, and can make virtual environments (Debian packs that apart, as python3-venv).
USABLE  := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON  ?= $(firstword $(foreach python,python3.13 python3.12 python3.11 python3,$(shell \
	$(python) -c '$(USABLE)' >/dev/null 2>&1 && echo $(python))))

# A stamp is newer than what it was made from, or it is made again.
RUNTIME := $(VENV)/.runtime
DEV     := $(VENV)/.dev

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow torture lab lint check format architecture hooks build clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(RUNTIME) ## Set up, then sort a sample event and say where to look
	$(BIN)/facesort demo $(DEMO)

test: $(DEV) ## Set up, then run the tests, on all cores
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile $(PYTEST_ARGS)

test-slow: $(DEV) ## Run the fault campaigns and the jobs of 16,000 photos
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

# Each process takes one case after the other, the longest first. With LEDGER=folder, runs of parts of the campaign (by
# PYTEST_ARGS) add up to one table, also side by side.
torture: $(DEV) ## Kill, starve and poison jobs, and count what is lost (SEED=n for another campaign, JOBS=n processes)
	$(if $(SEED),FACESORT_TORTURE_SEED=$(SEED)) $(if $(LEDGER),FACESORT_TORTURE_LEDGER='$(LEDGER)') \
		$(BIN)/python -m pytest -m slow tests/torture --numprocesses $(JOBS) --dist load --maxschedchunk 1 \
		-o tmp_path_retention_policy=failed $(PYTEST_ARGS)

lab: $(RUNTIME) ## Open JupyterLab on the notebooks
	# JupyterLab drops uploads of more than 10 MB in one go without a word
	# and asks the network for news and newer versions of itself.
	# Neither it nor its kernels take code from the folder one stands in.
	env -u PYTHONPATH -u PYTHONSTARTUP PYTHONSAFEPATH=1 $(BIN)/jupyter lab notebooks --ServerApp.tornado_settings="{'websocket_max_message_size': 268435456}" \
		--LabApp.news_url= --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate

lint: $(DEV) ## Format, style, types, layers, and notebooks without outputs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict facesort
	$(BIN)/lint-imports
	find notebooks -name '*.ipynb' -not -path '*/.ipynb_checkpoints/*' \
		-exec $(BIN)/nbstripout --verify {} +

check: lint test ## The gate before a commit: lint, then the tests

format: $(DEV) ## Put the code and the notebooks into the form that `make lint` asks for
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	find notebooks -name '*.ipynb' -not -path '*/.ipynb_checkpoints/*' -exec $(BIN)/nbstripout {} +

architecture: $(DEV) ## Draw the picture in ARCHITECTURE.md again from the import contracts
	$(BIN)/python tests/architecture.py

hooks: $(DEV) ## Let git strip notebook outputs as they are committed
	$(BIN)/nbstripout --install

build: $(DEV) ## Build the wheel and the source archive into dist/
	$(BIN)/python -m build

clean: ## Remove the virtual environment, caches and built files (never runs/ or a workspace)
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find facesort tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@python='$(PYTHON)'; \
	if [ -z "$$python" ]; then \
		echo "No usable Python was found: facesort needs Python 3.11 or newer with venv" >&2; \
		echo "(on Debian and Ubuntu: apt-get install python3 python3-venv)." >&2; \
		echo "If yours has another name: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; \
		exit 1; \
	fi; \
	"$$python" -c '$(USABLE)' || { \
		echo "$$python is not usable: facesort needs Python 3.11 or newer with venv." >&2; exit 1; }; \
	echo "Making $(VENV) with $$python"; \
	"$$python" -m venv '$(VENV)'

$(RUNTIME): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -c constraints.txt -e .
	@touch $@

$(DEV): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -c constraints.txt -e '.[dev]'
	@touch $(RUNTIME) $@
