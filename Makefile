.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
# What is linted and type-checked.
CODE := $(wildcard src scheduler workers tests bench)
PACKAGES := src/framefleet scheduler/framefleet_scheduler workers/framefleet_workers $(wildcard tests bench)
# `make test TESTS=tests/unit PYTEST_ARGS=-x` runs a part.
TESTS ?= tests
PYTEST_ARGS ?=
# `make chaos SEEDS=4 FAULTS=24` repeats the fourth seed.
SEEDS ?= 1-6
FAULTS ?= 24
# Each process has services of its own. `JOBS=0` runs all in one, for a debugger.
JOBS ?= auto
# Of the images.
VERSION ?= $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' src/framefleet/__init__.py)

.PHONY: demo test chaos check bench docs seen images rehearse build clean help venv

demo: venv  ## transcode a sample video on this machine, no services needed (-> demo-out/)
	@deploy/sample.sh demo-out/sample.mp4
	$(BIN)/framefleet run demo-out/sample.mp4 --template hls-h264 --template mp4-h264-720p \
		--template snapshot --template sprite --output demo-out/out
	@echo "The outputs are in demo-out/out."

test: venv  ## all tests, with private RabbitMQ, Redis and S3; installs what is missing
	@deploy/setup.sh system ffmpeg rabbitmq redis prometheus chromium npm cc php
	@deploy/setup.sh players
	@deploy/setup.sh sdks
	$(BIN)/python -m pytest -n $(JOBS) --maxprocesses 4 --dist worksteal $(PYTEST_ARGS) $(TESTS)

chaos: venv  ## kill everything in turn, by seeds, and see that nothing is lost (minutes); SEEDS=3 repeats one
	@deploy/setup.sh system ffmpeg rabbitmq redis
	$(BIN)/python -m tests.chaos --seeds $(SEEDS) --faults $(FAULTS)

check: venv  ## style, types and import direction
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy $(PACKAGES)
	$(BIN)/lint-imports

bench: venv  ## measure speed, quality and overhead on this machine
	$(BIN)/python -m bench

docs: venv  ## what is made from the code (pages of docs: templates, settings, metrics, schema; dashboards of Grafana)
	$(BIN)/python -m framefleet.reference docs
	$(BIN)/python -m tests.chart.settings_in_schema
	$(BIN)/python -m framefleet.reference.dashboards deploy/grafana/dashboards
	$(BIN)/python -m framefleet_scheduler.clouds.pages docs/howto

seen: venv  ## docs of what is seen on the wire of the clouds' SDKs, while their tests run (ten minutes)
	@deploy/setup.sh system ffmpeg redis cc
	@deploy/setup.sh sdks
	rm -rf build/seen && mkdir -p build/seen
	CLOUDS_RECORD=$(CURDIR)/build/seen $(BIN)/python -m pytest -n $(JOBS) --maxprocesses 4 --dist worksteal tests/clouds
	$(BIN)/python -m tests.clouds.seen build/seen docs/howto

images: venv  ## the container images, from a wheel built now (needs docker); VERSION=1.2.3 tags them
	rm -rf dist
	$(BIN)/python -m hatchling build -t wheel
	for image in scheduler worker-cpu worker-gpu; do \
		docker build -f deploy/docker/Dockerfile --target $$image --build-arg VERSION=$(VERSION) -t framefleet/$$image:$(VERSION) . || exit 1; done

rehearse: venv  ## build the images without docker, in roots of their own, and start them (as root on Debian; minutes)
	@deploy/setup.sh system debootstrap
	$(BIN)/python -m tests.deploy.rehearse

build: venv  ## wheel and sdist (-> dist/)
	$(BIN)/python -m hatchling build

clean:  ## remove outputs and caches (.venv stays)
	rm -rf dist build demo-out .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .schemathesis .coverage
	find $(CODE) -type d -name __pycache__ -prune -exec rm -rf {} +

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

venv:
	@deploy/setup.sh venv
