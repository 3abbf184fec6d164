# callboard: make demo, make test; the rest is for people who work on it.
SWIFT ?= swift
PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: demo test build release install format check packages clean

# A living console that needs no key, no network and no configuration.
demo: build
	@.build/debug/callboard demo

# Unit, store and end-to-end tests.
# What starts programs or plays in real time has the machine for itself.
test: packages
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build --parallel --skip 'CallboardEndToEndTests|CallboardCommandTests|CallboardProvidersTests|CallboardCrashTests'
	$(SWIFT) test --skip-build --no-parallel --filter CallboardCrashTests
	$(SWIFT) test --skip-build --no-parallel --filter CallboardProvidersTests
	$(SWIFT) test --skip-build --no-parallel --filter CallboardCommandTests
	$(SWIFT) test --skip-build --filter CallboardEndToEndTests

build: packages
	$(SWIFT) build --product callboard

release: packages
	$(SWIFT) build -c release --product callboard

install: release
	install -D -m 0755 .build/release/callboard $(DESTDIR)$(PREFIX)/bin/callboard

format:
	$(SWIFT) format format --in-place --parallel --recursive Package.swift Sources Tests

# Format, imports, purity, README's paths, no paths of a machine.
check: packages
	config/check.sh

packages:
	@config/packages.sh

clean:
	rm -rf .build .build-bench .build-tsan
