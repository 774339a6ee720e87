# Every target works on a fresh machine: it installs what it needs.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Targets start dozens of processes, which share compiled modules.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help setup run demo unit test test-rabbitmq4 cluster-test chaos k8s k8s-run k8s-test sbom rules check fmt bench docs clean lock

PYTHON := .venv/bin/python
INSTALL := $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-input --require-hashes
COMPILE := .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate $(UPGRADE)

# Test processes that run in parallel. Tests that wait for child processes leave a core to the others.
LANES ?= 2
PARALLEL := -n $(LANES) --dist loadscope --no-loadscope-reorder

# Half of what a lane does is waiting for what another process does, or for time to pass. In `make test` one lane computes
# while the others wait, as long as there are tests of both kinds (tests/lanes.py): three that wait fill the other core.
ONE_MORE := -n $(shell echo $$(($(LANES) + 1))) --dist loadscope --no-loadscope-reorder
TWO_MORE := -n $(shell echo $$(($(LANES) + 2))) --dist loadscope --no-loadscope-reorder

# Where the long scenarios are. Those that share a gateway come first: together they take the longest.
CHAOS := tests/chaos/test_*.py tests/chaos/own_gateway tests/e2e tests/contract/store/test_killed_backups.py \
	tests/contract/store/test_killed_log_rebuild.py tests/integration/chassis/test_delivery_limit.py \
	tests/integration/chassis/test_kills.py tests/integration/record/test_crashes.py tests/integration/record/test_log_crashes.py \
	tests/integration/test_broker_node.py tests/integration/test_console_service.py tests/integration/test_ingress_service.py \
	tests/integration/test_make_run.py

# One test or folder for `make test`, such as T=tests/unit/policy; it runs in one process. Empty: every test.
T ?=

# The longest time of `make k8s-test`, with a first build of Kubernetes on a slow machine.
K8S_SECONDS ?= 2400

# Tests that RabbitMQ's version may make fail: the chassis and its broker, and each kind of traffic once.
ON_RABBITMQ_4 := tests/integration/chassis tests/integration/test_broker_definitions.py tests/integration/test_broker_rights.py \
	tests/integration/test_broker_node.py tests/integration/test_deliveries.py tests/e2e/test_messaging.py \
	tests/e2e/test_replicas.py tests/e2e/test_whatsapp_webhooks.py tests/e2e/test_authentic_events.py

# The policy and the arguments of queues, which any release of RabbitMQ can be asked about.
DECLARED := $(addprefix tests/integration/chassis/test_,declare_step.py declare_failures.py delivery_limit.py former_queues.py \
	management.py) tests/integration/test_broker_definitions.py

# The longest time of `make cluster-test`; an interrupt stops the nodes in any case.
CLUSTER_SECONDS ?= 540

# In a venv of its own: what it needs clashes with ours.
SBOM := .venv-sbom/installed
FASTSTREAM := .venv-bench/installed
CHECKOV := .venv-checkov/installed-3.3.30

# The stamp files are inside .venv, so removing it resets them. A newer lock file installs again.
RUNTIME := .venv/installed-runtime
DEV := .venv/installed-dev

help: ## show this help
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

setup: $(DEV) ## create .venv with all dependencies

run: $(RUNTIME) ## run the gateway with a broker and a WhatsApp simulator; WITHOUT=policy leaves a service out
	$(PYTHON) -m tools.stack $(addprefix --without ,$(WITHOUT))

demo: $(RUNTIME) ## play scripted traffic through the gateway and show each result with its reason
	$(PYTHON) -m tools.demo

unit: $(DEV) ## run the unit tests: seconds, no broker
	$(PYTHON) -m pytest tests/unit -q -n $(LANES) --dist loadscope

test: $(DEV) ## run all tests but the long fault scenarios, or one test or folder: T=PATH
	$(PYTHON) -m pytest $(or $(T),tests -m "not long and not kubernetes and not cluster" $(TWO_MORE))

# What stands on the broker, in a root with RabbitMQ 4. Where none can be made, the policy and the arguments are tried alone.
test-rabbitmq4: $(DEV) ## run the tests that need a broker on RabbitMQ 4, in a Debian 13 of its own (root, mmdebstrap)
	if server="$$($(PYTHON) -m tools.broker.debian_root)"; then \
		GATEWAY_TEST_RABBITMQ_SERVER="$$server" $(PYTHON) -m pytest $(ON_RABBITMQ_4) $(PARALLEL); \
	else \
		echo "Only the policy and the arguments of queues are checked, on this machine's own RabbitMQ." >&2; \
		$(PYTHON) -m pytest $(DECLARED); \
	fi

cluster-test: $(DEV) ## disturb the nodes of a broker of three under traffic, on RabbitMQ 4 where it can be had (root)
	GATEWAY_TEST_RABBITMQ_SERVER="$$($(PYTHON) -m tools.broker.debian_root || true)" timeout --foreground --signal=INT \
		--kill-after=60 $(CLUSTER_SECONDS) $(PYTHON) -m pytest $(or $(T),tests/cluster)

# First what keeps the machine busy; then what waits, for alerts mostly, and uses a third of a processor in each lane; then
# what needs quiet. All three run whatever fails, so that each failure is known, and CI can repeat all of them.
chaos: $(DEV) ## run the long fault scenarios: killed processes, full disks, clocks set back, alerts
	failed=0; \
	$(PYTHON) -m pytest $(CHAOS) -m "long and not timed and not alone" $(ONE_MORE) || failed=1; \
	$(PYTHON) -m pytest $(CHAOS) -m "long and timed" $(TWO_MORE) || failed=1; \
	$(PYTHON) -m pytest $(CHAOS) -m "long and alone" || failed=1; \
	exit $$failed

k8s: $(DEV) $(CHECKOV) ## render the Kubernetes manifests and check them: schemas, policy, reachability (Go, npm)
	$(PYTHON) -m tools.manifests check
	GATEWAY_K8S_REQUIRED=yes $(PYTHON) -m pytest -q tests/k8s/rendered

k8s-run: $(RUNTIME) ## run the gateway on a Kubernetes of its own until Ctrl-C (root, Go)
	$(PYTHON) -m tools.kubernetes run

# Kubernetes is built beside the images and their tests, which wait for downloads more than for a processor.
# A scenario that hangs is ended by its own limit, and everything by this one; the cluster ends in any case.
k8s-test: $(DEV) $(SBOM) ## boot a Kubernetes of three nodes, and disturb the gateway on it under traffic (root, Go)
	$(PYTHON) -m tools.kubernetes check
	trap : INT TERM; \
	$(PYTHON) -m tools.kubernetes build >/dev/null & build=$$!; \
	timeout --foreground --signal=INT --kill-after=90 $(K8S_SECONDS) $(PYTHON) -m pytest $(or $(T),tests/k8s/image tests/k8s/cluster); \
	status=$$?; kill $$build 2>/dev/null; $(PYTHON) -m tools.kubernetes down; exit $$status

check: $(DEV) ## check lint rules, formatting, types and import rules
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports

sbom: $(SBOM) ## write what the gateway's image holds to build/gateway.cdx.json, as CycloneDX (root)
	.venv-sbom/bin/python -W ignore -m tools.image.sbom build/gateway.cdx.json

rules: $(DEV) ## check the Prometheus rules and run their unit tests with promtool
	promtool="$$(tools/find-promtool)" && cd deploy/prometheus && "$$promtool" check config prometheus.yml \
		&& "$$promtool" test rules tests/*.test.yml
	$(PYTHON) -m pytest -q tests/integration/rules

fmt: $(DEV) ## format the code and apply automatic fixes
	$(PYTHON) -m ruff check --fix-only .
	$(PYTHON) -m ruff format .

# What the gateway is compared with is left out where it cannot be installed; the page then says so.
bench: $(DEV) ## measure the gateway, the bare broker and FastStream (12 minutes), and write docs/performance.md
	$(MAKE) --no-print-directory $(FASTSTREAM) || echo "FastStream cannot be installed: it is not measured." >&2
	$(PYTHON) -m bench --page

docs: $(DEV) ## generate the reference pages of docs/
	$(PYTHON) -m docs.generate

clean: ## remove generated files; var/ (data and keys) stays
	rm -rf .venv .venv-lock .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: .venv-lock/bin/uv ## pin the dependencies of pyproject.toml (UPGRADE=--upgrade for newer versions)
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
	$(COMPILE) bench/requirements-faststream.in -o bench/requirements-faststream.txt

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

$(SBOM): tools/image/requirements-sbom.txt
	"$$(tools/find-python)" -m venv --clear .venv-sbom
	.venv-sbom/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

$(FASTSTREAM): bench/requirements-faststream.txt
	"$$(tools/find-python)" -m venv --clear .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

$(CHECKOV):
	"$$(tools/find-python)" -m venv --clear .venv-checkov
	.venv-checkov/bin/python -m pip install --quiet --disable-pip-version-check checkov==3.3.30
	touch $@

.venv-lock/bin/uv:
	"$$(tools/find-python)" -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
