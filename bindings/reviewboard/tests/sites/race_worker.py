"""Requests client tokens from several threads at once.

    python race_worker.py server SITE_DIRECTORY THREADS
    python race_worker.py library LOCATION THREADS

Writes "ready". Then reads lines: `get CLIENT` writes the ids of the tokens that the threads got, or
their errors; `reload` loads the extensions again, as the server does when they have changed.
"""

import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor


def server(folder):
    """A process of the server with its extensions, as mod_wsgi starts it."""
    os.environ["REVIEWBOARD_SITEDIR"] = folder
    os.environ["VIRTUAL_ENV"] = sys.prefix
    import reviewboard.wsgi  # noqa: F401 (finds the site)

    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.db import connection
    from reviewboard import initialize
    from reviewboard.extensions.base import get_extension_manager
    from reviewboard.webapi.models import WebAPIToken

    initialize()
    user = User.objects.get(username="alice")

    def get(client):
        return WebAPIToken.objects.get_or_create_client_token(
            user=user, client_name=client)[0].pk

    return connection.ensure_connection, get, lambda: get_extension_manager().load(full_reload=True)


def library(location):
    """A native host. It has no server in its process."""
    import rbtoken

    store = rbtoken.Store(location)

    def get(client):
        return store.get_or_create_client_token("alice", client).token.id

    return lambda: None, get, None


def main():
    kind, where, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w")
    # What the server prints is no answer.
    os.dup2(2, 1)
    connect, get, reload = {"server": server, "library": library}[kind](where)
    barrier = threading.Barrier(threads)

    def run(client):
        connect()
        barrier.wait()
        try:
            return get(client)
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    with ThreadPoolExecutor(threads) as pool:
        print(json.dumps("ready"), file=answers, flush=True)
        for line in sys.stdin:
            if line == "reload\n":
                reload()
                answer = "ready"
            else:
                answer = list(pool.map(run, [line.strip()] * threads))
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
