# People use make; it drives meson, npm and the test suites.
#   make run     set up, build, start Heron           make test      every test suite
#   make build   programs in build/bin, web in build/web
#   make check   format, lint, layers                 make bench     speed and size, as ratios
#   make coverage                                     make clean
BUILD := build
ASAN := build-asan
DATA ?= $(CURDIR)/data
LISTEN ?= 127.0.0.1:5000
PYTHON := /usr/bin/python3

.PHONY: run build test check bench coverage clean programs web setup asan

run: build
	exec $(BUILD)/bin/nvr serve --data $(DATA) --listen $(LISTEN) $(ARGS)

build: setup programs web

setup:
	@tools/setup run

$(BUILD)/build.ninja:
	meson setup $(BUILD) --buildtype=release -Db_lto=false

programs: $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet

# npm ci only when the lock file changed; the build only when a source changed.
web/node_modules/.stamp: web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	@touch $@

WEB_SOURCES := $(shell find web/src web/public web/*.ts web/*.json web/index.html src/gateway/openapi.json -type f 2>/dev/null)

$(BUILD)/web/index.html: web/node_modules/.stamp $(WEB_SOURCES)
	cd web && npm run --silent build
	@touch $@

web: $(BUILD)/web/index.html

$(ASAN)/build.ninja:
	meson setup $(ASAN) --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false

asan: $(ASAN)/build.ninja
	@ninja -C $(ASAN) --quiet

test:
	@tools/setup test
	@$(MAKE) --no-print-directory programs asan web
	@$(PYTHON) tools/run-tests

check:
	@tools/setup check
	@$(MAKE) --no-print-directory programs web/node_modules/.stamp
	@tools/check-format
	@tools/check-layers
	@tools/check-banned
	@tools/check-text
	@tools/config-docs --check
	@tools/check-tidy $(BUILD)
	@cd web && npm run --silent check
	@echo "check: everything is fine"

bench: build
	$(PYTHON) tests/bench/bench.py $(ARGS)
	$(PYTHON) tests/bench/bench_export.py

coverage:
	@tools/setup coverage
	@$(MAKE) --no-print-directory web
	@tools/coverage

clean:
	rm -rf $(BUILD) build-*/ web/node_modules web/coverage
