"""Simultaneous requests for one client's token, by server processes and native hosts."""

import json
import os
import subprocess
import sys

from conftest import report

WORKER = os.path.join(os.path.dirname(__file__), "race_worker.py")
PROCESSES, THREADS, CLIENTS = 4, 8, 50


class Worker:
    def __init__(self, kind, where):
        self.process = subprocess.Popen(
            [sys.executable, WORKER, kind, where, str(THREADS)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def send(self, request):
        self.process.stdin.write(f"{request}\n")
        self.process.stdin.flush()

    def receive(self):
        line = self.process.stdout.readline()
        assert line, "a worker has ended"
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        assert self.process.wait() == 0


def race(site, workers):
    """Returns how many tokens the clients got, and how many clients got more than one."""
    tokens = several = 0
    for client in range(CLIENTS):
        for worker in workers:
            worker.send(f"get client {client}")
        answers = [answer for worker in workers for answer in worker.receive()]
        assert len(answers) == len(workers) * THREADS
        assert all(isinstance(answer, int) for answer in answers), answers
        rows = site.count()
        assert rows >= len(set(answers))
        tokens += rows
        several += len(set(answers)) > 1
        # The server reads all tokens of the user at each call.
        site.execute(statement="DELETE FROM webapi_webapitoken")
    return tokens, several


def test_race_creates_one_token_per_client(server_site):
    workers = [Worker("server", server_site.folder) for _ in range(PROCESSES)]
    workers += [Worker("library", server_site.location)]
    for worker in workers:
        assert worker.receive() == "ready"
    without, _ = race(server_site, workers)

    server_site.set_enabled(True)
    for worker in workers[:PROCESSES]:
        worker.send("reload")
        assert worker.receive() == "ready"
    tokens, several = race(server_site, workers)
    for worker in workers:
        worker.close()
    report.append(f"race on {server_site.database}: {tokens} tokens for {CLIENTS} clients with the "
                  f"extension, {without} without it")
    assert (tokens, several) == (CLIENTS, 0)
