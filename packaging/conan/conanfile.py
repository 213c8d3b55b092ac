"""Builds rbtoken from this checkout: `conan create . -nr`. Needs Cargo and GNU make."""

import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.files import copy, load, rm

FEATURES = ("sqlite", "postgres", "mysql")
SOURCES = ("Cargo.toml", "Cargo.lock", "Makefile", "LICENSE", "README.md", "build.rs", ".cargo/*", "src/*",
           "include/*", "packaging/install.mk", "packaging/hide-symbols", "packaging/release-env",
           "packaging/rbtoken.pc.in", "packaging/cmake/*", "packaging/notices/*", "cli/*",
           "tests/cli/main.rs", "benches/run.rs",
           "docs/groups.dox")


class Rbtoken(ConanFile):
    name = "rbtoken"
    license = "MIT"
    description = "Issue, find, check and revoke Review Board API tokens from native programs"
    topics = ("reviewboard", "token", "authentication")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], **{feature: [True, False] for feature in FEATURES}}
    default_options = {"shared": False, **{feature: True for feature in FEATURES}}

    @property
    def checkout(self):
        return os.path.join(self.recipe_folder, "..", "..")

    def set_version(self):
        manifest = load(self, os.path.join(self.checkout, "Cargo.toml"))
        self.version = re.search(r'^version = "(.*)"$', manifest, re.MULTILINE).group(1)

    def export_sources(self):
        for pattern in SOURCES:
            copy(self, pattern, self.checkout, self.export_sources_folder)

    def validate(self):
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("rbtoken is packaged for Linux only")

    def configure(self):
        # The C++ wrapper is a header, and the library is not C++.
        self.settings.rm_safe("compiler.libcxx")
        self.settings.rm_safe("compiler.cppstd")

    def make(self, target, *variables):
        features = [feature for feature in FEATURES if self.options.get_safe(feature)]
        flags = "--locked" if self.options.sqlite else "--locked --no-default-features"
        profile = "dev" if self.settings.build_type == "Debug" else "release"
        target_dir = self.conf.get("user.rbtoken:target_dir", default=os.path.join(self.build_folder, "target"))
        self.run(" ".join(["make", "--silent", target, f"PROFILE={profile}", f"FEATURES={','.join(features)}",
                           f"CARGO_FLAGS='{flags}'", f"CARGO_TARGET_DIR='{target_dir}'", *variables]))

    def build(self):
        self.make("all")

    def package(self):
        self.make("install", f"PREFIX='{self.package_folder}'")
        licenses = os.path.join(self.package_folder, "licenses")
        copy(self, "LICENSE", self.build_folder, licenses)
        copy(self, "THIRD-PARTY.txt", os.path.join(self.build_folder, "packaging", "notices"), licenses)
        # Linkers would prefer the shared library.
        rm(self, "librbtoken.a" if self.options.shared else "librbtoken.so*",
           os.path.join(self.package_folder, "lib"))
        # Conan generates these for its consumers.
        rm(self, "*.pc", os.path.join(self.package_folder, "lib", "pkgconfig"))
        rm(self, "*.cmake", os.path.join(self.package_folder, "share", "cmake", "rbtoken"))

    def package_info(self):
        self.cpp_info.libs = ["rbtoken"]
        self.cpp_info.set_property("pkg_config_name", "rbtoken")
        if self.options.shared:
            self.cpp_info.set_property("cmake_target_name", "rbtoken::shared")
        else:
            self.cpp_info.set_property("cmake_target_name", "rbtoken::static")
            self.cpp_info.defines = ["RBTOKEN_STATIC"]
            self.cpp_info.system_libs = ["util", "rt", "pthread", "m", "dl"]
