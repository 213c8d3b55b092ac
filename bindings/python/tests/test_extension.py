"""The plugin interface.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import logging
import sys
import tempfile
import unittest
from pathlib import Path
from unittest.mock import patch

import rbtoken
from rbtoken import Instance, InvalidState, LogLevel, callbacks
from support import NEW_YEAR, Clock, live_handles


class Extensions(unittest.TestCase):
    def tearDown(self) -> None:
        self.assertEqual(live_handles(), {})
        self.assertEqual(callbacks._kept, {})

    def test_extension_says_who_it_is(self) -> None:
        extension = rbtoken.extension()
        self.assertEqual((extension.id, extension.version, extension.license),
                         ("rbtoken", rbtoken.version(), "MIT"))
        self.assertTrue(extension.url.startswith("https://"))
        self.assertIn("token_type", extension.settings_schema()["properties"])
        for name in ("about", "error", "buffer", "store", "hooks", "generator",
                     "service_account", "token", "token_list", "policy"):
            self.assertTrue(extension.has_interface(f"rbtoken.{name}/1"), name)
        self.assertFalse(extension.has_interface("rbtoken.store/2"))
        self.assertFalse(extension.has_interface("rbtoken.store/1\0"))

    def test_library_names_its_numbers(self) -> None:
        self.assertEqual(rbtoken.abi_version() >> 16, int(rbtoken.version().split(".")[0]))
        self.assertEqual(rbtoken.status_name(80), "RBTOKEN_E_NOT_FOUND")
        self.assertEqual(rbtoken.verdict_name(4), "RBTOKEN_VERDICT_EXPIRED")
        self.assertEqual(rbtoken.__version__, rbtoken.version())

    def test_instance_has_a_life(self) -> None:
        clock = Clock()
        with Instance({"token_type": "abc"}, clock=clock, entropy=bytes) as instance:
            self.assertEqual(instance.settings()["token_type"], "abc")
            with self.assertRaises(InvalidState):
                instance.store()
            instance.initialize()
            for call in (instance.initialize, instance.configure):
                with self.assertRaises(InvalidState):
                    call()
            with instance.store() as store:
                token = store.generate_token("alice")
                self.assertTrue(token.value.startswith("abc_"))
                self.assertEqual(token.time_added, NEW_YEAR)
                self.assertEqual(repr(store), "<Store of an Instance>")
                self.assertEqual(instance.store(), store)
                instance.shutdown()
                with self.assertRaises(InvalidState):
                    store.generate_token("alice")
            with self.assertRaises(InvalidState):
                instance.shutdown()
            instance.configure()
            self.assertEqual(instance.settings()["token_type"], "rbp")
            self.assertEqual(repr(instance), "<Instance>")

    def test_bad_settings_leave_nothing(self) -> None:
        with self.assertRaises(rbtoken.RBTokenError) as raised:
            Instance({"token_type": 7}, clock=Clock())
        self.assertEqual(raised.exception.json_path, "$.token_type")

    def test_store_outlives_its_instance(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            instance = Instance({"location": str(Path(folder) / "a.db")}, clock=Clock())
            instance.initialize()
            store = instance.store()
            instance.close()
            with self.assertRaises(InvalidState):
                store.generate_token("alice")
            store.close()

    def test_host_is_told_by_its_log(self) -> None:
        lines: list[tuple[int, str, str]] = []
        with Instance({}, log=lambda *line: lines.append(line)) as instance:
            instance.initialize()
            with instance.store() as store:
                store.generate_token("alice")
        self.assertIn(LogLevel.DEBUG, [level for level, _, _ in lines])
        self.assertTrue(any("alice" in message for _, _, message in lines))

        logger = logging.getLogger("test")
        with self.assertLogs(logger, "DEBUG") as logs:
            with Instance({}, log=logger) as instance:
                instance.initialize()
        self.assertTrue(any("rbtoken.extension" in line for line in logs.output))

    def test_what_the_log_raises_is_logged(self) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError

        with self.assertLogs("rbtoken", "ERROR"):
            with Instance({}, log=fail) as instance:
                instance.initialize()

        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        # The release of the new object is interrupted as well, which Python prints.
        with self.assertRaises(KeyboardInterrupt), patch.object(sys, "unraisablehook"):
            Instance({}, log=interrupt)


if __name__ == "__main__":
    unittest.main()
