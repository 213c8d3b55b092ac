"""The end of the interpreter, forks and subinterpreters.

SPDX-License-Identifier: MIT
"""

from __future__ import annotations

import os
import tempfile
import unittest
from pathlib import Path

import rbtoken
from rbtoken import Store
from support import run


class Shutdown(unittest.TestCase):
    def test_daemon_threads_with_hooks_end_with_the_interpreter(self) -> None:
        for _ in range(5):
            process = run("""
                import threading, time, rbtoken
                from datetime import datetime, timezone

                threading.excepthook = lambda arguments: None
                heard = []
                store = rbtoken.Store(clock=lambda: datetime.now(timezone.utc), entropy=None)
                store.add_generator("mine", create=lambda kind, attempt: f"{kind}{time.time_ns()}{threading.get_ident()}{attempt}",
                                    validate=lambda kind, value: True)
                store.set_default_generator("mine")
                store.add_hooks(created=lambda *event: heard.append(event[1].user),
                                used=lambda *event: heard.append(event[1].user))

                def use():
                    while True:
                        token = store.generate_token("alice")
                        store.authenticate(token.value)

                for _ in range(8):
                    threading.Thread(target=use, daemon=True).start()
                while len(heard) < 100:
                    time.sleep(0.001)
                print("end")
                """)
            self.assertEqual((process.stdout, process.stderr), ("end\n", ""))

    def test_call_in_flight_at_exit_ends_first(self) -> None:
        process = run("""
            import threading, time, rbtoken
            inside = threading.Event()

            def slow(*event):
                inside.set()
                time.sleep(0.3)
                print("the hook ended", flush=True)

            store = rbtoken.Store()
            store.add_hooks(created=slow)
            threading.Thread(target=store.generate_token, args=("alice",), daemon=True).start()
            inside.wait()
            """)
        self.assertEqual((process.stdout, process.stderr), ("the hook ended\n", ""))

    def test_handles_at_exit_are_no_harm(self) -> None:
        process = run("""
            import atexit, rbtoken, sys

            class Late:
                def __init__(self):
                    self.store = rbtoken.Store()
                    self.store.add_hooks(created=lambda *event: None)
                    self.token = self.store.generate_token("alice")
                    self.tokens = self.store.list_tokens()
                    self.policy = rbtoken.Policy({})
                    self.account = rbtoken.ServiceAccount("bot")
                    self.instance = rbtoken.Instance(log=lambda *line: None)
                    self.me = self

            late = Late()
            sys.modules["late"] = late
            # Handlers of the host still work, in the thread that ends the interpreter.
            atexit.register(lambda: print(late.store.generate_token("bob").user))
            """)
        self.assertEqual((process.stdout, process.stderr), ("bob\n", ""))

    def test_signal_during_exit_does_not_end_the_wait(self) -> None:
        process = run("""
            import os, signal, sys, threading, time, rbtoken
            # A shell starts a job in the background with the signal ignored.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            inside = threading.Event()

            def slow(*event):
                inside.set()
                time.sleep(0.2)
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.5)
                print("the hook ended", flush=True)

            store = rbtoken.Store()
            store.add_hooks(created=slow)
            threading.Thread(target=store.generate_token, args=("alice",), daemon=True).start()
            inside.wait()
            """)
        self.assertEqual(process.stdout, "the hook ended\n")
        self.assertIn("KeyboardInterrupt", process.stderr)

    def test_action_that_raises_at_exit_leaves_the_gate_closed(self) -> None:
        process = run("""
            import threading, time, rbtoken
            from rbtoken import _handle

            def fail():
                raise RuntimeError("an action failed")

            ended = []
            _handle.gate.closing.insert(0, fail)
            _handle.gate.closing.append(lambda: ended.append("the next action ran"))
            threading.excepthook = lambda arguments: None
            inside = threading.Event()

            def slow(*event):
                inside.set()
                time.sleep(0.3)
                print(*ended, flush=True)

            store = rbtoken.Store()
            store.add_hooks(created=slow)
            threading.Thread(target=store.generate_token, args=("alice",), daemon=True).start()
            inside.wait()
            """)
        self.assertEqual(process.stdout, "the next action ran\n")
        self.assertIn("an action failed", process.stderr)

    def test_stores_opened_during_exit_are_no_harm(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            process = run(f"""
                import itertools, sys, rbtoken
                from rbtoken import _handle
                numbers = itertools.count()

                def another(*event):
                    return rbtoken.Store({folder!r} + f"/{{next(numbers)}}.db")

                stores = [another() for _ in range(4)]
                # Another thread may be about anywhere; this opens a store wherever Python can be.
                sys.setprofile(lambda *event: stores.append(another()))
                try:
                    for action in _handle.gate.closing:
                        action()
                finally:
                    sys.setprofile(None)
                assert len(stores) > 4
                """)
            self.assertEqual((process.stdout, process.stderr), ("", ""))

    def test_thread_that_calls_during_exit_is_told(self) -> None:
        process = run("""
            import atexit, threading, time
            told = threading.Event()

            def wait_for_the_thread():
                assert told.wait(30)
                print("told")

            atexit.register(wait_for_the_thread)  # Runs after that of rbtoken.
            import rbtoken
            store = rbtoken.Store()

            def use():
                try:
                    while True:
                        store.token_count()
                except rbtoken.ShuttingDown:
                    told.set()

            threading.Thread(target=use, daemon=True).start()
            """)
        self.assertEqual((process.stdout, process.stderr), ("told\n", ""))


@unittest.skipUnless(hasattr(os, "fork"), "needs fork")
class Fork(unittest.TestCase):
    def test_child_uses_memory_and_opens_files_anew(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "tokens.db")
            process = run(f"""
                import os, sys, warnings, rbtoken
                warnings.simplefilter("ignore", DeprecationWarning)  # Of a fork with threads.
                memory, file = rbtoken.Store(), rbtoken.Store({path!r})
                memory.add_hooks(created=lambda store, token, _: print("created", token.user, flush=True))
                token = memory.generate_token("alice")
                print(end="", flush=True)
                child = os.fork()
                if child == 0:
                    assert memory.authenticate(token.value)
                    memory.generate_token("bob")
                    try:
                        file.generate_token("bob")
                    except rbtoken.Forked as error:
                        print("forked", error.name, flush=True)
                    file.close()
                    with rbtoken.Store({path + "2"!r}) as own:
                        own.generate_token("eve")
                    sys.exit(3)
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
                file.generate_token("alice")
                print(len(memory), len(file))
                """)
            self.assertEqual(process.stdout, "created alice\ncreated bob\n"
                                             "forked RBTOKEN_E_FORKED\n1 1\n")
            self.assertEqual(process.stderr, "")

    def test_child_of_a_busy_process_ends(self) -> None:
        run("""
            import os, sys, threading, warnings, rbtoken
            warnings.simplefilter("ignore", DeprecationWarning)
            threading.excepthook = lambda arguments: None
            store = rbtoken.Store()
            store.add_hooks(used=lambda *event: None)
            token = store.generate_token("alice")

            def use():
                while True:
                    store.authenticate(token.value)

            for _ in range(4):
                threading.Thread(target=use, daemon=True).start()
            for _ in range(10):
                child = os.fork()
                if child == 0:
                    # The library does not promise that the store works here: another thread was
                    # inside a call. Closing, and the end of the interpreter, do.
                    with rbtoken.Store() as own:
                        own.generate_token("bob")
                    sys.exit(5)
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
            """)


class Subinterpreters(unittest.TestCase):
    def test_import_in_a_subinterpreter_is_refused(self) -> None:
        process = run("""
            program = '''
            import sys
            sys.path[:] = %r
            try:
                import rbtoken
            except ImportError as error:
                print(error, flush=True)
            ''' % (__import__("sys").path,)
            import textwrap
            program = textwrap.dedent(program)
            try:
                import _interpreters as interpreters
                made = interpreters.create()
                interpreters.exec(made, program)
            except ImportError:
                import _xxsubinterpreters as interpreters
                made = interpreters.create()
                interpreters.run_string(made, program)
            interpreters.destroy(made)
            """)
        self.assertIn("rbtoken works in the main interpreter only", process.stdout)


class Loading(unittest.TestCase):
    def test_library_that_is_missing_is_an_import_error(self) -> None:
        process = run("""
            import os
            os.environ["RBTOKEN_LIBRARY"] = "/nonexistent/librbtoken.so"
            try:
                import rbtoken
            except ImportError as error:
                print(error)
            """)
        self.assertIn("librbtoken cannot be loaded", process.stdout)

    def test_other_store_is_not_equal(self) -> None:
        with Store() as store, Store() as other:
            self.assertNotEqual(store, other)
            self.assertNotEqual(store, rbtoken)
            self.assertEqual(len({store, other}), 2)


if __name__ == "__main__":
    unittest.main()
