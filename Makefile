# Everything a newcomer needs: `make demo`. Everything CI runs: `make test`. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := $(CURDIR)/.cache/bin
RUN := PATH="$(BIN):$$PATH" PYTHONPATH="$(CURDIR)/.cache/collections:$(CURDIR)" ANSIBLE_CONFIG="$(CURDIR)/ansible.cfg"

.PHONY: help
help: ## Show the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Make the Python environment, the tools and the links
	@$(PYTHON) -m scripts.bootstrap

.PHONY: up down status
up: setup ## Start the sandbox
	@$(RUN) python -m sandbox up
down: ## Stop the sandbox and forget its account
	@if [ -x "$(BIN)/python" ]; then $(RUN) python -m sandbox down; else echo "nothing was set up, so nothing runs"; fi
status: setup ## Show what of the sandbox runs
	@$(RUN) python -m sandbox status

.PHONY: demo
demo: up ## From an empty account to running services on the sandbox, then what runs
	@$(RUN) python scripts/demo.py

.PHONY: test
test: setup lint unit sanity integration molecule end-to-end ## Run every check
	@echo "every check passed"

.PHONY: lint
lint: setup ## ruff, mypy, ansible-lint, changelog and docs checks
	@$(RUN) scripts/lint

.PHONY: unit
unit: setup ## Unit, contract and shape tests
	@$(RUN) pytest tests/unit

.PHONY: sanity
sanity: setup ## ansible-test sanity with empty ignore files
	@$(RUN) python scripts/sanity.py

.PHONY: integration
integration: setup ## Each module and each part of the sandbox, judged from outside
	@$(RUN) pytest -v -n 2 --dist loadfile tests/integration

.PHONY: molecule
molecule: setup ## Modules on a sandbox of their own, judged by SQL and kubectl
	@export ENTASIS_SANDBOX_HOME="$(CURDIR)/.cache/molecule" MOLECULE_GLOB="molecule/*/molecule.yml"
	trap '$(RUN) python -m sandbox down' EXIT
	$(RUN) python -m sandbox up
	$(RUN) molecule test --all

.PHONY: end-to-end
end-to-end: setup ## The whole of site.yml on a sandbox of its own
	@$(RUN) pytest -v tests/end_to_end

.PHONY: docs
docs: setup ## Write docs/codes.md, and the tables and the JSON Schema of the spec, from the code
	@$(RUN) python scripts/codes.py
	@$(RUN) python scripts/spec.py

.PHONY: bench
bench: setup ## Benchmarks as ratios measured side by side; writes .cache/bench.json
	@$(RUN) python -m tests.benchmarks

.PHONY: clean
clean: down ## Stop the sandbox and remove what this checkout holds besides its files (not the user's cache)
	@rm -rf .cache .venv tests/output
