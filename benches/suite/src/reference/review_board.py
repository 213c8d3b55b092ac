"""The reference implementation, asked line by line.

Run by the benchmarks with the Python of a Review Board. Each line of input is a question and a
number of times; the answer is how many nanoseconds that took in all.

    generate N      Djblets makes N token values
    login N         Review Board logs N requests in, each with another token
    existing N      get_or_create_client_token() finds N tokens
    new N           get_or_create_client_token() creates N tokens
"""

import os
import sys
import tempfile
import time


def review_board(folder, tokens):
    """The questions to a Review Board on SQLite in memory, with so many tokens."""
    with open(os.path.join(folder, 'settings_local.py'), 'w') as settings:
        settings.write(
            'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3",\n'
            '                         "NAME": ":memory:"}}\n'
            'CACHES = {"default": {\n'
            '    "BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}\n'
            'SECRET_KEY = "benchmark"\n'
            'ALLOWED_HOSTS = ["*"]\n'
            'PRODUCTION = True\n'
            'DEBUG = False\n'
            f'LOCAL_ROOT = {folder!r}\n')
    for name in ('data', 'logs', 'htdocs/media/ext', 'htdocs/static/ext'):
        os.makedirs(os.path.join(folder, name))
    sys.path.insert(0, folder)
    os.environ['DJANGO_SETTINGS_MODULE'] = 'reviewboard.settings'

    import django
    django.setup()

    from django.core.management import call_command
    call_command('evolve', execute=True, interactive=False, verbosity=0)

    from reviewboard.admin.management.sites import init_siteconfig
    from django.contrib.sites.models import Site
    Site.objects.get_or_create(pk=1, defaults={'domain': 'localhost', 'name': 'localhost'})
    init_siteconfig()

    from reviewboard import initialize
    initialize()

    from django.contrib.auth.models import AnonymousUser, User
    from django.contrib.sessions.backends.cache import SessionStore
    from django.test import RequestFactory
    from djblets.webapi.auth.backends.api_tokens import WebAPITokenAuthBackend
    from reviewboard.webapi.models import WebAPIToken

    user = User.objects.create(username='bench')
    manager = WebAPIToken.objects
    values = [
        manager.get_or_create_client_token(user=user, client_name=f'client-{i}')[0].token
        for i in range(tokens)
    ]
    backend = WebAPITokenAuthBackend()
    factory = RequestFactory()
    made = [0]

    def login(n):
        requests = []
        for i in range(n):
            request = factory.get('/api/', HTTP_AUTHORIZATION=f'token {values[i % tokens]}')
            request.session = SessionStore()
            request.user = AnonymousUser()
            request.local_site = None
            requests.append(request)
        start = time.perf_counter_ns()
        for request in requests:
            assert backend.authenticate(request)[0]
        return time.perf_counter_ns() - start

    def existing(n):
        start = time.perf_counter_ns()
        for i in range(n):
            assert not manager.get_or_create_client_token(
                user=user, client_name=f'client-{i % tokens}')[1]
        return time.perf_counter_ns() - start

    def new(n):
        start = time.perf_counter_ns()
        for i in range(n):
            made[0] += 1
            assert manager.get_or_create_client_token(
                user=user, client_name=f'new-{made[0]}')[1]
        return time.perf_counter_ns() - start

    return {'login': login, 'existing': existing, 'new': new}


def djblets():
    """The question to Djblets alone."""
    from djblets.secrets.token_generators.vendor_checksum import VendorChecksumTokenGenerator

    generator = VendorChecksumTokenGenerator()

    def generate(n):
        start = time.perf_counter_ns()
        for _ in range(n):
            generator.create_token({'token_type': 'rbp'})
        return time.perf_counter_ns() - start

    return {'generate': generate}


def main():
    answers = os.fdopen(os.dup(1), 'w', buffering=1)
    # Review Board's own output must not be taken for a response.
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory() as folder:
        questions = {}
        if sys.argv[1] != '0':
            questions |= review_board(folder, int(sys.argv[1]))
        questions |= djblets()
        answers.write('ready\n')
        for line in sys.stdin:
            name, n = line.split()
            answers.write(f'{questions[name](int(n))}\n')


main()
