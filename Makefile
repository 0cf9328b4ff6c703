# `make` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
# operator/ is a folder and no package, so its parent has to be named.
export PYTHONPATH := operator:.

##@ The two commands of a newcomer
.PHONY: demo test
demo: $(VENV)/.ready ## A cluster, the operator, a CMS that serves an article, faults, releases, a load (CLUSTER=existing|kind|node)
	$(RUN) -m demo up
test: lint test-unit test-service test-controlplane test-e2e test-cluster coverage ## All tests; cluster tiers are skipped where no cluster can be had

##@ Day by day
.PHONY: check lint format
check: lint test-unit ## Format, lint, types, layers, unit tests: under a minute
lint: $(VENV)/.ready
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy tests
	$(VENV)/bin/lint-imports
	$(RUN) -m cms_operator.api.crd --check
	$(RUN) -m dashboards --check
format: $(VENV)/.ready ## Put the format right and mend what the linter can
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .
.PHONY: test-unit test-service test-controlplane test-e2e test-cluster test-long coverage
test: COVERAGE := --cov --cov-append --cov-report=
test: export HCMS_COVERAGE := 1
test-unit: $(VENV)/.ready ## Pure code
	@rm -f .coverage .coverage.*
	$(RUN) -m pytest tests/unit -q -n 2 $(COVERAGE)
test-service: $(VENV)/.ready ## The CMS against a real PostgreSQL and Redis
	$(RUN) -m pytest tests/service -q -n 2 --dist loadfile $(COVERAGE)
test-controlplane: $(VENV)/.ready ## The operator against a real API server with fake nodes
	rm -rf test-artifacts/controlplane
	$(RUN) -m pytest tests/controlplane -q -n 4 --dist worksteal
	$(RUN) -m pytest tests/rights -q
test-e2e: $(VENV)/.ready ## The chart on a real node
	$(RUN) -m pytest tests/e2e -q -n 3 --dist loadfile
test-long: $(VENV)/.ready ## The operator killed at every single write, long outages, the API tried at random
	$(RUN) -m pytest tests/controlplane -q -m long -n 5 --dist worksteal
	$(RUN) -m pytest tests/service -q -m long
coverage: ## What the tiers have run of the operator and the CMS
	@if compgen -G '.coverage.*' >/dev/null; then $(VENV)/bin/coverage combine --append --quiet; fi
	$(VENV)/bin/coverage report --skip-covered --skip-empty
test-cluster: $(VENV)/.ready ## The local cluster leaves nothing behind; skipped while one runs
	$(RUN) -m pytest tests/cluster -q

##@ The cluster
.PHONY: cluster cluster-down doctor images
cluster: ## A kubeconfig and images, on whatever this machine offers
	$(PYTHON) -m localcluster up
	$(PYTHON) -m localcluster images
cluster-down: ## Stop it and leave nothing behind
	$(PYTHON) -m localcluster down
doctor: ## What this machine offers and lacks
	$(PYTHON) -m localcluster doctor
images: ## Build and load the images
	$(PYTHON) -m localcluster images

##@ More
.PHONY: demo-down crd dashboards krew lock sbom audit bench bench-fleet bench-rollouts bench-reaction bench-tracing bench-delivery bench-peers bench-tenants bench-scaling bench-memory help
demo-down: $(VENV)/.ready ## Remove what the demo has made
	$(RUN) -m demo down
crd: $(VENV)/.ready ## Generate the CRD into crds/ and the chart
	$(RUN) -m cms_operator.api.crd --write
dashboards: $(VENV)/.ready ## Generate Grafana's dashboards into the chart
	$(RUN) -m dashboards --write
krew: $(VENV)/.ready ## The plugin's archive and krew manifest into dist/ (URI=https://… of the archive)
	$(RUN) -m cms_operator.cli.krew --uri "$(URI)"
lock: $(VENV)/.ready ## Pin the dependencies anew, by hash
	$(RUN) -m pip install --quiet uv
	$(VENV)/bin/uv pip compile $(LOCK) --extra operator -o requirements/operator.txt pyproject.toml
	$(VENV)/bin/uv pip compile $(LOCK) --extra cms -o requirements/cms.txt pyproject.toml
	$(VENV)/bin/uv pip compile $(LOCK) --extra operator --extra cms --group dev -o requirements/dev.txt pyproject.toml
	$(VENV)/bin/uv pip compile $(LOCK) --group audit -o requirements/audit.txt
sbom: $(VENV)/.ready ## Bills of materials (CycloneDX) of both images into dist/sbom, from `make images`
	$(RUN) -m supply sbom
audit: $(VENV)/.ready $(VENV)-audit/.ready ## Known vulnerabilities of what the images install (AUDIT=--tolerant where the database is away)
	$(RUN) -m supply audit --program $(VENV)-audit/bin/pip-audit $(AUDIT)
bench: $(VENV)/.ready ## From apply to Ready for 1, 50 and 100 tenants on fake nodes; an idle minute
	$(RUN) -m benchmarks.bringup
bench-fleet: $(VENV)/.ready ## TENANTS=1000 on one operator: growth, idle, changes, a release, a restart, beside Argo Rollouts
	$(RUN) -m benchmarks.fleet --tenants $(or $(TENANTS),1000)
bench-rollouts: $(VENV)/.ready ## A canary of TENANTS=200 tenants at once on fake nodes, beside Argo Rollouts
	$(RUN) -m benchmarks.rollouts --tenants $(or $(TENANTS),200)
bench-reaction: $(VENV)/.ready ## From the first bad response to no traffic
	$(RUN) -m benchmarks.reaction
bench-tracing: $(VENV)/.ready ## Requests/s of a cached delivery without traces, with 1 % and with all
	$(RUN) -m benchmarks.tracing
bench-delivery: $(VENV)/.ready ## Reads of published content beside the least program that answers the same
	$(RUN) -m benchmarks.delivery
bench-peers: $(VENV)/.ready ## Reads and writes beside Directus and Strapi, which npm installs (2 GB)
	$(RUN) -m benchmarks.peers
bench-tenants: $(VENV)/.ready ## What a request costs with 10 and with 1,000 tenants
	$(RUN) -m benchmarks.tenants
bench-memory: $(VENV)/.ready ## Memory of one process over a million requests
	$(RUN) -m benchmarks.memory
bench-scaling: $(VENV)/.ready ## From one server process to three behind nginx
	$(RUN) -m benchmarks.scaling
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

$(VENV)/.ready: requirements/dev.txt
	@echo "Installing the pinned Python packages into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)-audit/.ready: requirements/audit.txt
	@$(PYTHON) -m venv $(VENV)-audit
	@$(VENV)-audit/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/audit.txt
	@touch $@

help:
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
