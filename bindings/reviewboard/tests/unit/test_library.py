"""What the native library is asked."""

import os
import subprocess
import sys
from unittest import SkipTest

from rbtoken_reviewboard import library

from support import BASE, TokenTestCase

POSTGRESQL = {"ENGINE": "django.db.backends.postgresql", "NAME": "reviews", "USER": "rb",
              "PASSWORD": "p@ss/word", "HOST": "db.example.com", "PORT": "5433", "OPTIONS": {}}


class LocationTests(TokenTestCase):
    def test_location_of_a_database(self):
        for changes, expected in [
                ({}, "postgresql://rb:p%40ss%2Fword@db.example.com:5433/reviews"),
                ({"PORT": "", "PASSWORD": ""}, "postgresql://rb@db.example.com/reviews"),
                ({"HOST": "/run/postgresql"},
                 "postgresql://rb:p%40ss%2Fword@:5433/reviews?host=%2Frun%2Fpostgresql"),
                ({"HOST": "::1"}, "postgresql://rb:p%40ss%2Fword@[::1]:5433/reviews"),
                ({"OPTIONS": {"sslmode": "verify-full", "isolation_level": 2}},
                 "postgresql://rb:p%40ss%2Fword@db.example.com:5433/reviews?sslmode=verify-full"),
                ({"ENGINE": "django.db.backends.mysql", "HOST": "/run/mysqld.sock", "PORT": "",
                  "PASSWORD": None},
                 "mysql://rb@/reviews?socket=%2Frun%2Fmysqld.sock"),
                ({"HOST": ""}, None),
                ({"ENGINE": "django.db.backends.sqlite3", "HOST": "a"}, None)]:
            with self.subTest(changes=changes):
                self.assertEqual(library.location({**POSTGRESQL, **changes}), expected)


class LibraryTests(TokenTestCase):
    def setUp(self):
        super().setUp()
        if library.rbtoken is None:
            raise SkipTest(f"NOT RUN: {library.problem}")

    def test_formats_of_values(self):
        values = [self.make_token(generator=generator).token
                  for generator in ["vendor_checksum", "legacy_sha1"]]
        self.assertEqual(library.count_malformed(values), 0)
        value = values[0]
        other = "a" if value[-1] != "a" else "b"
        wrong = ["", "unknown", value[:-1] + other, "rbp_" + "x" * 251, "nul\0", "\ud800"]
        self.assertEqual(library.count_malformed(wrong + values), len(wrong))

    def test_sqlite_database_is_not_opened(self):
        report = library.report({"ENGINE": "django.db.backends.sqlite3", "NAME": "unit-tests.db"})
        self.assertEqual(report, (library.rbtoken.version(), None, None))

    def test_unreachable_database_is_a_problem_without_the_password(self):
        report = library.report({**POSTGRESQL, "HOST": "127.0.0.1", "PORT": "1"})
        self.assertIsNone(report.tokens)
        self.assertTrue(report.problem)
        self.assertNotIn("p@ss", report.problem)
        self.assertNotIn("p%40ss", report.problem)


class MissingLibraryTests(TokenTestCase):
    def test_page_says_whether_the_library_is_loaded(self):
        self.log_in_admin()
        expected = f"The library cannot be loaded: {library.problem}" \
            if library.rbtoken is None else f"Version {library.rbtoken.version()} is loaded."
        self.assertContains(self.client.get(BASE + "tokens/"), expected)

    def test_module_is_imported_without_the_library(self):
        code = ("from rbtoken_reviewboard import library as l; "
                "print(l.problem, l.count_malformed(['a']), l.report({}))")
        shown = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "RBTOKEN_LIBRARY": "/no/library.so"},
            check=True, capture_output=True, text=True).stdout
        self.assertIn("librbtoken cannot be loaded", shown)
        self.assertIn("None Report(version=None, tokens=None, problem=", shown)
