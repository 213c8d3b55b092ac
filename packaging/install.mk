# Installs the library and makes the archives of a release. Included by ../Makefile.
#
#   PREFIX, LIBDIR, INCLUDEDIR   absolute paths (/usr/local, and lib and include in it)
#   BINDIR, UNITDIR, DOCDIR      likewise, for programs, the gateway's unit and licenses (bin,
#                                lib/systemd/system, share/doc/rbtoken)
#   CLI_PROGRAM                  the command-line tool, if `install-cli` should not build it
#   RELOCATABLE                  if set, the pkg-config file finds the prefix by its own place
#   DESTDIR                      is put before them where files are written, and appears in no file
#   SOURCE_DATE_EPOCH            the time of the files in the archives (the last commit's)
#   GLIBC                        the oldest glibc that the archive's libraries run with (2.17); if
#                                empty, that of this system
#   DIST_FEATURES                Cargo features of the archive's libraries (sqlite,postgres,mysql)
#   OBJCOPY                      the command that separates debug information
#   GZIP_LEVEL                   compression of the archives with the libraries (9)
#   PACKAGE_FLAGS                for `cargo package`, which refuses changes that are not committed
#
# `cargo cinstall` installs the same files; see Cargo.toml.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR ?= $(PREFIX)/bin
UNITDIR ?= $(PREFIX)/lib/systemd/system
DOCDIR ?= $(PREFIX)/share/doc/rbtoken
CMAKEDIR = $(PREFIX)/share/cmake/rbtoken
INSTALL ?= install
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

DESCRIPTION := $(call manifest,description)
STAGE := $(BUILD)/install

comma := ,
# make takes a space for the end of a word: these hide the spaces of a path.
space := $() $()
hide_spaces = $(subst $(space),|,$(1))
# $(1) relative to the prefix with $(2) before it, if it is below the prefix; else as it is.
below_prefix = $(subst |,$(space),$(patsubst \
	$(call hide_spaces,$(PREFIX))/%,$(2)%,$(call hide_spaces,$(1))))
# For pkg-config, by way of sed.
escape_spaces = $(subst $(space),\\ ,$(1))
pc_prefix = $(if $(RELOCATABLE),$${pcfiledir}/$(shell \
	realpath -ms --relative-to='$(LIBDIR)/pkgconfig' '$(PREFIX)'),$(call escape_spaces,$(PREFIX)))
installed_files = $(patsubst %,'$(DESTDIR)$(INCLUDEDIR)/%',rbtoken.h rbtoken_extension.h rbtoken.hpp) \
	$(patsubst %,'$(DESTDIR)$(LIBDIR)/librbtoken.%',a so so.$(MAJOR) so.$(VERSION)) \
	$(patsubst %,'$(DESTDIR)$(CMAKEDIR)/rbtoken%.cmake',Config ConfigVersion) \
	'$(DESTDIR)$(LIBDIR)/pkgconfig/rbtoken.pc' $(patsubst %,'$(DESTDIR)$(DOCDIR)/%',$(notdir $(licenses)))
# Ours, and those of what the libraries contain.
licenses = LICENSE packaging/notices/THIRD-PARTY.txt packaging/notices/rbtoken.cdx.json

GATEWAYDIR = $(PREFIX)/share/rbtoken/gateway
gateway_files = '$(DESTDIR)$(BINDIR)/rbtoken-gateway' '$(DESTDIR)$(UNITDIR)/rbtoken-gateway.service' \
	$(patsubst %,'$(DESTDIR)$(GATEWAYDIR)/%',routes.txt rbtoken-gateway.conf gateway.md)

MANDIR = $(PREFIX)/share/man/man1
BASHDIR = $(PREFIX)/share/bash-completion/completions
ZSHDIR = $(PREFIX)/share/zsh/site-functions
FISHDIR = $(PREFIX)/share/fish/vendor_completions.d
cli_files = '$(DESTDIR)$(BINDIR)/rbtoken' '$(DESTDIR)$(BASHDIR)/rbtoken' '$(DESTDIR)$(ZSHDIR)/_rbtoken' \
	'$(DESTDIR)$(FISHDIR)/rbtoken.fish' '$(DESTDIR)$(MANDIR)/rbtoken.1' '$(DESTDIR)$(MANDIR)'/rbtoken-*.1

.PHONY: install cli-program install-cli install-gateway uninstall dist deb deb-files zig check-paths

check-paths:
	$(foreach name,PREFIX LIBDIR INCLUDEDIR BINDIR UNITDIR DOCDIR,$(if $(filter /%,$(call hide_spaces,$($(name)))),,\
		$(error $(name) must be an absolute path, and is "$($(name))")))

install: check-paths shared-library static-library ## install the libraries and headers; PREFIX, DESTDIR
	@mkdir -p $(STAGE)
	@cp $(RELEASE)/librbtoken.a $(STAGE)/
	@packaging/hide-symbols $(STAGE)/librbtoken.a
	@sed -e 's|@PREFIX@|$(pc_prefix)|' \
		-e 's|@LIBDIR@|$(call escape_spaces,$(call below_prefix,$(LIBDIR),$${prefix}/))|' \
		-e 's|@INCLUDEDIR@|$(call escape_spaces,$(call below_prefix,$(INCLUDEDIR),$${prefix}/))|' \
		-e 's|@DESCRIPTION@|$(DESCRIPTION)|' -e 's|@VERSION@|$(VERSION)|' \
		-e "s|@LIBS_PRIVATE@|$$(cat $(BUILD)/native-static-libs)|" \
		packaging/rbtoken.pc.in > $(STAGE)/rbtoken.pc
	@sed -e 's|^\(set(_rbtoken_libdir\) .*|\1 "$(call below_prefix,$(LIBDIR))")|' \
		-e 's|^\(set(_rbtoken_includedir\) .*|\1 "$(call below_prefix,$(INCLUDEDIR))")|' \
		packaging/cmake/rbtokenConfig.cmake > $(STAGE)/rbtokenConfig.cmake
	$(INSTALL) -d '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(INCLUDEDIR)' '$(DESTDIR)$(CMAKEDIR)' \
		'$(DESTDIR)$(DOCDIR)'
	$(INSTALL) -m 644 $(licenses) '$(DESTDIR)$(DOCDIR)/'
	$(INSTALL) -m 755 $(RELEASE)/librbtoken.so '$(DESTDIR)$(LIBDIR)/librbtoken.so.$(VERSION)'
	ln -sf librbtoken.so.$(VERSION) '$(DESTDIR)$(LIBDIR)/librbtoken.so.$(MAJOR)'
	ln -sf librbtoken.so.$(VERSION) '$(DESTDIR)$(LIBDIR)/librbtoken.so'
	$(INSTALL) -m 644 $(STAGE)/librbtoken.a '$(DESTDIR)$(LIBDIR)/'
	$(INSTALL) -m 644 $(STAGE)/rbtoken.pc '$(DESTDIR)$(LIBDIR)/pkgconfig/'
	$(INSTALL) -m 644 include/rbtoken.h include/rbtoken_extension.h include/rbtoken.hpp '$(DESTDIR)$(INCLUDEDIR)/'
	$(INSTALL) -m 644 $(STAGE)/rbtokenConfig.cmake packaging/cmake/rbtokenConfigVersion.cmake \
		'$(DESTDIR)$(CMAKEDIR)/'

# It finds the library where `make install` installs it. The system's folders are searched anyway.
gateway_rpath = $(if $(filter /usr/lib /usr/lib/%-linux-gnu,$(LIBDIR)),,-Wl,-rpath,'$(LIBDIR)')
install-gateway: check-paths shared-library ## install the gateway and its systemd unit; PREFIX, DESTDIR
	@mkdir -p $(STAGE)
	$(call say,CC,$(STAGE)/rbtoken-gateway)
	$(Q)$(compile_c) -DROUTES_FILE='"$(GATEWAYDIR)/routes.txt"' $(wildcard examples/gateway/*.c) \
		-o $(STAGE)/rbtoken-gateway $(LDFLAGS) -L$(RELEASE) $(gateway_rpath) -lrbtoken $(gateway_libraries)
	@sed -e 's|@BINDIR@|$(BINDIR)|; s|@DATADIR@|$(subst $(space),%%20,$(PREFIX))/share|' \
		packaging/rbtoken-gateway.service.in > $(STAGE)/rbtoken-gateway.service
	$(INSTALL) -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(UNITDIR)' '$(DESTDIR)$(GATEWAYDIR)'
	$(INSTALL) -m 755 $(STAGE)/rbtoken-gateway '$(DESTDIR)$(BINDIR)/'
	$(INSTALL) -m 644 $(STAGE)/rbtoken-gateway.service '$(DESTDIR)$(UNITDIR)/'
	$(INSTALL) -m 644 examples/gateway/routes.txt packaging/rbtoken-gateway.conf docs/gateway.md \
		'$(DESTDIR)$(GATEWAYDIR)/'

# Built in a folder of its own, so that it does not replace the library that `make install` installs.
CLI_STAGE := $(BUILD)/cli
CLI_PROGRAM ?=
CLI_BUILT := $(patsubst $(TARGET)/%,$(TARGET)/cli/%,$(RELEASE))/rbtoken
cli_release_env = $(if $(release_env),packaging/release-env '$(TARGET)/cli')
cli-program: rust
	$(call say,CARGO,$(CLI_BUILT))
	$(Q)$(cli_release_env) $(CARGO) build $(CARGO_FLAGS) --features 'cli$(if $(FEATURES),$(comma)$(FEATURES))' \
		--bin rbtoken --profile $(PROFILE) --target-dir '$(TARGET)/cli'

install-cli: check-paths $(if $(CLI_PROGRAM),,cli-program) ## install the command-line tool; PREFIX, DESTDIR
	@rm -rf $(CLI_STAGE) && mkdir -p $(CLI_STAGE)/man
	@cp '$(or $(CLI_PROGRAM),$(CLI_BUILT))' $(CLI_STAGE)/rbtoken
	@for shell in bash zsh fish; do \
		$(CLI_STAGE)/rbtoken completions $$shell > $(CLI_STAGE)/completions.$$shell || exit 1; done
	@$(CLI_STAGE)/rbtoken man $(CLI_STAGE)/man
	$(INSTALL) -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(BASHDIR)' '$(DESTDIR)$(ZSHDIR)' '$(DESTDIR)$(FISHDIR)' \
		'$(DESTDIR)$(MANDIR)' '$(DESTDIR)$(DOCDIR)'
	$(INSTALL) -m 644 $(licenses) '$(DESTDIR)$(DOCDIR)/'
	$(INSTALL) -m 755 $(CLI_STAGE)/rbtoken '$(DESTDIR)$(BINDIR)/'
	$(INSTALL) -m 644 $(CLI_STAGE)/completions.bash '$(DESTDIR)$(BASHDIR)/rbtoken'
	$(INSTALL) -m 644 $(CLI_STAGE)/completions.zsh '$(DESTDIR)$(ZSHDIR)/_rbtoken'
	$(INSTALL) -m 644 $(CLI_STAGE)/completions.fish '$(DESTDIR)$(FISHDIR)/rbtoken.fish'
	$(INSTALL) -m 644 $(CLI_STAGE)/man/*.1 '$(DESTDIR)$(MANDIR)/'

uninstall: check-paths ## remove what `make install` and the other install targets installed; give the same variables
	rm -f $(installed_files) $(gateway_files) $(cli_files)
	-rmdir '$(DESTDIR)$(CMAKEDIR)' '$(DESTDIR)$(DOCDIR)'
	@rmdir '$(DESTDIR)$(GATEWAYDIR)' 2>/dev/null || :

# The archives: the sources, as `cargo package` has them; an installation that works wherever it is
# unpacked; and its debug information.
DIST := $(TARGET)/dist
DIST_FEATURES ?= sqlite,postgres,mysql
GLIBC ?= 2.17
OBJCOPY ?= objcopy
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
BINARY = rbtoken-$(VERSION)-$(HOST)
PACKAGE_FLAGS ?=
GZIP_LEVEL ?= 9
# For an old glibc, Zig compiles C and links. Cargo then writes to a folder with the host's name.
DIST_TARGET = $(if $(GLIBC),$(TARGET)/glibc-$(GLIBC),$(TARGET))
DIST_BUILD = $(if $(GLIBC),CARGO=cargo-zigbuild CARGO_FLAGS='$(CARGO_FLAGS) --target $(HOST).$(GLIBC)' \
	CARGO_TARGET_DIR='$(DIST_TARGET)' RELEASE='$(DIST_TARGET)/$(HOST)/$(notdir $(RELEASE))')
dist_env = CARGO_PROFILE_RELEASE_DEBUG=line-tables-only CARGO_PROFILE_RELEASE_STRIP=none
# Writes the folder $(1) of DIST to an archive with the name $(2).
pack = tar -C $(DIST) --sort=name --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw \
	--mtime=@$(SOURCE_DATE_EPOCH) --format=gnu -cf - $(1) | gzip -n$(GZIP_LEVEL) > $(DIST)/$(2).tar.gz
dist_libdir = $(DIST)/$(BINARY)/lib

zig:
	@test -z '$(GLIBC)' || command -v cargo-zigbuild >/dev/null || { echo 'make: cargo-zigbuild not found: install' \
		'cargo-zigbuild and ziglang from PyPI, or set GLIBC= to build for the glibc of this system' >&2; exit 1; }

dist: rust zig ## make the archives of a release, for glibc 2.17 or newer; needs cargo-zigbuild
	rm -rf $(DIST)
	mkdir -p $(DIST)
	$(CARGO) package --quiet --no-verify --target-dir '$(TARGET)' $(PACKAGE_FLAGS)
	cp $(TARGET)/package/rbtoken-$(VERSION).crate $(DIST)/rbtoken-$(VERSION).tar.gz
	$(dist_env) $(MAKE) install PROFILE=$(PROFILE) FEATURES='$(DIST_FEATURES)' $(DIST_BUILD) \
		DESTDIR=$(DIST) PREFIX=/$(BINARY) LIBDIR=/$(BINARY)/lib INCLUDEDIR=/$(BINARY)/include RELOCATABLE=1
	cp LICENSE README.md CHANGELOG.md $(DIST)/$(BINARY)/
	mkdir $(dist_libdir)/.debug
	$(OBJCOPY) --only-keep-debug $(dist_libdir)/librbtoken.so.$(VERSION) \
		$(dist_libdir)/.debug/librbtoken.so.$(VERSION).debug
	$(OBJCOPY) --strip-unneeded \
		--add-gnu-debuglink=$(dist_libdir)/.debug/librbtoken.so.$(VERSION).debug \
		$(dist_libdir)/librbtoken.so.$(VERSION)
	$(OBJCOPY) --enable-deterministic-archives --strip-debug $(dist_libdir)/librbtoken.a
	$(call pack,$(BINARY)/lib/.debug,$(BINARY)-debug)
	rm -r $(dist_libdir)/.debug
	$(call pack,$(BINARY),$(BINARY))
	rm -rf $(DIST)/$(BINARY)
	cd $(DIST) && LC_ALL=C && export LC_ALL && sha256sum *.tar.gz > SHA256SUMS && cat SHA256SUMS

# Builds what is in them as `dist` does, but for the gateway, which is for this system.
DEB := $(TARGET)/deb
deb: rust zig ## build the packages for Debian 12 in target/deb; needs debhelper and cargo-zigbuild
	$(MAKE) deb-files DEB='$(call absolute,$(DEB))' PROFILE=$(PROFILE) FEATURES='$(DIST_FEATURES)' $(DIST_BUILD)

# make passes its variables on to that of debian/rules.
deb-files:
	packaging/deb/build '$(DEB)'
