"""A Review Board site that does what the tests ask for.

    python site.py SITE_DIRECTORY

Reads a request from each line of its input, a JSON object, and answers each with a line of JSON.
A request is the name of a function below, in `do`, and its arguments.
"""

import datetime
import json
import logging
import math
import mimetypes
import os
import random
import socketserver
import sqlite3
import sys
import threading
import warnings
import wsgiref.simple_server

SITE_DIR = os.path.abspath(sys.argv[1])
os.environ['REVIEWBOARD_SITEDIR'] = SITE_DIR
# This runs in the environment that the site would otherwise activate.
os.environ['VIRTUAL_ENV'] = sys.prefix

# The server's own output must not be taken for a response.
answers = os.fdopen(os.dup(1), 'w')
os.dup2(2, 1)

from reviewboard.wsgi import application  # noqa: E402 (the site must be known first)

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402
from djblets.siteconfig.models import SiteConfiguration  # noqa: E402
from reviewboard.site.models import LocalSite  # noqa: E402
from reviewboard.webapi.models import WebAPIToken  # noqa: E402

import documents  # noqa: E402

UTC = datetime.timezone.utc

# The tests have more failed logins than a server tolerates.
settings.LOGIN_LIMIT_RATE = '1000000/s'


def prepare(users, local_sites):
    """No tokens, default settings, and these users and public Local Sites."""
    # With a separate statement, since a test may have left rows that Django cannot read.
    execute('DELETE FROM webapi_webapitoken')
    for name in users:
        User.objects.get_or_create(username=name)
    User.objects.update(is_active=True)
    for name in local_sites:
        LocalSite.objects.get_or_create(name=name, defaults={'public': True})
    set_expiration(365)


def set_user_active(user, active):
    User.objects.filter(username=user).update(is_active=active)


def set_expiration(days):
    config = SiteConfiguration.objects.get_current()
    config.set('client_token_expiration', days)
    config.save()


def set_password(user, password):
    account = User.objects.get(username=user)
    account.set_password(password)
    account.save()


def join_local_site(user, local_site):
    LocalSite.objects.get(name=local_site).users.add(User.objects.get(username=user))


def make_repository(name, path):
    """A Git repository on this machine."""
    from reviewboard.scmtools.models import Repository, Tool

    Repository.objects.update_or_create(
        name=name, defaults={'path': path, 'tool': Tool.objects.get(name='Git')})


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


class Handler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *args):
        pass

    def address_string(self):
        return self.client_address[0]


def with_static_files(environ, start_response):
    """The site with the files that a web server in front of it serves."""
    path = environ['PATH_INFO']
    if not path.startswith('/static/'):
        return application(environ, start_response)
    file = os.path.join(SITE_DIR, 'htdocs', os.path.normpath(path).lstrip('/'))
    kind = mimetypes.guess_type(file)[0] or 'application/octet-stream'
    try:
        with open(file, 'rb') as stream:
            body = stream.read()
    except OSError:
        start_response('404 Not Found', [('Content-Length', '0')])
        return []
    start_response('200 OK', [('Content-Type', kind), ('Content-Length', str(len(body)))])
    return [body]


def serve():
    """The port on which the site answers requests from now on."""
    server = wsgiref.simple_server.make_server(
        '127.0.0.1', 0, with_static_files, server_class=Server, handler_class=Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def rows():
    """All columns of all tokens, as the database has them."""
    if connection.vendor == 'sqlite':
        # Django's own connection would not show how times are written.
        cursor = sqlite3.connect(connection.settings_dict['NAME']).cursor()
    else:
        cursor = connection.cursor()
    cursor.execute('SELECT * FROM webapi_webapitoken ORDER BY id')
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, map(repr, row))) for row in cursor.fetchall()]


def save_all():
    """Reads each token and saves it as it was read."""
    for token in WebAPIToken.objects.all():
        token.save()


def execute(statement, params=None):
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


def fetch(statement):
    """The rows of a query, as texts."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [[None if cell is None else str(cell) for cell in row] for row in cursor.fetchall()]


def show(value):
    """What JSON can hold of a document that was read, with its texts as UTF-8."""
    if isinstance(value, str):
        return ''.join('\ufffd' if '\ud800' <= c <= '\udfff' else c for c in value)
    if isinstance(value, dict):
        shown = {}
        for key, item in value.items():
            if isinstance(key, (bytes, tuple, complex)) or key is ...:
                continue
            if not isinstance(key, str):
                key = json.loads(json.dumps([{key: 0}]))[0].popitem()[0]
            shown[show(key)] = show(item)
        return shown
    if isinstance(value, (list, tuple)):
        return [show(item) for item in value]
    if isinstance(value, set):
        if len(value) > 1:
            raise ValueError('the order of a set is not defined')
        return [show(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (bytes, complex)) or value is ...:
        return None
    return value


def read_document(text):
    """How Review Board reads a stored document: as JSON with sorted keys, and its client's name."""
    value = WebAPIToken._meta.get_field('extra_data').loads(text)
    name = value.get('client_name') if isinstance(value, dict) else None
    if not isinstance(name, str) or any(c == '\0' or '\ud800' <= c <= '\udfff' for c in name):
        name = None
    return json.dumps(show(value), sort_keys=True), name


def make_documents(count, seed):
    """Tokens with documents of every sort; and of each its id, its document, and how that is read."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter('ignore')
    rng = random.Random(seed)
    user = User.objects.get(username='alice')
    now = timezone.now()
    answers = []
    while len(answers) < count:
        text = documents.generate(rng)
        # Documents that no database can store, or that only Python can read.
        if '\0' in text or '\\N' in text or any('\ud800' <= c <= '\udfff' for c in text):
            continue
        if connection.vendor == 'mysql' and max(text, default='') > '\uffff':
            continue
        try:
            shown, name = read_document(text)
        except Exception:
            continue
        answers.append([text, shown, name])
    WebAPIToken.objects.bulk_create([
        WebAPIToken(user=user, token=f'document {index}', time_added=now, last_updated=now)
        for index in range(count)])
    ids = list(WebAPIToken.objects.filter(token__startswith='document ').values_list('token', 'id'))
    ids = {int(token.split()[1]): pk for token, pk in ids}
    with connection.cursor() as cursor:
        cursor.executemany(
            'UPDATE webapi_webapitoken SET extra_data = %s WHERE id = %s',
            [(answer[0], ids[index]) for index, answer in enumerate(answers)])
    return [[ids[index], *answer] for index, answer in enumerate(answers)]


def lock_user(user):
    """Holds what a new token of the user needs, until `unlock`."""
    connection.ensure_connection()
    if connection.vendor == 'sqlite':
        execute('BEGIN IMMEDIATE')
    else:
        connection.set_autocommit(False)
        list(User.objects.select_for_update().filter(username=user))


def lock_table():
    """Holds the table of tokens, until `unlock`."""
    connection.ensure_connection()
    if connection.vendor == 'mysql':
        execute('LOCK TABLES webapi_webapitoken WRITE')
    else:
        connection.set_autocommit(False)
        execute('LOCK TABLE webapi_webapitoken IN ACCESS EXCLUSIVE MODE')


def lock_token(id):
    """Holds a token's row, until `unlock`."""
    connection.ensure_connection()
    connection.set_autocommit(False)
    execute('SELECT id FROM webapi_webapitoken WHERE id = %s FOR UPDATE', [id])


def count_connections():
    """How many connections others than this one have at the server."""
    with connection.cursor() as cursor:
        if connection.vendor == 'mysql':
            cursor.execute('SELECT COUNT(*) FROM information_schema.processlist'
                           " WHERE db = 'reviewboard' AND id <> CONNECTION_ID()")
        else:
            cursor.execute('SELECT pg_stat_clear_snapshot()')
            cursor.execute("SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'rbtoken'")
        return cursor.fetchone()[0]


def kill_connections():
    """Ends the connections that others than this one have at the server: how many."""
    with connection.cursor() as cursor:
        if connection.vendor == 'mysql':
            cursor.execute('SELECT id FROM information_schema.processlist'
                           " WHERE db = 'reviewboard' AND id <> CONNECTION_ID()")
            ids = [row[0] for row in cursor.fetchall()]
            for number in ids:
                cursor.execute(f'KILL {number}')
        else:
            cursor.execute('SELECT pg_terminate_backend(pid) FROM pg_stat_activity'
                           " WHERE application_name = 'rbtoken'")
            ids = cursor.fetchall()
        return len(ids)


def commit():
    """Keeps what was changed since a lock, which ends."""
    connection.commit()
    connection.set_autocommit(True)


def unlock():
    if connection.vendor == 'mysql':
        execute('UNLOCK TABLES')
    if connection.vendor == 'sqlite':
        execute('ROLLBACK')
    else:
        connection.rollback()
        connection.set_autocommit(True)


METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', '*']


def _rules(rng):
    rules = {}
    for name in rng.choice([['allow'], ['block'], ['allow', 'block']]):
        rules[name] = rng.sample(METHODS, rng.randint(0, 3))
    return rules


def _policy(rng):
    resources = {}
    if rng.random() < 0.6:
        resources['*'] = _rules(rng)
    for policy_id, ids in (('user', ['alice', '*']), ('review_request', ['999', '*']),
                           ('repository', ['*']), ('group', ['*'])):
        if rng.random() < 0.6:
            resources[policy_id] = {
                resource_id: _rules(rng)
                for resource_id in rng.sample(ids, rng.randint(1, len(ids)))
            }
    return {'resources': resources} if resources else {}


def make_tokens(count, seed, with_policies=False):
    """Makes tokens of every sort with Review Board's own functions, and tells their values."""
    rng = random.Random(seed)
    now = timezone.now()
    users = list(User.objects.filter(username__in=['alice', 'bob', 'carol']).order_by('username'))
    sites = [None, None, None] + list(
        LocalSite.objects.filter(name__in=['north', 'south']).order_by('name'))
    values = []
    for index in range(count):
        if with_policies:
            token = WebAPIToken.objects.generate_token(
                users[0], policy=_policy(rng), note=f'policy {index}',
                token_generator_id='vendor_checksum', token_info={'token_type': 'rbp'})
            values.append(token.token)
            continue
        user = rng.choice(users)
        site = rng.choice(sites)
        expires = rng.choice([
            None,
            now + datetime.timedelta(days=rng.randint(1, 400), microseconds=rng.randint(0, 999999)),
            now - datetime.timedelta(seconds=rng.randint(1, 10**8)),
        ])
        sort = rng.choice(['client', 'any', 'any', 'legacy'])
        if sort == 'client':
            token, _ = WebAPIToken.objects.get_or_create_client_token(
                user=user, client_name=f'client é {index}', local_site=site,
                **({} if expires is None else {'expires': expires}))
        else:
            # Policies must not deny the session resource, which is requested for the login.
            policy = _policy(rng)
            if policy:
                policy['resources']['session'] = {'*': {'allow': ['*']}}
            generator = 'legacy_sha1' if sort == 'legacy' else 'vendor_checksum'
            token = WebAPIToken.objects.generate_token(
                user, local_site=site, expires=expires, policy=policy,
                note=f'nöte "{index}"', extra_data={'a': [1, 2.5, None, 'é'], 'B': {}},
                token_generator_id=generator,
                token_info={'token_type': 'rbp', 'user': user, 'attempt': index})
        if rng.random() < 0.25:
            token = WebAPIToken.objects.get(pk=token.pk)
            token.valid = False
            token.invalid_date = now
            token.invalid_reason = rng.choice(['', f'lost {index}'])
            token.save()
        values.append(token.token)
    return values


def client_token(user, client_name, expires=None, policy=None, extra_data=None):
    """A client token of Review Board's own."""
    token, created = WebAPIToken.objects.get_or_create_client_token(
        user=User.objects.get(username=user), client_name=client_name,
        default_policy=policy or {}, default_extra_data=extra_data or {},
        **({} if expires is None else {'expires': datetime.datetime.fromtimestamp(expires, UTC)}))
    return {'value': token.token, 'created': created}


FUNCTIONS = [prepare, set_user_active, set_expiration, set_password, join_local_site, make_repository, serve, rows, save_all, execute, fetch, lock_user,
             lock_table, lock_token, count_connections, kill_connections, commit, unlock, make_tokens, client_token, make_documents]

if __name__ == '__main__':
    functions = {function.__name__: function for function in FUNCTIONS}
    for line in sys.stdin:
        arguments = json.loads(line)
        try:
            answer = {'answer': functions[arguments.pop('do')](**arguments)}
        except Exception as e:
            # Reconnects to a server that was stopped meanwhile.
            connection.close()
            answer = {'failure': f'{type(e).__name__}: {e}'}
        answers.write(json.dumps(answer) + '\n')
        answers.flush()
