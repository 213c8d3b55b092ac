"""Review Board on a site's database, asked line by line.

    python site.py SITE_DIRECTORY

Each line of input is `OPERATION PROCESSES MILLISECONDS USERS`: how often the operation ends in this time in
some processes at once, for users whose names begin so. The answer is nanoseconds for each. Processes, since
threads of one would wait for Python's lock; each has a connection, and has called once before its time
begins.

    login       Review Board logs a request in
    existing    get_or_create_client_token() finds a token
    new         get_or_create_client_token() creates a token
"""

import itertools
import os
import sys
import time

SITE_DIR = os.path.abspath(sys.argv[1])
os.environ['REVIEWBOARD_SITEDIR'] = SITE_DIR
# This runs in the environment that the site would otherwise activate.
os.environ['VIRTUAL_ENV'] = sys.prefix

# The server's own output must not be taken for a response.
answers = os.fdopen(os.dup(1), 'w', buffering=1)
os.dup2(2, 1)

from reviewboard.wsgi import application  # noqa: E402, F401 (the site must be known first)

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import AnonymousUser, User  # noqa: E402
from django.contrib.sessions.backends.cache import SessionStore  # noqa: E402
from django.db import connections  # noqa: E402
from django.test import RequestFactory  # noqa: E402
from djblets.webapi.auth.backends.api_tokens import WebAPITokenAuthBackend  # noqa: E402
from reviewboard import initialize  # noqa: E402
from reviewboard.admin.siteconfig import load_site_config  # noqa: E402
from reviewboard.webapi.models import WebAPIToken  # noqa: E402

# As the server does before its first request.
initialize()
load_site_config()
settings.LOGIN_LIMIT_RATE = '1000000/s'
backend = WebAPITokenAuthBackend()
factory = RequestFactory()
manager = WebAPIToken.objects


def login(users):
    tokens = WebAPIToken.objects.filter(user__in=users, token_generator_id='vendor_checksum')
    for value in itertools.cycle(list(tokens.values_list('token', flat=True)[:100])):
        request = factory.get('/api/', HTTP_AUTHORIZATION=f'token {value}')
        request.session = SessionStore()
        request.user = AnonymousUser()
        request.local_site = None
        result = backend.authenticate(request)
        assert result[0], result
        yield


def existing(users):
    for number, user in enumerate(itertools.cycle(users)):
        name = f'client-{number % 10}'
        assert not manager.get_or_create_client_token(user=user, client_name=name)[1]
        yield


def new(users):
    for number, user in enumerate(itertools.cycle(users)):
        name = f'python-{os.getpid()}-{time.time_ns()}-{number}'
        assert manager.get_or_create_client_token(user=user, client_name=name)[1]
        yield


OPERATIONS = {'login': login, 'existing': existing, 'new': new}


def rate(operation, users, seconds, ready, go, done):
    """In a process of its own: writes how often the operation ended in a second."""
    calls = OPERATIONS[operation](users)
    next(calls)
    os.write(ready, b'.')
    os.read(go, 1)
    start = time.perf_counter()
    count = 0
    while True:
        next(calls)
        count += 1
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            break
    os.write(done, f'{count / elapsed}\n'.encode())


def measure(operation, processes, seconds, prefix):
    users = list(User.objects.filter(username__startswith=prefix).order_by('id'))
    # A child must not share a connection.
    connections.close_all()
    (ready, set_ready), (go, set_go), (done, set_done) = (os.pipe() for _ in range(3))
    children = []
    for number in range(processes):
        child = os.fork()
        if child == 0:
            try:
                rate(operation, users[number::processes] or users, seconds, set_ready, go, set_done)
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
            os._exit(0)
        children.append(child)
    for pipe in (set_ready, go, set_done):
        os.close(pipe)
    for _ in children:
        # Also ends if a child has ended.
        os.read(ready, 1)
    os.write(set_go, b'.' * processes)
    os.close(set_go)
    with os.fdopen(done) as lines:
        rates = [float(line) for line in lines]
    os.close(ready)
    for child in children:
        os.waitpid(child, 0)
    assert len(rates) == processes, 'a process failed'
    return 1e9 / sum(rates)


answers.write('ready\n')
for line in sys.stdin:
    operation, processes, milliseconds, prefix = line.split()
    answers.write(f'{measure(operation, int(processes), int(milliseconds) / 1e3, prefix)}\n')
