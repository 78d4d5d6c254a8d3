# `make run` needs Python 3.11 or newer and nothing else; `make test` says what it needs and installs it when it may.
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet --require-hashes

.DEFAULT_GOAL := help
.PHONY: help run setup venv test faults lint mypy audit migrations lock

help: ## show this help
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

run: venv ## start the whole platform with a demo: HTTP_PORT=8000 MQTT_PORT=1883 DATA_DIR=var DEMO=1 BIND_ADDRESS=127.0.0.1
	@exec $(PY) -m cloudapi.platform

# The copy of the lock in .venv says what is installed there: no copy or another one, and pip runs; else nothing does.
venv:
	@$(PY) -c 'import pip' 2>/dev/null || { \
		for python in $(PYTHON) python3 python3.13 python3.12 python3.11 none; do \
			"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
		done; \
		test $$python != none || { echo "cloudapi needs Python 3.11 or newer, as python3 on PATH." >&2; exit 1; }; \
		"$$python" -m venv --clear $(VENV); }
	@cmp -s requirements.lock $(VENV)/requirements.lock || { \
		echo "Installing the locked packages into $(VENV) …"; \
		$(PIP) -r requirements.lock && cp requirements.lock $(VENV)/requirements.lock; }

setup: venv ## .venv with everything that developing and testing needs
	@cmp -s requirements-dev.lock $(VENV)/requirements-dev.lock || { \
		echo "Installing the locked packages for development into $(VENV) …"; \
		$(PIP) -r requirements-dev.lock && cp requirements-dev.lock $(VENV)/requirements-dev.lock; }

# What `manage.py` must be told where no platform runs: throw-away values that look like production.
RANDOM_SECRET = $$($(PY) -c 'import secrets; print(secrets.token_urlsafe(64))')
CHECKED = SECRET_KEY=$(RANDOM_SECRET) DATA_DIR=build/checked \
	PUBLIC_URL=https://cloudapi.example ALLOWED_HOSTS=cloudapi.example MQTT_USERNAME=server MQTT_PASSWORD=$(RANDOM_SECRET) \
	FIELD_ENCRYPTION_KEYS=$$($(PY) -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())') \
	REDIS_URL=redis://:$(RANDOM_SECRET)@127.0.0.1:6379/0 DATABASE_URL=sqlite://:memory:

lint: setup mypy migrations audit ## style, types, forgotten migrations, insecure code, settings fit for production
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m bandit --quiet --configfile pyproject.toml --severity-level medium --recursive cloudapi workspaces devices mqtt_bridge
	@echo "manage.py check --deploy"; $(CHECKED) $(PY) manage.py check --deploy --fail-level WARNING

mypy: setup
	@echo "mypy ."; $(CHECKED) $(PY) -m mypy .

migrations: setup
	@echo "manage.py makemigrations --check"; $(CHECKED) $(PY) manage.py makemigrations --check --dry-run

audit: setup ## known holes of the locked packages, where the database of them can be reached
	@.ci/audit $(PY)

# More than the two cores of the smallest machine: the live tests mostly wait.
TEST_PROCESSES := 3

test: setup ## lint and the whole test suite, with private servers of this machine
	@.ci/packages
	@$(MAKE) --no-print-directory lint
	$(PY) -m pytest -n $(TEST_PROCESSES) --dist loadscope --no-loadscope-reorder $(ARGS)

# -s: a row for each fault, and the times of departures, appear as they are measured.
faults: setup ## what becomes of a fleet while parts of the platform are killed, stopped and restarted (18 minutes)
	@.ci/packages
	$(PY) -m pytest tests/faults -m faults -s $(ARGS)

lock: setup ## write both lock files anew from pyproject.toml
	$(PY) -m uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --upgrade \
		pyproject.toml -o requirements.lock
	$(PY) -m uv pip compile --quiet --generate-hashes --universal --python-version 3.11 -c requirements.lock \
		pyproject.toml --group dev -o requirements-dev.lock
