"""A Review Board site that does what the tests ask for.

    python site.py SITE_DIRECTORY

Reads a request from each line of its input, a JSON object, and answers each with a line of JSON.
A request is the name of a function below, in `do`, and its arguments.
"""

import datetime
import json
import os
import random
import socketserver
import sqlite3
import sys
import threading
import wsgiref.simple_server

SITE_DIR = os.path.abspath(sys.argv[1])
os.environ['REVIEWBOARD_SITEDIR'] = SITE_DIR
# This runs in the environment that the site would otherwise activate.
os.environ['VIRTUAL_ENV'] = sys.prefix

# What the server prints is not an answer.
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

UTC = datetime.timezone.utc

# The tests fail to log in more often than a server puts up with.
settings.LOGIN_LIMIT_RATE = '1000000/s'


def prepare(users, local_sites):
    """No tokens, default settings, and these users and public Local Sites."""
    WebAPIToken.objects.all().delete()
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


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


class Handler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *args):
        pass

    def address_string(self):
        return self.client_address[0]


def serve():
    """The port on which the site answers requests from now on."""
    server = wsgiref.simple_server.make_server(
        '127.0.0.1', 0, application, server_class=Server, handler_class=Handler)
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


def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


def lock_user(user):
    """Holds what a new token of the user needs, until `unlock`."""
    connection.ensure_connection()
    if connection.vendor == 'sqlite':
        execute('BEGIN IMMEDIATE')
    else:
        connection.set_autocommit(False)
        list(User.objects.select_for_update().filter(username=user))


def unlock():
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
            # The session, which is asked for to log in, is no policy's to deny here.
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


FUNCTIONS = [prepare, set_user_active, set_expiration, serve, rows, save_all, execute, lock_user,
             unlock, make_tokens, client_token]

if __name__ == '__main__':
    functions = {function.__name__: function for function in FUNCTIONS}
    for line in sys.stdin:
        arguments = json.loads(line)
        try:
            answer = {'answer': functions[arguments.pop('do')](**arguments)}
        except Exception as e:
            # A server that was stopped in between is connected to anew.
            connection.close()
            answer = {'failure': f'{type(e).__name__}: {e}'}
        answers.write(json.dumps(answer) + '\n')
        answers.flush()
