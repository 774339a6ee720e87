# Every target works on a fresh machine: it installs what it needs.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Targets start dozens of processes, which share compiled modules.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help setup run demo unit test chaos rules check fmt bench docs clean lock

PYTHON := .venv/bin/python
INSTALL := $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-input --require-hashes
COMPILE := .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate $(UPGRADE)

# Test processes that run in parallel. Tests that wait for child processes leave a core to the others.
LANES ?= 2
PARALLEL := -n $(LANES) --dist loadscope --no-loadscope-reorder

# One test or folder for `make test`, such as T=tests/unit/policy; it runs in one process. Empty: every test.
T ?=

# The stamp files are inside .venv, so removing it resets them. A newer lock file installs again.
RUNTIME := .venv/installed-runtime
DEV := .venv/installed-dev

help: ## show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

setup: $(DEV) ## create .venv with all dependencies

run: $(RUNTIME) ## run the gateway with a broker and a WhatsApp simulator; WITHOUT=policy leaves a service out
	$(PYTHON) -m tools.stack $(addprefix --without ,$(WITHOUT))

demo: $(RUNTIME) ## play scripted traffic through the gateway and show each result with its reason
	$(PYTHON) -m tools.demo

unit: $(DEV) ## run the unit tests: seconds, no broker
	$(PYTHON) -m pytest tests/unit -q -n $(LANES) --dist loadscope

test: $(DEV) ## run all tests but the long fault scenarios, or one test or folder: T=PATH
	$(PYTHON) -m pytest $(or $(T),tests -m "not long" $(PARALLEL))

chaos: $(DEV) ## run the long fault scenarios: killed processes, full disks, clocks set back, alerts
	$(PYTHON) -m pytest tests/chaos -m "long and not alone" $(PARALLEL)
	$(PYTHON) -m pytest tests/chaos -m "long and alone"

check: $(DEV) ## check lint rules, formatting, types and import rules
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports

rules: $(DEV) ## check the Prometheus rules and run their unit tests with promtool
	promtool="$$(tools/find-promtool)" && cd deploy/prometheus && "$$promtool" check config prometheus.yml \
		&& "$$promtool" test rules tests/*.test.yml
	$(PYTHON) -m pytest -q tests/integration/rules

fmt: $(DEV) ## format the code and apply automatic fixes
	$(PYTHON) -m ruff check --fix-only .
	$(PYTHON) -m ruff format .

bench: $(DEV) ## measure throughput and latency of the gateway and of the bare broker
	$(PYTHON) -m bench

docs: $(DEV) ## generate the reference pages of docs/
	$(PYTHON) -m docs.generate

clean: ## remove generated files; var/ (data and keys) stays
	rm -rf .venv .venv-lock .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: .venv-lock/bin/uv ## pin the dependencies of pyproject.toml (UPGRADE=--upgrade for newer versions)
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
