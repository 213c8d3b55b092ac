"""RBTools and other clients of a Review Board behind the gateway. They share PostgreSQL's site."""

import base64
import datetime
import os
import re
import socket
import subprocess
import sys
import tempfile
import unittest

from support import ROOT, SITES, TIMEOUT, Gateway, Site, ask

READ_ONLY = {'resources': {'*': {'allow': ['GET'], 'block': ['*']}}}
NO_DELETE = {'resources': {'*': {'allow': ['*'], 'block': ['DELETE']}}}
# Of the connection rather than of the response, or different at each login.
NOT_COMPARED = {'date', 'server', 'connection', 'set-cookie'}


def git(*arguments, cwd=None):
    subprocess.run(['git', '-c', 'user.name=Alice', '-c', 'user.email=alice@example.com', '-c',
                    'init.defaultBranch=main', *arguments], check=True, cwd=cwd,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def part(method):
    """A form with `_method`."""
    return f'--xyz\r\nContent-Disposition: form-data; name="_method"\r\n\r\n{method}\r\n--xyz--\r\n'


def form_type(body):
    return ('multipart/form-data; boundary=xyz' if body.startswith('--xyz')
            else 'application/x-www-form-urlencoded')


class Client:
    """A person with a clone of the repository and RBTools."""

    def __init__(self, folder, origin, url):
        self.home = os.path.join(folder, 'home')
        self.work = os.path.join(folder, 'work')
        os.mkdir(self.home)
        git('clone', '-q', origin, self.work)
        with open(os.path.join(self.work, '.reviewboardrc'), 'w') as rc:
            rc.write(f'REVIEWBOARD_URL = "{url}"\nREPOSITORY = "work"\n')

    def commit(self, text):
        with open(os.path.join(self.work, 'file'), 'w') as file:
            file.write(text + '\n')
        git('commit', '-qam', text, cwd=self.work)

    def rbt(self, *arguments):
        program = os.path.join(os.path.dirname(sys.executable), 'rbt')
        return subprocess.run([program, *arguments], cwd=self.work, text=True,
                              env={**os.environ, 'HOME': self.home}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT)


@unittest.skipUnless(SITES, 'RBTOKEN_TEST_SITES is not set')
class WithReviewBoard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.site = Site()
        cls.gateway = Gateway(cls.site.url, '--location', cls.site.location, '--sessions',
                              os.path.join(cls.folder.name, 'sessions'), '--public-url',
                              'https://reviews.example.com', '--timeout', str(TIMEOUT))
        cls.site.join_local_site(user='alice', local_site='north')
        cls.site.set_password(user='alice', password='correct horse')

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.site.close()
        cls.folder.cleanup()

    def ask(self, method, path, headers=None, body=None):
        return ask(self.gateway.port, method, path, headers, body)

    def open_session(self, value, path='/api/session/'):
        response = self.ask('GET', path, {'Authorization': f'token {value}'})
        self.assertEqual(response.status, 200)
        self.assertIsNotNone(response.cookie)
        return {'Cookie': response.cookie}


class WithRBTools(WithReviewBoard):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        origin = os.path.join(cls.folder.name, 'origin.git')
        git('init', '-q', '--bare', origin)
        first = os.path.join(cls.folder.name, 'first')
        git('clone', '-q', origin, first)
        with open(os.path.join(first, 'file'), 'w') as file:
            file.write('zero\n')
        git('add', 'file', cwd=first)
        git('commit', '-qm', 'zero', cwd=first)
        git('push', '-q', 'origin', 'HEAD', cwd=first)
        cls.site.make_repository(name='work', path=origin)
        cls.clients = {}
        for name in ['alice', 'bob']:
            os.mkdir(os.path.join(cls.folder.name, name))
            cls.clients[name] = Client(os.path.join(cls.folder.name, name), origin, cls.gateway.url)

    def rbt(self, name, *arguments, status=0):
        result = self.clients[name].rbt(*arguments)
        self.assertEqual(result.returncode, status, result.stdout)
        return result.stdout

    def post(self, name, text):
        self.clients[name].commit(text)
        shown = self.rbt(name, 'post', '--publish', '--target-people', 'alice', 'HEAD')
        self.assertIn('posted', shown)
        return shown.split('#')[1].split(' ')[0]


class RBToolsTest(WithRBTools):
    def test_two_users_post_changes_across_a_restart(self):
        site = self.site
        alice = site.token('alice', 'RBTools')
        # Its forms are read by the gateway, because it may not use all methods.
        bob = site.token('bob', 'RBTools', policy=NO_DELETE)
        self.assertIn('logged in', self.rbt('alice', 'login', '--api-token', alice))
        self.assertIn('logged in', self.rbt('bob', 'login', '--api-token', bob))
        self.assertIn('/api/users/alice/', self.rbt('alice', 'api-get', '/session/'))
        self.assertIn('/api/users/bob/', self.rbt('bob', 'api-get', '/session/'))
        first = self.post('alice', 'Add one')
        self.assertIn('Add one', self.rbt('alice', 'api-get', f'/review-requests/{first}/'))
        second = self.post('bob', 'Add two')
        self.assertIn('Add two', self.rbt('bob', 'status'))

        self.gateway.restart()
        self.assertIn('Add one', self.rbt('alice', 'status'))
        self.assertIn('Add one', self.rbt('bob', 'api-get', f'/review-requests/{first}/'))
        self.clients['alice'].commit('Add one, again')
        self.assertIn('posted', self.rbt('alice', 'post', '-r', first, 'HEAD'))
        third = self.post('bob', 'Add three')
        self.assertEqual(len({first, second, third}), 3)

        # Bob's cookie is still good for the server, but not for the gateway.
        site.set_token(bob, 'valid = false')
        self.assertIn('Authentication is required', self.rbt('bob', 'status', status=1))

        self.assertIn('logged out', self.rbt('alice', 'logout'))
        self.assertIn('Authentication is required', self.rbt('alice', 'status', status=1))
        lines = [line for line in self.gateway.lines() if line['event'] == 'request']
        self.assertEqual({line['user'] for line in lines}, {'alice', 'bob', None})
        with open(self.gateway.log) as log:
            text = log.read()
        self.assertNotIn(alice, text)
        self.assertNotIn(bob, text)
        self.assertNotIn('rbsessionid', text)

    def test_password_opens_a_session(self):
        self.assertIn('logged in', self.rbt('alice', 'login', '--username', 'alice', '--password',
                                            'correct horse'))
        self.gateway.restart()
        self.assertIn('/api/users/alice/', self.rbt('alice', 'api-get', '/session/'))
        self.assertIn('logged out', self.rbt('alice', 'logout'))


class PageTest(WithRBTools):
    """The commands of docs/gateway.md run word for word, except for addresses."""

    def test_commands_of_the_page(self):
        page = (ROOT / 'docs/gateway.md').read_text()
        first, *blocks = re.findall(r'^```sh,gateway\n(.*?)^```', page, re.M | re.S)
        self.assertEqual(len(blocks), 3)
        self.assertEqual(re.findall(r'^export (\w+)=', first, re.M), ['UPSTREAM', 'DATABASE'])
        script = 'set -e\n' + ''.join(blocks)
        for port in ['8081', '8082']:
            with socket.create_server(('127.0.0.1', 0)) as free:
                script = script.replace(f':{port}', f':{free.getsockname()[1]}')
        home = os.path.join(self.folder.name, 'home')
        os.mkdir(home)
        environment = {
            **os.environ, 'HOME': home, 'UPSTREAM': self.site.url,
            'DATABASE': self.site.location, 'TOKEN': self.site.token('alice', 'of the page'),
            'REPOSITORY': os.path.join(self.folder.name, 'origin.git'), 'REVIEWER': 'bob',
            # Not optimized, which would take minutes.
            'PROFILE': 'dev',
            'CARGO_HOME': os.environ.get('CARGO_HOME', os.path.expanduser('~/.cargo')),
            'RUSTUP_HOME': os.environ.get('RUSTUP_HOME', os.path.expanduser('~/.rustup')),
            'PATH': os.path.dirname(sys.executable) + ':' + os.environ['PATH'],
            **{f'GIT_{role}_{part}': f'alice@example.com' for role in ['AUTHOR', 'COMMITTER']
               for part in ['NAME', 'EMAIL']}}
        result = subprocess.run(['bash', '-c', script], cwd=ROOT, env=environment, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=2 * TIMEOUT)
        self.assertEqual(result.returncode, 0, result.stdout)
        for expected in ['listening on 127.0.0.1:', 'logged in', '/api/users/alice/', 'posted',
                         'Add a line', 'logged out', '"status":201', 'ok\n',
                         'rbtoken_gateway_requests_total']:
            self.assertIn(expected, result.stdout)


class ComparisonTest(WithReviewBoard):
    """The gateway responds as the server does when it is asked directly."""

    def setUp(self):
        site = self.site
        self.tokens = {name: site.token('alice', name) for name in
                       ['good', 'expired', 'revoked', 'reasonless', 'north']}
        self.tokens['read-only'] = site.token('alice', 'read-only', policy=READ_ONLY)
        self.tokens['unknown'] = 'rbp_unknown'
        site.set_token(self.tokens['expired'], "expires = '2025-07-01 13:05:00+00'")
        site.set_token(self.tokens['revoked'], "valid = false, invalid_reason = 'It was \"lost\".',"
                                               " invalid_date = '2026-09-02 00:00:00+00'")
        site.set_token(self.tokens['reasonless'], 'valid = false, invalid_date = now()')
        site.set_token(self.tokens['north'], 'local_site_id = (SELECT id FROM site_localsite'
                                             " WHERE name = 'north')")

    def compare(self, name, method, path, body=None):
        headers = {'Authorization': f'token {self.tokens[name]}', 'Host': '127.0.0.1'}
        if body is not None:
            headers['Content-Type'] = form_type(body)
        direct, through = (ask(port, method, path, headers, body)
                           for port in [self.site.port, self.gateway.port])
        with self.subTest(name=name, method=method, path=path):
            self.assertEqual(through.status, direct.status)
            self.assertEqual(through.body, direct.body)
            self.assertEqual(*({(key.lower(), value) for key, value in response.headers.items()
                                if key.lower() not in NOT_COMPARED}
                               for response in [through, direct]))
        return through.status

    def test_refusals_are_the_same(self):
        for name in ['expired', 'revoked', 'reasonless', 'unknown']:
            self.assertEqual(self.compare(name, 'GET', '/api/session/'), 401)
            self.assertEqual(self.compare(name, 'GET', '/s/north/api/'), 401)
            self.assertEqual(self.compare(name, 'POST', '/api/review-requests/', 'a=1'), 401)
            self.assertEqual(self.compare(name, 'PUT', '/api/review-requests/1/', 'a=1'), 401)
            self.assertEqual(self.compare(name, 'DELETE', '/api/session/'), 401)
        self.assertEqual(self.compare('north', 'GET', '/api/session/'), 403)
        self.assertEqual(self.compare('north', 'POST', '/api/review-requests/', 'a=1'), 403)
        self.assertEqual(self.compare('north', 'GET', '/s/south/api/'), 403)
        self.assertEqual(self.compare('read-only', 'POST', '/api/review-requests/', 'a=1'), 403)
        self.assertEqual(self.compare('read-only', 'POST', '/api/review-requests/', '_method=PUT'),
                         403)
        self.assertEqual(self.compare('read-only', 'DELETE', '/api/session/'), 403)

    def test_responses_are_the_same(self):
        for name in ['good', 'read-only']:
            self.assertEqual(self.compare(name, 'GET', '/api/'), 200)
            self.assertEqual(self.compare(name, 'GET', '/api/users/nobody/'), 404)
            self.assertEqual(self.compare(name, 'GET', '/api/search/alice/'), 200)
            self.assertEqual(self.compare(name, 'GET', '/api/users/?counts-only=1'), 200)
        self.assertEqual(self.compare('north', 'GET', '/s/north/api/'), 200)
        self.assertEqual(self.compare('good', 'POST', '/api/validation/diffs/', 'a=1'), 400)
        for name in ['good', 'read-only']:
            self.assertEqual(self.compare(name, 'POST', '/api/session/', '_method=GET'), 200)
            self.assertEqual(self.compare(name, 'POST', '/api/session/', part('GET') + '\r\n'), 200)
        self.assertEqual(self.compare('read-only', 'POST', '/api/session/', part('DELETE')), 403)

    def test_server_uses_the_last_method_of_a_form(self):
        """The gateway appends the method that it has judged, also after the end of a form."""
        headers = {'Authorization': f'token {self.tokens["good"]}'}
        for body in ['_method=DELETE&_method=GET', part('DELETE') + '\r\n' + part('GET'),
                     part('DELETE') + 'anything' + '\r\n' + part('GET')]:
            response = ask(self.site.port, 'POST', '/api/session/',
                           {**headers, 'Content-Type': form_type(body)}, body)
            self.assertEqual(response.status, 200, body)
            self.assertEqual(response.json['stat'], 'ok')


class SessionTest(WithReviewBoard):
    def test_session_of_a_revoked_token_is_refused(self):
        value = self.site.token('alice', 'revoked later')
        session = self.open_session(value)
        self.assertEqual(self.ask('GET', '/api/session/', session).status, 200)
        self.site.set_token(value, "valid = false, invalid_reason = 'stolen'")
        response = self.ask('GET', '/api/session/', session)
        self.assertEqual(response.status, 401)
        self.assertIn('became invalid', response.json['err']['msg'])
        self.assertEqual(self.ask('POST', '/api/review-requests/', session, 'a=1').status, 401)
        # The server would go on.
        self.assertTrue(ask(self.site.port, 'GET', '/api/session/', session)
                        .json['session']['authenticated'])

    def test_session_of_an_expired_token_is_refused(self):
        value = self.site.token('alice', 'expires later')
        session = self.open_session(value)
        self.site.set_token(value, "expires = '2025-07-01 13:05:00+00'")
        response = self.ask('GET', '/api/session/', session)
        self.assertEqual(response.status, 401)
        self.assertIn('expired', response.json['err']['msg'])

    def test_session_of_a_deleted_token_is_refused(self):
        value = self.site.token('alice', 'deleted later')
        session = self.open_session(value)
        self.site.delete_token(value)
        self.assertEqual(self.ask('GET', '/api/session/', session).status, 401)
        other = self.site.token('alice', 'deleted while the gateway is stopped')
        session = self.open_session(other)
        self.site.delete_token(other)
        self.gateway.restart()
        self.assertEqual(self.ask('GET', '/api/session/', session).status, 401)

    def test_session_of_an_inactive_user_is_refused(self):
        session = self.open_session(self.site.token('bob', 'of an inactive user'))
        self.site.set_user_active(user='bob', active=False)
        self.assertEqual(self.ask('GET', '/api/session/', session).status, 401)
        self.site.set_user_active(user='bob', active=True)
        self.assertEqual(self.ask('GET', '/api/session/', session).status, 200)

    def test_session_has_the_policy_of_its_token_as_it_is_now(self):
        value = self.site.token('alice', 'restricted later')
        session = self.open_session(value)
        form = {**session, 'Content-Type': 'application/x-www-form-urlencoded'}
        self.assertEqual(self.ask('POST', '/api/validation/diffs/', form, 'a=1').status, 400)
        self.site.set_token(value, """policy = '{"resources": {"*": {"allow": ["GET"],"""
                                   """ "block": ["*"]}}}'""")
        self.assertEqual(self.ask('POST', '/api/validation/diffs/', form, 'a=1').status, 403)
        self.assertEqual(self.ask('GET', '/api/session/', session).status, 200)

    def test_session_stays_one_of_the_token_that_opened_it(self):
        session = self.open_session(self.site.token('alice', 'reads', policy=READ_ONLY))
        value = self.site.token('alice', 'writes')
        response = self.ask('GET', '/api/session/', {**session, 'Authorization': f'token {value}'})
        self.assertNotEqual(response.cookie, session['Cookie'])
        form = {**session, 'Content-Type': 'application/x-www-form-urlencoded'}
        self.assertEqual(self.ask('POST', '/api/validation/diffs/', form, 'a=1').status, 403)

    def test_session_has_the_local_site_of_its_token(self):
        value = self.site.token('alice', 'of north')
        self.site.set_token(value, "local_site_id = (SELECT id FROM site_localsite"
                                   " WHERE name = 'north')")
        session = self.open_session(value, '/s/north/api/')
        self.assertEqual(self.ask('GET', '/s/north/api/session/', session).status, 200)
        self.assertEqual(self.ask('GET', '/s/south/api/session/', session).status, 403)
        self.assertEqual(self.ask('GET', '/api/session/', session).status, 403)

    def test_unknown_session_is_refused(self):
        value = self.site.token('alice', 'beside the gateway')
        direct = ask(self.site.port, 'GET', '/api/session/', {'Authorization': f'token {value}'})
        for cookie in [direct.cookie, 'rbsessionid=' + 'a' * 32]:
            response = self.ask('GET', '/api/session/', {'Cookie': cookie})
            self.assertEqual(response.status, 401)
            self.assertEqual(response.json['err']['code'], 103)

    def test_session_ends_at_logout(self):
        session = self.open_session(self.site.token('alice', 'logs out'))
        other = self.open_session(self.site.token('alice', 'stays'))
        self.assertEqual(self.ask('DELETE', '/api/session/', session).status, 204)
        self.assertEqual(self.ask('GET', '/api/session/', session).status, 401)
        self.gateway.restart()
        self.assertEqual(self.ask('GET', '/api/session/', session).status, 401)
        self.assertEqual(self.ask('GET', '/api/session/', other).status, 200)

    def test_password_is_checked_by_the_server(self):
        def basic(text):
            return {'Authorization': 'Basic ' + base64.b64encode(text.encode()).decode()}

        response = self.ask('GET', '/api/session/', basic('alice:wrong'))
        self.assertEqual(response.status, 401)
        self.assertIsNone(response.cookie)
        response = self.ask('GET', '/api/session/', basic('alice:correct horse'))
        self.assertEqual(response.status, 200)
        session = {'Cookie': response.cookie}
        self.assertTrue(self.ask('GET', '/api/session/', session).json['session']['authenticated'])
        # The server would not check the password of a request with the user's session.
        self.assertEqual(self.ask('GET', '/api/session/', {**session, **basic('alice:wrong')})
                         .status, 401)

    def test_revoked_token_is_not_helped_by_its_session(self):
        value = self.site.token('alice', 'with a session')
        session = self.open_session(value)
        self.site.set_token(value, 'valid = false')
        for header in [f'token {value}', 'token a b', 'token', 'Digest a', 'Bearer a', 'Basic !',
                       'Basic YWxpY2U=', 'Basic ' + base64.b64encode(b'alice:x').decode()]:
            with self.subTest(header=header):
                response = self.ask('GET', '/api/session/', {**session, 'Authorization': header})
                self.assertEqual(response.status, 401)

    def test_cached_logins_end_with_their_time(self):
        settings = '{"login_cache_secs": 3600, "last_used_interval_secs": 3600}'
        value = self.site.token('alice', 'cached')
        with Gateway(self.site.url, '--location', self.site.location, '--settings',
                     settings, '--timeout', str(TIMEOUT)) as gateway:
            response = ask(gateway.port, 'GET', '/api/session/',
                           {'Authorization': f'token {value}'})
            session = {'Cookie': response.cookie}
            self.assertEqual(ask(gateway.port, 'GET', '/api/session/', session).status, 200)
            self.site.set_token(value, 'valid = false')
            # As the setting says, the gateway does not know yet.
            self.assertEqual(ask(gateway.port, 'GET', '/api/session/', session).status, 200)
            soon = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
            self.site.set_token(value, f"last_used = '{soon.isoformat()}'")
            gateway.restart()
            self.assertEqual(ask(gateway.port, 'GET', '/api/session/', session).status, 401)


if __name__ == '__main__':
    unittest.main(verbosity=2)
