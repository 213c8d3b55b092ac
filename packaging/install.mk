# Installs the library and makes the archives of a release. Included by ../Makefile.
#
#   PREFIX, LIBDIR, INCLUDEDIR   absolute paths (/usr/local, and lib and include in it)
#   BINDIR, UNITDIR              likewise, for the gateway (bin and lib/systemd/system)
#   DESTDIR                      is put before them where files are written, and appears in no file
#   SOURCE_DATE_EPOCH            the time of the files in the archives (the last commit's)
#   GZIP_LEVEL                   compression of the archive with the libraries (9)
#   PACKAGE_FLAGS                for `cargo package`, which refuses changes that are not committed
#
# `cargo cinstall` installs the same files; see Cargo.toml.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR ?= $(PREFIX)/bin
UNITDIR ?= $(PREFIX)/lib/systemd/system
CMAKEDIR = $(PREFIX)/share/cmake/rbtoken
INSTALL ?= install
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

DESCRIPTION := $(call manifest,description)
STAGE := $(BUILD)/install

# make takes a space for the end of a word: these hide the spaces of a path.
space := $() $()
hide_spaces = $(subst $(space),|,$(1))
# $(1) relative to the prefix with $(2) before it, if it is below the prefix; else as it is.
below_prefix = $(subst |,$(space),$(patsubst \
	$(call hide_spaces,$(PREFIX))/%,$(2)%,$(call hide_spaces,$(1))))
# For pkg-config, by way of sed.
escape_spaces = $(subst $(space),\\ ,$(1))
installed_files = $(patsubst %,'$(DESTDIR)$(INCLUDEDIR)/%',rbtoken.h rbtoken_extension.h rbtoken.hpp) \
	$(patsubst %,'$(DESTDIR)$(LIBDIR)/librbtoken.%',a so so.$(MAJOR) so.$(VERSION)) \
	$(patsubst %,'$(DESTDIR)$(CMAKEDIR)/rbtoken%.cmake',Config ConfigVersion) \
	'$(DESTDIR)$(LIBDIR)/pkgconfig/rbtoken.pc'

GATEWAYDIR = $(PREFIX)/share/rbtoken/gateway
gateway_files = '$(DESTDIR)$(BINDIR)/rbtoken-gateway' '$(DESTDIR)$(UNITDIR)/rbtoken-gateway.service' \
	$(patsubst %,'$(DESTDIR)$(GATEWAYDIR)/%',routes.txt rbtoken-gateway.conf gateway.md)

.PHONY: install install-gateway uninstall dist check-paths

check-paths:
	$(foreach name,PREFIX LIBDIR INCLUDEDIR BINDIR UNITDIR,$(if $(filter /%,$(call hide_spaces,$($(name)))),,\
		$(error $(name) must be an absolute path, and is "$($(name))")))

install: check-paths shared-library static-library ## install the libraries and headers; PREFIX, DESTDIR
	@mkdir -p $(STAGE)
	@cp $(RELEASE)/librbtoken.a $(STAGE)/
	@packaging/hide-symbols $(STAGE)/librbtoken.a
	@sed -e 's|@PREFIX@|$(call escape_spaces,$(PREFIX))|' \
		-e 's|@LIBDIR@|$(call escape_spaces,$(call below_prefix,$(LIBDIR),$${prefix}/))|' \
		-e 's|@INCLUDEDIR@|$(call escape_spaces,$(call below_prefix,$(INCLUDEDIR),$${prefix}/))|' \
		-e 's|@DESCRIPTION@|$(DESCRIPTION)|' -e 's|@VERSION@|$(VERSION)|' \
		-e "s|@LIBS_PRIVATE@|$$(cat $(BUILD)/native-static-libs)|" \
		packaging/rbtoken.pc.in > $(STAGE)/rbtoken.pc
	@sed -e 's|^\(set(_rbtoken_libdir\) .*|\1 "$(call below_prefix,$(LIBDIR))")|' \
		-e 's|^\(set(_rbtoken_includedir\) .*|\1 "$(call below_prefix,$(INCLUDEDIR))")|' \
		packaging/cmake/rbtokenConfig.cmake > $(STAGE)/rbtokenConfig.cmake
	$(INSTALL) -d '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(INCLUDEDIR)' '$(DESTDIR)$(CMAKEDIR)'
	$(INSTALL) -m 755 $(RELEASE)/librbtoken.so '$(DESTDIR)$(LIBDIR)/librbtoken.so.$(VERSION)'
	ln -sf librbtoken.so.$(VERSION) '$(DESTDIR)$(LIBDIR)/librbtoken.so.$(MAJOR)'
	ln -sf librbtoken.so.$(VERSION) '$(DESTDIR)$(LIBDIR)/librbtoken.so'
	$(INSTALL) -m 644 $(STAGE)/librbtoken.a '$(DESTDIR)$(LIBDIR)/'
	$(INSTALL) -m 644 $(STAGE)/rbtoken.pc '$(DESTDIR)$(LIBDIR)/pkgconfig/'
	$(INSTALL) -m 644 include/rbtoken.h include/rbtoken_extension.h include/rbtoken.hpp '$(DESTDIR)$(INCLUDEDIR)/'
	$(INSTALL) -m 644 $(STAGE)/rbtokenConfig.cmake packaging/cmake/rbtokenConfigVersion.cmake \
		'$(DESTDIR)$(CMAKEDIR)/'

# It finds the library where `make install` installs it.
install-gateway: check-paths shared-library ## install the gateway and its systemd unit; PREFIX, DESTDIR
	@mkdir -p $(STAGE)
	$(call say,CC,$(STAGE)/rbtoken-gateway)
	$(Q)$(compile_c) -DROUTES_FILE='"$(GATEWAYDIR)/routes.txt"' $(wildcard examples/gateway/*.c) \
		-o $(STAGE)/rbtoken-gateway $(LDFLAGS) -L$(RELEASE) -Wl,-rpath,'$(LIBDIR)' -lrbtoken $(gateway_libraries)
	@sed -e 's|@BINDIR@|$(BINDIR)|; s|@DATADIR@|$(PREFIX)/share|' packaging/rbtoken-gateway.service.in \
		> $(STAGE)/rbtoken-gateway.service
	$(INSTALL) -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(UNITDIR)' '$(DESTDIR)$(GATEWAYDIR)'
	$(INSTALL) -m 755 $(STAGE)/rbtoken-gateway '$(DESTDIR)$(BINDIR)/'
	$(INSTALL) -m 644 $(STAGE)/rbtoken-gateway.service '$(DESTDIR)$(UNITDIR)/'
	$(INSTALL) -m 644 examples/gateway/routes.txt packaging/rbtoken-gateway.conf docs/gateway.md \
		'$(DESTDIR)$(GATEWAYDIR)/'

uninstall: check-paths ## remove what `make install` and `install-gateway` installed; give the same variables
	rm -f $(installed_files) $(gateway_files)
	-rmdir '$(DESTDIR)$(CMAKEDIR)'
	@rmdir '$(DESTDIR)$(GATEWAYDIR)' 2>/dev/null || :

# The archives: the sources, as `cargo package` has them; and an installation that works wherever it
# is unpacked. The same sources, made by the same tools in the same folder, give the same bytes.
DIST := $(TARGET)/dist
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
BINARY = rbtoken-$(VERSION)-$(HOST)
CARGO_HOME ?= $(HOME)/.cargo
# Keeps the paths of this machine out of the libraries. (Rust's own sources have a name that is the
# same everywhere, unless they are installed.)
REMAPPED = $(CARGO_HOME)=/cargo $(CURDIR)=/rbtoken $(call absolute,$(TARGET))=/rbtoken/target
RUST_SOURCES = $(shell rustc --print sysroot)/lib/rustlib/src/rust
RUST_COMMIT = $(shell rustc -vV | sed -n 's/^commit-hash: //p')
DIST_ENV = CFLAGS='$(REMAPPED:%=-ffile-prefix-map=%)' \
	RUSTFLAGS='$(patsubst %,--remap-path-prefix=%,$(REMAPPED) $(RUST_SOURCES)=/rustc/$(RUST_COMMIT))'
PACKAGE_FLAGS ?=
GZIP_LEVEL ?= 9

dist: rust ## make the archives of a release
	rm -rf $(DIST)
	mkdir -p $(DIST)
	$(CARGO) package --quiet --no-verify --target-dir '$(TARGET)' $(PACKAGE_FLAGS)
	cp $(TARGET)/package/rbtoken-$(VERSION).crate $(DIST)/rbtoken-$(VERSION).tar.gz
	$(DIST_ENV) $(MAKE) install PROFILE=$(PROFILE) \
		DESTDIR=$(DIST) PREFIX=/$(BINARY) LIBDIR=/$(BINARY)/lib INCLUDEDIR=/$(BINARY)/include
	sed -i 's|^prefix=.*|prefix=$${pcfiledir}/../..|' $(DIST)/$(BINARY)/lib/pkgconfig/rbtoken.pc
	cp LICENSE README.md CHANGELOG.md $(DIST)/$(BINARY)/
	tar -C $(DIST) --sort=name --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw \
		--mtime=@$(SOURCE_DATE_EPOCH) --format=gnu -cf - $(BINARY) | gzip -n$(GZIP_LEVEL) > $(DIST)/$(BINARY).tar.gz
	rm -rf $(DIST)/$(BINARY)
	cd $(DIST) && sha256sum *.tar.gz > SHA256SUMS && cat SHA256SUMS
