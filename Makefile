# `make demo` runs the main job on built-in sample data, `make test` the tests; both set everything up in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test proof bench lint system-libs clean
