# A thin front: what to type. The work is in CMakePresets.json, scripts/ and lab/.
.DEFAULT_GOAL := help
.PHONY: help demo test test-vm bench lint format fuzz build install clean

PYTHON ?= /usr/bin/python3
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
export JOBS

help:              ## This list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo:              ## Build, then three hosts talk through a starocean switch (root; about a minute)
	@scripts/bootstrap build demo
	@scripts/build-release
	@$(PYTHON) lab/demo.py

test:              ## Everything: format, unit tests, sanitizers, other CPUs, install, labs (root)
	@scripts/bootstrap build demo test lint
	@$(PYTHON) scripts/run-tests

test-vm:           ## Zero-copy: in a virtual machine, where QEMU and a newer Debian kernel can be had
	@scripts/bootstrap build demo test
	@$(PYTHON) scripts/run-tests vm

bench:             ## All benchmarks, beside their counterparts elsewhere (root; two hours)
	@scripts/bootstrap build bench
	@scripts/run-benchmarks

lint:              ## clang-format and clang-tidy (ALL=1: every file, else those that differ from main)
	@scripts/bootstrap build lint
	@scripts/lint

format:            ## Rewrite the sources with clang-format
	@scripts/bootstrap lint
	@git ls-files '*.cc' '*.h' '*.c' | xargs -r clang-format-14 -i

fuzz:              ## Every fuzzer for FUZZ_SECONDS (600)
	@scripts/bootstrap build test
	@$(PYTHON) scripts/run-fuzzers

build:             ## The release build alone
	@scripts/bootstrap build
	@scripts/build-release

install: build     ## Install program, library and headers under PREFIX (/usr/local)
	@DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)"

clean:             ## Remove everything that was built
	@rm -rf build
