# Installing the library, and the archives of a release. Included by ../Makefile.
#
# PREFIX, LIBDIR and INCLUDEDIR are absolute. DESTDIR is put before them where files are written, and
# is written into none. `cargo cinstall` installs the same files; see Cargo.toml.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
CMAKEDIR = $(PREFIX)/share/cmake/rbtoken
INSTALL ?= install
SOURCE_DATE_EPOCH ?= $(shell git -C $(ROOT) log -1 --format=%ct 2>/dev/null || echo 0)

DESCRIPTION := $(call manifest,description)
INSTALL_DIR := $(CURDIR)/install
STAGE := $(BUILD)/install

# $(1), which is below the prefix, by way of $(2); any other path as it is.
below_prefix = $(patsubst $(PREFIX)/%,$(2)%,$(1))
installed_headers = $(patsubst %,$(INCLUDEDIR)/%,rbtoken.h rbtoken.hpp)
installed_libraries = $(patsubst %,$(LIBDIR)/librbtoken.%,a so so.$(MAJOR) so.$(VERSION))
installed_cmake = $(patsubst %,$(CMAKEDIR)/rbtoken%.cmake,Config ConfigVersion)

.PHONY: install uninstall dist check-paths

check-paths:
	$(foreach name,PREFIX LIBDIR INCLUDEDIR,$(if $(filter /%,$($(name))),,\
		$(error $(name) must be an absolute path, and is "$($(name))")))

install: check-paths shared-library static-library
	mkdir -p $(STAGE)
	cp $(RELEASE)/librbtoken.a $(STAGE)/
	$(INSTALL_DIR)/hide-symbols $(STAGE)/librbtoken.a
	sed -e 's|@PREFIX@|$(PREFIX)|' \
		-e 's|@LIBDIR@|$(call below_prefix,$(LIBDIR),$${prefix}/)|' \
		-e 's|@INCLUDEDIR@|$(call below_prefix,$(INCLUDEDIR),$${prefix}/)|' \
		-e 's|@DESCRIPTION@|$(DESCRIPTION)|' -e 's|@VERSION@|$(VERSION)|' \
		-e "s|@LIBS_PRIVATE@|$$(cat $(BUILD)/native-static-libs)|" \
		$(INSTALL_DIR)/rbtoken.pc.in > $(STAGE)/rbtoken.pc
	sed -e 's|^\(set(_rbtoken_libdir\) .*|\1 "$(call below_prefix,$(LIBDIR))")|' \
		-e 's|^\(set(_rbtoken_includedir\) .*|\1 "$(call below_prefix,$(INCLUDEDIR))")|' \
		$(INSTALL_DIR)/cmake/rbtokenConfig.cmake > $(STAGE)/rbtokenConfig.cmake
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(CMAKEDIR)
	$(INSTALL) -m 755 $(RELEASE)/librbtoken.so $(DESTDIR)$(LIBDIR)/librbtoken.so.$(VERSION)
	ln -sf librbtoken.so.$(VERSION) $(DESTDIR)$(LIBDIR)/librbtoken.so.$(MAJOR)
	ln -sf librbtoken.so.$(VERSION) $(DESTDIR)$(LIBDIR)/librbtoken.so
	$(INSTALL) -m 644 $(STAGE)/librbtoken.a $(DESTDIR)$(LIBDIR)/
	$(INSTALL) -m 644 $(STAGE)/rbtoken.pc $(DESTDIR)$(LIBDIR)/pkgconfig/
	$(INSTALL) -m 644 $(ROOT)/include/rbtoken.h $(ROOT)/include/rbtoken.hpp $(DESTDIR)$(INCLUDEDIR)/
	$(INSTALL) -m 644 $(STAGE)/rbtokenConfig.cmake \
		$(INSTALL_DIR)/cmake/rbtokenConfigVersion.cmake $(DESTDIR)$(CMAKEDIR)/

uninstall: check-paths
	rm -f $(addprefix $(DESTDIR),$(installed_headers) $(installed_libraries) $(installed_cmake) \
		$(LIBDIR)/pkgconfig/rbtoken.pc)
	-rmdir $(DESTDIR)$(CMAKEDIR)

# The archives: the sources, as `cargo package` has them; and an installation that works wherever it
# is unpacked. The same sources, made by the same tools, give the same bytes in any folder.
DIST := $(BUILD)/dist
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
BINARY = rbtoken-$(VERSION)-$(HOST)
CARGO_HOME ?= $(HOME)/.cargo
# No path of this machine gets into the libraries. (Rust's own sources have a name that is the same
# everywhere, unless they are installed.)
REMAPPED = $(CARGO_HOME)=/cargo $(ROOT)=/rbtoken
RUST_SOURCES = $(shell rustc --print sysroot)/lib/rustlib/src/rust
RUST_COMMIT = $(shell rustc -vV | sed -n 's/^commit-hash: //p')
DIST_ENV = CFLAGS='$(REMAPPED:%=-ffile-prefix-map=%)' \
	RUSTFLAGS='$(patsubst %,--remap-path-prefix=%,$(REMAPPED) $(RUST_SOURCES)=/rustc/$(RUST_COMMIT))'
# For `cargo package`; it refuses changes that are not committed.
PACKAGE_FLAGS ?=

dist:
	rm -rf $(DIST)
	mkdir -p $(DIST)
	cd $(ROOT) && $(CARGO) package --quiet --no-verify --target-dir $(TARGET) $(PACKAGE_FLAGS)
	cp $(TARGET)/package/rbtoken-$(VERSION).crate $(DIST)/rbtoken-$(VERSION).tar.gz
	$(DIST_ENV) $(MAKE) install PROFILE=$(PROFILE) \
		DESTDIR=$(DIST) PREFIX=/$(BINARY) LIBDIR=/$(BINARY)/lib INCLUDEDIR=/$(BINARY)/include
	sed -i 's|^prefix=.*|prefix=$${pcfiledir}/../..|' $(DIST)/$(BINARY)/lib/pkgconfig/rbtoken.pc
	cp $(ROOT)/LICENSE $(ROOT)/README.md $(ROOT)/CHANGELOG.md $(DIST)/$(BINARY)/
	tar -C $(DIST) --sort=name --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw \
		--mtime=@$(SOURCE_DATE_EPOCH) --format=gnu -cf - $(BINARY) | gzip -n9 > $(DIST)/$(BINARY).tar.gz
	rm -rf $(DIST)/$(BINARY)
	cd $(DIST) && sha256sum *.tar.gz > SHA256SUMS && cat SHA256SUMS
