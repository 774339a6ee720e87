# Every verb works as the first one typed on a fresh machine: it makes what it needs.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Dozens of processes are started: none of them should compile every module anew.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help setup run demo test check fmt bench docs clean lock

PYTHON := .venv/bin/python
INSTALL := $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-input --require-hashes
COMPILE := .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate $(UPGRADE)

# Tests that wait for processes leave half of two cores idle; one lane of them runs beside one of the others.
LANES ?= 2

# Stamps lie inside .venv, so that removing it forgets them; a newer lock file installs again.
RUNTIME := .venv/installed-runtime
DEV := .venv/installed-dev

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

setup: $(DEV) ## make .venv with everything in it

run: $(RUNTIME) ## run the whole gateway on this machine, with its own broker and a WhatsApp simulator
	$(PYTHON) -m tools.stack

demo: $(RUNTIME) ## play a day of traffic through the gateway and show what was answered and why
	$(PYTHON) -m tools.demo

test: $(DEV) ## run every test: unit, contract, integration, e2e, chaos
	$(PYTHON) -m pytest tests -n $(LANES) --dist loadscope --no-loadscope-reorder

check: $(DEV) ## lint, formatting, types, and who may import whom
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports

fmt: $(DEV) ## format the code and mend what can be mended
	$(PYTHON) -m ruff check --fix-only .
	$(PYTHON) -m ruff format .

bench: $(DEV) ## measure throughput and latency beside the broker's bare ceiling
	$(PYTHON) -m bench

docs: $(DEV) ## write the generated pages of docs/
	$(PYTHON) -m docs.generate

clean: ## remove what can be made again; var/ (data and keys) stays
	rm -rf .venv .venv-lock .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: .venv-lock/bin/uv ## pin the dependencies of pyproject.toml (UPGRADE=--upgrade takes newer ones)
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt

$(PYTHON):
	tools/make-venv

$(RUNTIME): requirements.txt $(PYTHON) tools/make-venv tools/gateway
	tools/make-venv
	$(INSTALL) -r requirements.txt
	touch $@

$(DEV): requirements-dev.txt $(PYTHON) tools/make-venv tools/gateway
	tools/make-venv
	$(INSTALL) -r requirements-dev.txt
	touch $@ $(RUNTIME)

.venv-lock/bin/uv:
	"$$(tools/find-python)" -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
