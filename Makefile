# What an engineer does here, one word each. `make help` lists it.

SWIFT ?= swift
# The direction of imports is part of the build: a target may import only what Package.swift gives it.
BUILD_FLAGS = --explicit-target-dependency-import-check error
# Parts with needs of their own (Package.swift); TRAITS=none builds with nothing but Swift, our own code in their place.
TRAITS ?= CBC
# Debian packages a build needs beyond Swift itself. Installed by Tools/setup when missing.
DEBIAN_PACKAGES =
ifneq ($(filter CBC,$(TRAITS)),)
DEBIAN_PACKAGES += coinor-libcbc-dev pkgconf
endif
ifeq ($(TRAITS),none)
BUILD_FLAGS += --disable-default-traits
endif
MODEL ?= Models/motley-bundled.gguf
PROMPT ?= Sort these numbers: 42 7 19
# Readers to fuzz: all that motley-fuzz knows, unless named here.
FUZZ_TARGETS ?=
FUZZ_SECONDS ?= 60
FUZZ_INPUTS ?= 1000000
SWIFT_FILES = Package.swift Sources Tests

.PHONY: help run build bare test bench format lint check-imports fuzz goldens reproduce clean setup
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

setup:
	@Tools/setup $(DEBIAN_PACKAGES)

build: setup ## a release build of the command: .build/release/motley
	$(SWIFT) build -c release $(BUILD_FLAGS) --product motley

bare: ## checks that the lower targets and the planner build with nothing but Swift (no traits), in a folder of its own
	$(SWIFT) build $(filter-out --disable-default-traits,$(BUILD_FLAGS)) --disable-default-traits --scratch-path .build/bare --target Planning

run: build ## answers a question with the bundled model, then chats if on a terminal (MODEL=file, PROMPT="...")
	@$(BIN)/motley run --model "$(MODEL)" "$$PROMPT"
	@if [ -t 0 ] && [ -t 1 ]; then $(BIN)/motley run --model "$(MODEL)"; fi

test: setup ## every test; needs no device, no network beyond the package's dependencies
	$(SWIFT) test $(BUILD_FLAGS)

bench: build ## speed of a model on this machine (MODEL=file), in the shape of llama-bench's table
	@$(BIN)/motley bench --model "$(MODEL)"

format: ## rewrites the sources in the house format
	$(SWIFT) format format --in-place --parallel --recursive $(SWIFT_FILES)

lint: check-imports ## the format check and the import check that .ci/run makes
	$(SWIFT) format lint --strict --parallel --recursive $(SWIFT_FILES)

check-imports: ## the direction of imports, read from the sources
	@Tools/check-imports

fuzz: setup ## hostile input to every reader, for a bounded time (FUZZ_TARGETS; FUZZ_SECONDS, FUZZ_INPUTS of each)
	$(SWIFT) build -c release $(BUILD_FLAGS) --product motley-fuzz
	@targets="$(FUZZ_TARGETS)"; for target in $${targets:-$$($(BIN)/motley-fuzz --list)}; do \
		$(BIN)/motley-fuzz $$target --seconds $(FUZZ_SECONDS) --inputs $(FUZZ_INPUTS) || exit 1; done

goldens: ## makes Tests/Goldens anew; PYTHON must have what Tools/make_goldens/README.md lists
	$(or $(PYTHON),python3) Tools/make_goldens/make_goldens.py

reproduce: build ## what the cost model says of the papers' experiments: writes docs/reproduction.md
	@$(BIN)/motley reproduce

clean: ## removes what builds leave behind
	rm -rf .build fuzz-out

# Where release products are.
BIN = .build/release
export PROMPT
