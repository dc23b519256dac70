# Every chore of the project. `make help` lists them.
PYTHON ?= .venv/bin/python

.PHONY: help env test slow gate lint format types docs session check

help: ## list the chores
	@grep -hE '^[a-z]+:.*##' Makefile | sed 's/:.*## /\t/'

env: ## a virtual environment with everything a developer needs
	python3 -m venv .venv && .venv/bin/pip install -e ".[dev]"

test: ## the quick tests, on two cores
	$(PYTHON) -m pytest -q -n 2

slow: ## the tests that need more than ten seconds each
	$(PYTHON) -m pytest -q -n 2 -m slow

gate: ## every kernel compiled for every chip; more than half an hour
	$(PYTHON) -m pytest -q -m gate

format: ## rewrite the code in house style
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

lint: ## style, without changing anything
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .

types: ## strict type check
	$(PYTHON) -m mypy

docs: ## write docs/commands.md anew, and the rooms and interfaces in docs/design.md
	$(PYTHON) -m ace_agent.cli.command_reference > docs/commands.md
	$(PYTHON) -m ace_agent.cli.room_reference docs/design.md

session: ## record the session in README.md and docs/conversation.md anew
	$(PYTHON) -m ace_agent.cli.record_session README.md docs/conversation.md

check: ## everything that CI runs, from an empty environment
	.ci/run
