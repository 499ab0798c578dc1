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

# Exactly the listed files, each with the listed checksum, nothing besides; what is built from
# source is built with what is already installed.  Quiet, but for errors.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation
LOCKED  := $(INSTALL) --require-hashes
LOCK    := UV_CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/uv pip compile --quiet --universal \
	--python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate $(UPGRADE)

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow torture pictures figures lab docs docs-serve docs-links lint check format architecture hooks build lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(RUNTIME) ## Set up, then sort a sample event and say where to look
	@$(BIN)/facesort demo $(DEMO)

# In the order of the files: by default those of few tests come last, some take longest, and one process ends alone.
test: $(DEV) ## Set up, then run the tests, on all cores
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

test-slow: $(DEV) ## Run the fault campaigns and the jobs of 16,000 photos
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

# Each process takes one case after the other, the longest first. With LEDGER=folder, runs of parts of the campaign (by
# PYTEST_ARGS) add up to one table, also side by side.
torture: $(DEV) ## Kill, starve and poison jobs, and count what is lost (SEED=n for another campaign, JOBS=n processes)
	$(if $(SEED),FACESORT_TORTURE_SEED=$(SEED)) $(if $(LEDGER),FACESORT_TORTURE_LEDGER='$(LEDGER)') \
		$(BIN)/python -m pytest -m slow tests/torture --numprocesses $(JOBS) --dist load --maxschedchunk 1 \
		-o tmp_path_retention_policy=failed $(PYTEST_ARGS)

figures: $(DEV) ## Put the figures that benchmarks recorded into the pages, and check that none is stated by nobody
	$(BIN)/python benchmarks/figures.py render
	$(BIN)/python benchmarks/figures.py check

pictures: $(DEV) ## Make the pictures of the documentation again, by driving the notebooks (needs Chromium)
	FACESORT_PICTURES=write $(BIN)/python -m pytest -m browser tests/browser/test_whole_job.py

lab: $(RUNTIME) ## Open JupyterLab on the notebooks
	# JupyterLab drops uploads of more than 10 MB in one go without a word
	# and asks the network for news and newer versions of itself.
	# Neither it nor its kernels take code from the folder one stands in.
	env -u PYTHONPATH -u PYTHONSTARTUP PYTHONSAFEPATH=1 $(BIN)/jupyter lab notebooks --ServerApp.tornado_settings="{'websocket_max_message_size': 268435456}" \
		--LabApp.news_url= --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate

docs: $(DEV) ## Build the site into docs/_site, a warning being an error
	$(BIN)/python benchmarks/figures.py check
	$(BIN)/python -m sphinx --fresh-env --fail-on-warning --keep-going --quiet --builder html docs docs/_site
	@echo "Open docs/_site/index.html"

docs-serve: docs ## Build the site and show it at http://127.0.0.1:8000
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory docs/_site 8000

docs-links: $(DEV) ## Ask the network whether the links to other sites still lead there
	$(BIN)/python -m sphinx --quiet --builder linkcheck docs docs/_site/links

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

build: $(DEV) ## Build the wheel, the source archive and the bill of materials (SBOM) into dist/
	$(BIN)/python -m build --no-isolation
	$(BIN)/python tests/sbom.py dist/

lock: $(DEV) ## Write requirements/ again after a change of pyproject.toml (UPGRADE=--upgrade for newer versions)
	$(LOCK) --extra dev --extra docs --group build --group locked pyproject.toml -o requirements/dev.txt
	$(LOCK) --group locked -c requirements/dev.txt pyproject.toml -o requirements/runtime.txt
	$(LOCK) --group build -c requirements/dev.txt -o requirements/build.txt

clean: ## Remove the virtual environment, caches and built files (never runs/ or a workspace)
	rm -rf $(VENV) build dist docs/_site .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
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

$(RUNTIME): pyproject.toml requirements/build.txt requirements/runtime.txt | $(BIN)/python
	@echo "Installing into $(VENV): two to three minutes without a word, most of it downloads"
	@$(LOCKED) -r requirements/build.txt
	@$(LOCKED) -r requirements/runtime.txt
	@$(INSTALL) -e .
	@touch $@

$(DEV): pyproject.toml requirements/build.txt requirements/dev.txt | $(BIN)/python
	@echo "Installing into $(VENV): three minutes, most of it downloads"
	@$(LOCKED) -r requirements/build.txt
	@$(LOCKED) -r requirements/dev.txt
	@$(INSTALL) -e .
	@touch $(RUNTIME) $@
