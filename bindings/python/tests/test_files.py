"""Stores in files: durability, backups, exports, imports.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import tempfile
import textwrap
import unittest
from pathlib import Path
from unittest.mock import patch

import rbtoken
from rbtoken import Store, _abi, callbacks
from support import live_handles, run


class Files(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_token_is_found_again(self) -> None:
        path = self.folder / "tökens.db"
        with Store(path) as store:
            token = store.generate_token("alice")
            self.assertIn("tökens.db", repr(store))
            with self.assertRaises(rbtoken.Locked):
                Store(path)
            store.authenticate(token.value)
            store.flush()
        with Store(str(path)) as store:
            found = store.get_token(token.id)
            self.assertEqual((found.value, found.user), (token.value, "alice"))
            self.assertIsNotNone(found.last_used)

    def test_token_of_a_file_opened_again_is_accepted(self) -> None:
        path = self.folder / "tokens.db"
        with Store(path) as store:
            token = store.generate_token("alice")
        with Store(path) as store:
            self.assertEqual(store.update_token(token, note="again").id, token.id)
            store.invalidate_token_by_id(token)
            store.delete_token(token)
            self.assertEqual(len(store), 0)

    def test_location_that_is_no_store_is_refused(self) -> None:
        other = self.folder / "other"
        other.write_text("This is no store.")
        with self.assertRaises(rbtoken.InvalidArgument) as raised:
            Store(other)
        self.assertIn("location", str(raised.exception))
        with self.assertRaises(rbtoken.InputOutputError):
            Store(self.folder / "missing" / "tokens.db")
        with self.assertRaises(rbtoken.RBTokenError):
            Store("nonsense://host/database")
        for location in (b"bytes", 7):
            with self.assertRaises(rbtoken.InvalidType):
                Store(location)  # type: ignore[arg-type]

    def test_location_with_a_password_is_not_shown(self) -> None:
        for location in ("postgresql://alice:s3cret@127.0.0.1:1/db",
                         "postgresql//alice:s3cret@127.0.0.1/db"):
            with self.assertRaises(rbtoken.RBTokenError) as raised:
                Store(location)
            self.assertNotIn("s3cret", str(raised.exception))

    def test_backup_opens_as_a_store(self) -> None:
        with Store() as store:
            token = store.generate_token("alice")
            store.backup(self.folder / "copy.db")
            with self.assertRaises(rbtoken.Exists):
                store.backup(self.folder / "copy.db")
        with Store(self.folder / "copy.db") as store:
            self.assertTrue(store.authenticate(token.value))

    def test_export_is_imported_with_progress(self) -> None:
        path = self.folder / "tokens.jsonl"
        told: list[tuple[int, int]] = []
        with Store() as store:
            tokens = [store.generate_token(f"user{number}") for number in range(10)]
            self.assertEqual(store.export_file(path, lambda *done: told.append(done)), 10)
            self.assertEqual(told[-1], (10, 10))
            with self.assertRaises(rbtoken.Exists):
                store.export_file(path)
        del told[:]
        with Store() as other:
            self.assertEqual(other.import_file(path, lambda *done: told.append(done)), 10)
            self.assertEqual(told[-1], (10, 10))
            self.assertTrue(all(other.authenticate(token.value) for token in tokens))
            with self.assertRaises(rbtoken.Exists):
                other.import_file(path)

    def test_what_progress_raises_ends_the_call(self) -> None:
        class Stop(Exception):
            pass

        def stop(_: int, __: int) -> None:
            raise Stop

        with Store() as store:
            store.generate_token("alice")
            with self.assertRaises(Stop):
                store.export_file(self.folder / "a", stop)
            self.assertEqual(list(self.folder.iterdir()), [])
            store.export_file(self.folder / "a")
            with Store() as other:
                with self.assertRaises(Stop):
                    other.import_file(self.folder / "a", stop)
                self.assertEqual(len(other), 0)

    def test_progress_that_never_began_is_told(self) -> None:
        # The result that ctypes returns if a signal handler raises at the start of a callback.
        interrupted = _abi.ProgressFn(lambda *_: 0)
        with Store() as store:
            store.generate_token("alice")
            with patch.object(callbacks, "_progress", interrupted):
                with self.assertRaises(rbtoken.CallbackFailed) as raised:
                    store.export_file(self.folder / "a", lambda *_: None)
            self.assertEqual(raised.exception.argument, "progress")

    def test_last_login_is_written_at_exit(self) -> None:
        path = self.folder / "tokens.db"
        run(f"""
            import rbtoken
            store = rbtoken.Store({str(path)!r})
            token = store.generate_token("alice")
            assert store.authenticate(token.value)
            """)
        with Store(path) as store:
            self.assertIsNotNone(store.get_token(1).last_used)

    def test_last_login_of_any_store_is_written_at_exit(self) -> None:
        for number, opening in enumerate((
                # A store of an instance.
                """
                instance = rbtoken.Instance({"location": path})
                instance.initialize()
                store = instance.store()
                """,
                # A store object that a hook keeps, while the one that was opened is closed.
                """
                opened, kept = rbtoken.Store(path), []
                opened.add_hooks(created=lambda store, *_: kept.append(store))
                opened.generate_token("bob")
                opened.close()
                store = kept[0]
                """)):
            path = self.folder / f"{number}.db"
            run("\n".join((
                f"import rbtoken, sys; path = {str(path)!r}",
                textwrap.dedent(opening),
                'token = store.generate_token("alice")',
                "assert store.authenticate(token.value)",
                # Nothing else closes it before the interpreter ends.
                "sys.modules['kept'] = (store, globals())")))
            with Store(path) as store:
                token, = store.list_tokens(user="alice")
                self.assertIsNotNone(token.last_used)

    def test_shared_store_is_one(self) -> None:
        run(f"""
            import rbtoken
            from datetime import datetime, timezone
            now = lambda: datetime.now(timezone.utc)
            path = {str(self.folder / "shared.db")!r}
            first = rbtoken.Store.shared(path, clock=now, entropy=bytes)
            for again in (rbtoken.Store.shared(), rbtoken.Store.shared(path, clock=now, entropy=bytes)):
                assert again == first
                again.close()
            for keywords in ({{"location": path + "x"}}, {{"location": path, "clock": bytes}},
                             {{"location": path, "clock": now, "settings": {{"token_type": "x"}}}}):
                try:
                    rbtoken.Store.shared(**keywords)
                except rbtoken.InvalidState as error:
                    assert error.status == rbtoken.Status.STATE
                else:
                    raise AssertionError(keywords)
            first.generate_token("alice")
            first.close()
            assert len(rbtoken.Store.shared()) == 1
            """)
        run("""
            import rbtoken
            from datetime import datetime, timezone
            from rbtoken import callbacks
            now = lambda: datetime.now(timezone.utc)
            shared = rbtoken.Store.shared(clock=now)
            for other in (lambda: now() for _ in range(5)):
                try:
                    rbtoken.Store.shared(clock=other, entropy=bytes)
                except rbtoken.InvalidState:
                    continue
                raise AssertionError
            # Those that were refused are forgotten.
            assert list(callbacks._kept.values()) == [now], callbacks._kept
            assert rbtoken.Store.shared(clock=now) == shared
            shared.generate_token("alice")
            """)
        with Store.shared() as first, Store.shared() as again:
            self.assertEqual(first, again)
        self.assertEqual(live_handles(), {})


if __name__ == "__main__":
    unittest.main()
