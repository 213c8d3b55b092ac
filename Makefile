# Builds and installs the library, runs its examples and tests. `make help` lists the targets.
#
# Variables, from the command line or the environment:
#   CARGO, CARGO_FLAGS, CARGO_TARGET_DIR   the command, its flags, and the build folder (target)
#   FEATURES                               Cargo features, such as postgres,mysql
#   PROFILE                                the Cargo profile of the libraries (release)
#   CC, CFLAGS, CXX, CXXFLAGS, CPPFLAGS, LDFLAGS, VALGRIND
#   PYTHON, NODE, NPM, GO, JAVA, MVN
#   MAVEN_REPO                             the repository that Maven reads (Debian's)
#   SITES                                  the Review Board sites for `make reviewboard` (target/sites)
#   FILTERS, REQUIRE_ALL                   for `make test`; see CONTRIBUTING.md
#   BENCHFLAGS                             for `make bench`, such as --quick
#   V                                      V=1 shows each command
# packaging/install.mk has those of `install` and `dist`. GNU make and an ELF system are required.

CARGO ?= cargo
CARGO_TARGET_DIR ?= target
PROFILE ?= release
CFLAGS ?= -O2 -g
CXXFLAGS ?= -O2 -g
VALGRIND ?= valgrind
PYTHON ?= python3
NODE ?= node
NPM ?= npm
GO ?= go
JAVA ?= java
MVN ?= mvn
# That of Debian's packages.
MAVEN_REPO ?= /usr/share/maven-repo
SITES ?= $(CARGO_TARGET_DIR)/sites
JNA := net/java/dev/jna/jna/5.13.0/jna-5.13.0.jar

# Cargo and make both run in this folder, so a relative path means the same to both.
TARGET := $(CARGO_TARGET_DIR)
RELEASE := $(TARGET)/$(patsubst dev,debug,$(PROFILE))
# Not from the environment, where these names are common, because `make clean` removes the folders.
BUILD := $(TARGET)/examples
absolute = $(if $(filter /%,$(1)),$(1),$(CURDIR)/$(1))
LIBRARY_DIR := $(call absolute,$(RELEASE))

# Reads a key of [package]. In the Cargo.toml that Cargo packages, dependencies have such lines too.
manifest = $(shell sed -n 's/^$(1) = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
VERSION := $(call manifest,version)
MAJOR := $(firstword $(subst ., ,$(VERSION)))

HEADERS := $(wildcard include/*)
# Every C and C++ file here is a program of its own.
C_EXAMPLES := $(patsubst examples/%.c,%,$(wildcard examples/c/*.c))
CPP_EXAMPLES := $(patsubst examples/%.cpp,%,$(wildcard examples/cpp/*.cpp))
# Examples that are only built, because they need the database of a Review Board server.
SERVER_EXAMPLES := c/shared_database

features = $(if $(FEATURES),--features '$(FEATURES)')
# Not in builds for development, which share their dependencies with `cargo test`.
release_env = $(if $(filter-out dev test,$(PROFILE)),packaging/release-env '$(TARGET)')
# One crate type at a time, because with an rlib among them Cargo does not enable LTO.
cargo_build = $(release_env) $(CARGO) rustc $(CARGO_FLAGS) $(features) \
	--profile $(PROFILE) --lib --target-dir '$(TARGET)' --crate-type
warnings := -Wall -Wextra -pedantic
compile_c = $(CC) -std=c11 $(warnings) $(CPPFLAGS) $(CFLAGS) -Iinclude
compile_cpp = $(CXX) -std=c++17 $(warnings) $(CPPFLAGS) $(CXXFLAGS) -Iinclude
link_shared = $(LDFLAGS) -L$(RELEASE) -Wl,-rpath,'$(LIBRARY_DIR)' -lrbtoken
link_static = -DRBTOKEN_STATIC $(LDFLAGS) $(RELEASE)/librbtoken.a $$(cat $(BUILD)/native-static-libs)
memcheck = $(VALGRIND) --quiet --error-exitcode=1 --leak-check=full \
	--show-leak-kinds=definite,indirect,possible --errors-for-leak-kinds=definite,indirect,possible

# Prints a short line instead of each command; nothing with `make -s`, and the command with V=1.
Q := $(if $(filter-out 0,$(V)),,@)
silent := $(findstring s,$(filter-out ---%,$(firstword -$(MAKEFLAGS))))
say = @$(if $(silent),:,printf '  %-8s%s\n' $(1) '$(2)')

# Stops with a message if the command $(1) is not installed; $(2) is what to install.
require = @command -v $(firstword $(1)) >/dev/null || \
	{ echo 'make: $(firstword $(1)) not found: install $(2)' >&2; exit 1; }

# Runs the examples $(2), each preceded by $(1), and prints their number.
define run_examples
	@set -e; ran=0; for program in $(2); do \
		name=$${program#$(BUILD)/*/}; printf '\n== examples/%s\n' "$$name.$${name%/*}"; \
		case ' $(SERVER_EXAMPLES) ' in *" $$name "*) \
			echo 'Built only: to run it, pass the database of a Review Board server.'; continue;; esac; \
		$(1) $$program; ran=$$((ran + 1)); \
	done; printf '\nAll examples ran successfully (%s).\n' $$ran
endef

shared_c := $(C_EXAMPLES:%=$(BUILD)/shared/%)
shared_cpp := $(CPP_EXAMPLES:%=$(BUILD)/shared/%)
static_programs := $(patsubst %,$(BUILD)/static/%,$(C_EXAMPLES) $(CPP_EXAMPLES))

.DEFAULT_GOAL := all
.PHONY: all help run c cpp static check host host-check python node go java reviewboard gateway test \
	bench docs clean shared-library static-library rust c-compiler cpp-compiler
.DELETE_ON_ERROR:
# Both libraries are written to the same folder, one after the other.
.NOTPARALLEL:

all: shared-library static-library ## build the shared and the static library (the default)
	@$(if $(silent),:,echo 'Built librbtoken.so and librbtoken.a in $(RELEASE). `make help` lists targets.')

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1@\2/p' $(MAKEFILE_LIST) | \
		while IFS=@ read -r target text; do printf '  make %-16s%s\n' "$$target" "$$text"; done

run: c-compiler cpp-compiler $(shared_c) $(shared_cpp) ## run the C and C++ examples
	$(call run_examples,,$(shared_c) $(shared_cpp))

test: rust c-compiler cpp-compiler ## run the tests; FILTERS selects some by name
	@tests/run $(FILTERS)

c: c-compiler $(shared_c) ## run the C examples
	$(call run_examples,,$(shared_c))

cpp: cpp-compiler $(shared_cpp) ## run the C++ examples
	$(call run_examples,,$(shared_cpp))

python: export RBTOKEN_LIBRARY = $(LIBRARY_DIR)/librbtoken.so
python: export PYTHONPATH = $(CURDIR)/bindings/python/src
python: shared-library ## run the tests of the Python package, and the Python example
	$(call require,$(PYTHON),the package python3)
	@$(PYTHON) -B bindings/python/tests
	@$(PYTHON) -B examples/python/example.py

# Built in a copy, so that nothing is installed among the sources.
NODE_PACKAGE := $(BUILD)/node/node_modules/rbtoken
node: export RBTOKEN_LIBRARY = $(LIBRARY_DIR)/librbtoken.so
node: export RBTOKEN_ADDON = $(call absolute,$(BUILD))/node/rbtoken.node
node: shared-library ## run the tests of the Node.js package, and the Node.js example; needs npm
	$(call require,$(NODE),the package nodejs)
	$(call require,$(NPM),the package npm)
	$(call say,CARGO,$(BUILD)/node/rbtoken.node)
	$(Q)$(CARGO) build --quiet --locked --profile $(PROFILE) --target-dir '$(TARGET)/node' \
		--manifest-path bindings/node/native/Cargo.toml
	@mkdir -p $(NODE_PACKAGE)
	@cp $(TARGET)/node/$(notdir $(RELEASE))/librbtoken_node.so $(BUILD)/node/rbtoken.node
	@cp -R bindings/node/. $(NODE_PACKAGE)/
	@cp examples/node/example.mjs $(BUILD)/node/
	@cd $(NODE_PACKAGE) && $(NPM) ci --silent && $(NPM) run --silent build
	@cd $(NODE_PACKAGE) && $(NODE) --expose-gc tests/all.mjs
	@$(NODE) $(BUILD)/node/example.mjs

go: export PKG_CONFIG_PATH = $(call absolute,$(BUILD))/go
go: export LD_LIBRARY_PATH = $(LIBRARY_DIR)
go: export GOFLAGS = -buildvcs=false
go: shared-library ## run the tests of the Go module, and the Go example
	$(call require,$(GO),the package golang-go)
	$(call require,pkg-config,the package pkg-config)
	@mkdir -p $(BUILD)/go
	@sed -e 's|@PREFIX@|$(CURDIR)|; s|@LIBDIR@|$(LIBRARY_DIR)|; s|@INCLUDEDIR@|$(CURDIR)/include|' \
		-e 's|@DESCRIPTION@|$(DESCRIPTION)|; s|@VERSION@|$(VERSION)|; s|@LIBS_PRIVATE@||' \
		packaging/rbtoken.pc.in > $(BUILD)/go/rbtoken.pc
	@cd bindings/go && $(GO) test ./... >&2
	@cd examples/go && $(GO) run .

# Built in a copy, so that nothing is written among the sources.
JAVA_BUILD := $(BUILD)/java
java: shared-library ## run the tests of the Java artifact, and the Java example; needs Maven
	$(call require,$(JAVA),the package openjdk-17-jdk-headless)
	$(call require,$(MVN),the package maven)
	@test -e '$(MAVEN_REPO)/$(JNA)' || \
		{ echo 'make: $(MAVEN_REPO) has no JNA: install the package libjna-java, or set MAVEN_REPO' >&2; exit 1; }
	@rm -rf '$(JAVA_BUILD)' && mkdir -p '$(JAVA_BUILD)/libraries/linux-x86-64'
	@cp -R bindings/java/pom.xml bindings/java/src '$(JAVA_BUILD)/'
	@cp '$(LIBRARY_DIR)/librbtoken.so' '$(JAVA_BUILD)/libraries/linux-x86-64/'
	@cp -rs '$(MAVEN_REPO)' '$(JAVA_BUILD)/repository'
	@cd '$(JAVA_BUILD)' && $(MVN) -o -q -B -Dstyle.color=never -Dmaven.repo.local="$$PWD/repository" \
		-Drbtoken.libraries="$$PWD/libraries" -Dmaven.javadoc.skip=true package >&2
	@$(JAVA) -cp '$(JAVA_BUILD)/target/rbtoken-$(VERSION).jar:$(MAVEN_REPO)/$(JNA)' \
		examples/java/Example.java

# Tested with the wheels, not with the library of PROFILE.
reviewboard: ## run the tests of the Review Board extension; needs Debian, root
	@.ci/sites make '$(SITES)' && trap ".ci/sites stop '$(SITES)'" EXIT && \
		RBTOKEN_TEST_SITES='$(SITES)/sites' .ci/reviewboard-extension

# Hosts that load the library at run time.
host host-check: c-compiler $(BUILD)/host/minimal $(BUILD)/host/conformance shared-library
	$(if $(filter host-check,$@),$(call require,$(VALGRIND),the package valgrind))
	$(Q)$(if $(filter host-check,$@),$(memcheck)) $(BUILD)/host/minimal '$(LIBRARY_DIR)/librbtoken.so'
	$(Q)$(if $(filter host-check,$@),$(memcheck)) $(BUILD)/host/conformance '$(LIBRARY_DIR)/librbtoken.so'

host: ## run the hosts that load the library at run time
host-check: ## run these hosts under valgrind

static: c-compiler cpp-compiler $(static_programs) ## run the C and C++ examples with the static library
	$(call run_examples,,$(static_programs))

check: ## run the examples with both libraries under valgrind
check: c-compiler cpp-compiler $(shared_c) $(shared_cpp) $(static_programs)
	$(call require,$(VALGRIND),the package valgrind)
	$(call run_examples,$(memcheck),$(shared_c) $(shared_cpp) $(static_programs))

gateway_libraries := -lmicrohttpd -lcurl -lgnutls -pthread

gateway: $(BUILD)/gateway ## build the gateway; needs libmicrohttpd, GnuTLS and libcurl 7.85

$(BUILD)/gateway: $(wildcard examples/gateway/*.c examples/gateway/*.h) $(HEADERS) shared-library
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(compile_c) $(filter %.c,$^) -o $@ $(link_shared) $(gateway_libraries)

bench: rust ## run the benchmarks; BENCHFLAGS=--quick runs them at small sizes
	$(CARGO) bench $(CARGO_FLAGS) -- $(BENCHFLAGS)

docs: rust ## build the documentation site in target/site; installs tools
	@test -e .ci || { echo 'make: the archive of the sources has no .ci: use a Git checkout' >&2; exit 1; }
	@docs/site/build

clean: ## remove what make built, except for what Cargo did (`cargo clean` removes everything)
	rm -rf $(BUILD) $(DIST)

rust:
	$(call require,$(CARGO),Rust 1.95 or newer from https://rustup.rs)

c-compiler:
	$(call require,$(CC),a C compiler such as gcc)

cpp-compiler:
	$(call require,$(CXX),a C++ compiler such as g++)

# Cargo decides whether the library is up to date. Programs are linked by the library's soname.
shared-library: rust
	$(call say,CARGO,$(RELEASE)/librbtoken.so)
	$(Q)$(cargo_build) cdylib
	@ln -sf librbtoken.so $(RELEASE)/librbtoken.so.$(MAJOR)

# rustc prints the system libraries that a program must be linked with. Compilers add the unwinder
# themselves: the shared one (libgcc_s), or for `-static` the static one.
without_shared_unwinder := 's/-lgcc_s //; s/ *-lgcc_s$$//'
static-library: rust
	$(call say,CARGO,$(RELEASE)/librbtoken.a)
	@mkdir -p $(BUILD)
	$(Q)$(cargo_build) staticlib --color never -- --print native-static-libs 2> $(BUILD)/cargo.log \
		|| { cat $(BUILD)/cargo.log >&2; exit 1; }
	@sed -n 's/^note: native-static-libs: //p' $(BUILD)/cargo.log | sed $(without_shared_unwinder) \
		> $(BUILD)/native-static-libs
	@test -s $(BUILD)/native-static-libs || { cat $(BUILD)/cargo.log >&2; exit 1; }

$(BUILD)/shared/c/%: examples/c/%.c $(HEADERS) shared-library
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(compile_c) $< -o $@ $(link_shared)

$(BUILD)/static/c/%: examples/c/%.c $(HEADERS) static-library
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(compile_c) $< -o $@ $(link_static)

$(BUILD)/host/%: examples/host/%.c $(HEADERS)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(compile_c) $< -o $@ $(LDFLAGS) -ldl

$(BUILD)/shared/cpp/%: examples/cpp/%.cpp $(HEADERS) shared-library
	@mkdir -p $(@D)
	$(call say,CXX,$@)
	$(Q)$(compile_cpp) $< -o $@ $(link_shared)

$(BUILD)/static/cpp/%: examples/cpp/%.cpp $(HEADERS) static-library
	@mkdir -p $(@D)
	$(call say,CXX,$@)
	$(Q)$(compile_cpp) $< -o $@ $(link_static)

include packaging/install.mk
