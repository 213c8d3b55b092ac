"""The gateway as a program: options, start failures, signals, the log, the second address, and the
files that it keeps."""

import hashlib
import os
import pathlib
import re
import resource
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

from support import GATEWAY, ROUTES, TIMEOUT, Gateway, Upstream, ask

GOOD = {'Authorization': 'token good'}
OPTIONS = ['--location', '--settings', '--tokens', '--sessions', '--routes', '--public-url',
           '--listen', '--metrics-listen', '--log', '--verbose', '--timeout', '--upstream', '--upstream-ca',
           '--help']


class ProgramTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.tokens = self.write('tokens', 'alice\tgood\t-\t-\t-\t-\n')
        self.upstream = Upstream(self.respond)
        self.addCleanup(self.upstream.close)

    def respond(self, request):
        if '?session=' in request.path:
            name = request.path.split('=')[1]
            return 200, [('Set-Cookie', f'rbsessionid={name}; Path=/')], b'here'
        return 200, [], b'here'

    def write(self, name, text, mode=0o600):
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def gateway(self, *options, **more):
        gateway = Gateway(self.upstream.url, '--tokens', self.tokens, *options, **more)
        self.addCleanup(gateway.__exit__)
        return gateway

    def fail_to_start(self, *options, upstream='http://127.0.0.1:1'):
        """The message of a gateway that does not start."""
        result = subprocess.run(
            [GATEWAY, '--upstream', upstream, '--routes', str(ROUTES), '--listen', '127.0.0.1:0',
             *options], capture_output=True, text=True, timeout=TIMEOUT)
        self.assertIn(result.returncode, [1, 2], result)
        self.assertRegex(result.stderr, r'\Arbtoken-gateway: .*\n\Z')
        return result.stderr.removeprefix('rbtoken-gateway: ').rstrip('\n')


class StartTest(ProgramTest):
    def test_help_explains_each_option(self):
        result = subprocess.run([GATEWAY, '--help'], capture_output=True, text=True,
                                timeout=TIMEOUT)
        self.assertEqual((result.returncode, result.stderr), (0, ''))
        explained = re.findall(r'^  (--[a-z-]+)', result.stdout, re.M)
        self.assertEqual(sorted(explained), sorted(OPTIONS))
        self.assertLessEqual(max(map(len, result.stdout.splitlines())), 100)

    def test_options_that_cannot_be_used_are_named(self):
        for options, expected in [
                (['--nothing'], '--nothing: unknown option; see --help'),
                (['-xy'], '-x: unknown option; see --help'),
                (['--listen'], '--listen: needs a value; see --help'),
                (['here'], 'here: unexpected argument; see --help'),
                (['--timeout', '0'], '--timeout: expected a number of seconds from 1 to 3600'),
                (['--timeout', '3s'], '--timeout: expected a number of seconds from 1 to 3600'),
                (['--listen', '8080'], '--listen: 8080: expected HOST:PORT'),
                (['--listen', '127.0.0.1:70000'],
                 '--listen: 127.0.0.1:70000: expected HOST:PORT'),
                (['--upstream', 'ftp://host'],
                 '--upstream: expected a URL that begins with http:// or https://'),
                (['--upstream', 'http://a:99999'],
                 '--upstream: the URL has a malformed host or port'),
                (['--upstream', 'http://a:b'], '--upstream: the URL has a malformed host or port'),
                (['--upstream', 'http://'], '--upstream: the URL has no host'),
                (['--public-url', 'https://a/\r\nX-A: 1'],
                 '--public-url: a URL must not have white space, a query, a fragment or special '
                 'characters'),
                (['--sessions', 'file'],
                 '--sessions: needs --location: ids of tokens in memory change at each start')]:
            with self.subTest(options=options):
                self.assertEqual(self.fail_to_start(*options), expected)
        result = subprocess.run([GATEWAY], capture_output=True, text=True, timeout=TIMEOUT)
        self.assertEqual(result.returncode, 2)
        self.assertEqual(result.stderr,
                         'rbtoken-gateway: --upstream: must be given; see --help\n')

    def test_files_that_cannot_be_used_are_named(self):
        missing = str(self.folder / 'missing')
        self.assertEqual(self.fail_to_start('--routes', missing),
                         f'--routes: {missing}: No such file or directory')
        self.assertEqual(self.fail_to_start('--tokens', missing),
                         f'--tokens: {missing}: No such file or directory')
        self.assertEqual(self.fail_to_start('--upstream-ca', missing),
                         f'--upstream-ca: {missing}: No such file or directory')
        log = str(self.folder / 'no' / 'log')
        self.assertEqual(self.fail_to_start('--log', log),
                         f'{log}: the log cannot be opened: No such file or directory')
        self.assertIn('the store of --location cannot be opened: ',
                      self.fail_to_start('--location', str(self.folder / 'no' / 'store')))
        secret = self.fail_to_start('--location', 'postgresql://user:s3cret@127.0.0.1:1/database')
        self.assertIn('the store of --location cannot be opened: ', secret)
        self.assertNotIn('s3cret', secret)
        self.assertIn('the store of --location cannot be opened: ',
                      self.fail_to_start('--settings', '{'))

    def test_lines_that_cannot_be_read_are_numbered(self):
        for name, option, text, expected in [
                ('routes', '--routes', '# comment\n\n/a b\nc d\n', 'a path must begin with `/`'),
                ('routes', '--routes', '# comment\n\n/a b\n/c\n', 'expected a path and a policy id'),
                ('routes', '--routes', '# comment\n\n/a b\n/c d e\n',
                 'expected a path and a policy id'),
                ('routes', '--routes', '# comment\n\n/a b\n/' + 'c' * 200 + ' d\n',
                 'the path or the policy id is too long'),
                ('tokens', '--tokens', 'a\tb\t-\t-\t-\t-\n' * 3 + 'a\tb\n',
                 'a token has six fields, which are separated by tabs'),
                ('tokens', '--tokens', 'a\tb\t-\t-\t-\t-\n' * 3 + 'a\tc\t-\tsoon\t-\t-\n',
                 'the expiration must be microseconds since 1970, or `-`')]:
            with self.subTest(text=text):
                file = self.write(name, text)
                self.assertEqual(self.fail_to_start(option, file), f'{file}:4: {expected}')
        file = self.write('routes', '# nothing\n')
        self.assertEqual(self.fail_to_start('--routes', file), f'{file}: has no paths')
        file = self.write('tokens', 'a\tb\t-\t-\t-\t{"resources": 1}\n')
        self.assertTrue(self.fail_to_start('--tokens', file).startswith(f'{file}:1: '))

    def test_busy_port_is_named(self):
        with socket.create_server(('127.0.0.1', 0)) as busy:
            address = f'127.0.0.1:{busy.getsockname()[1]}'
            self.assertEqual(self.fail_to_start('--listen', address),
                             f'--listen: {address}: Address already in use')
            self.assertEqual(self.fail_to_start('--metrics-listen', address),
                             f'--metrics-listen: {address}: Address already in use')


class SessionFileTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.file = str(self.folder / 'sessions')
        self.options = ['--location', str(self.folder / 'store'), '--sessions', self.file]

    def ask(self, gateway, cookie):
        return ask(gateway.port, 'GET', '/api/', {'Cookie': f'rbsessionid={cookie}'}).status

    def open(self, gateway, cookie):
        self.assertEqual(ask(gateway.port, 'GET', f'/api/?session={cookie}', GOOD).status, 200)

    def test_sessions_survive_a_restart_and_a_kill(self):
        gateway = self.gateway(*self.options)
        self.open(gateway, 'first')
        gateway.restart()
        self.open(gateway, 'second')
        gateway.process.kill()
        gateway.process.communicate()
        with open(self.file, 'a') as file:
            file.write('0' * 40)  # A line that was being written.
        gateway.start()
        gateway.process.send_signal(signal.SIGHUP)
        self.assertEqual([self.ask(gateway, name) for name in ['first', 'second', 'third']],
                         [200, 200, 401])

    def test_file_has_no_cookie_and_is_private(self):
        self.addCleanup(os.umask, os.umask(0))
        gateway = self.gateway(*self.options)
        self.open(gateway, 'abcdef')
        gateway.restart()
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o600)
        text = pathlib.Path(self.file).read_text()
        self.assertRegex(text, r'\A[0-9a-f]{64} 1\n\Z')
        self.assertNotIn('abcdef', text)

    def test_sessions_are_bounded(self):
        def line(number):
            return hashlib.sha256(b'%d' % number).hexdigest() + ' 1\n'

        self.write('sessions', ''.join(map(line, range(12_000))))
        gateway = self.gateway(*self.options)
        self.assertEqual(gateway.metrics()['rbtoken_gateway_sessions'], '10000')
        self.open(gateway, 'another')
        self.assertEqual(gateway.metrics()['rbtoken_gateway_sessions'], '10000')
        gateway.restart()
        lines = pathlib.Path(self.file).read_text().splitlines(True)
        self.assertEqual(len(lines), 10_000)
        self.assertEqual(lines[0], line(2001))

    def test_file_that_others_can_write_is_refused(self):
        for mode in [0o620, 0o602, 0o640, 0o604]:
            self.write('sessions', '', mode)
            self.assertEqual(self.fail_to_start(*self.options),
                             f'{self.file}: must have the mode 0600')

    def test_link_is_refused(self):
        os.symlink(self.write('another', ''), self.file)
        self.assertRegex(self.fail_to_start(*self.options), 'sessions: cannot be opened: ')
        os.unlink(self.file)
        os.mkdir(self.file)
        self.assertRegex(self.fail_to_start(*self.options), 'sessions: cannot be opened: ')

    @unittest.skipIf(os.getuid() != 0, 'only root can give a file away')
    def test_file_of_another_user_is_refused(self):
        os.chown(self.write('sessions', ''), 65534, 65534)
        self.assertEqual(self.fail_to_start(*self.options),
                         f'{self.file}: belongs to another user')

    def test_malformed_lines_are_numbered(self):
        key = '0' * 64
        for line in ['', key, f'{key} ', f'{key} 0', f'{key} -1', f'{key} 1x', f'{key}  1',
                     f'{key[1:]}g 1', f'{key} Password', f'{key} 99999999999999999999',
                     f'{key} 1 1', f'{key.replace("0", "A")} 1', 'x' * 500]:
            self.write('sessions', f'{key} password\n{line}\n')
            with self.subTest(line=line):
                self.assertEqual(self.fail_to_start(*self.options),
                                 f'{self.file}:2: is not a line of a file of sessions')

    def test_file_is_used_by_one_gateway(self):
        self.gateway(*self.options)
        self.assertEqual(self.fail_to_start('--sessions', self.file, '--location',
                                            str(self.folder / 'second')),
                         f'{self.file}: is used by another process')

    def test_line_that_cannot_be_written_completely_is_removed(self):
        gateway = self.gateway(*self.options, '--log', '/dev/null')
        self.open(gateway, 'first')
        size = os.path.getsize(self.file)
        process, none = gateway.process, resource.RLIM_INFINITY
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size + 10, none))
        self.open(gateway, 'second')
        self.assertEqual(self.ask(gateway, 'second'), 200)
        self.assertEqual(os.path.getsize(self.file), size)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (none, none))
        self.open(gateway, 'third')
        process.terminate()
        _, errors = process.communicate(timeout=TIMEOUT)
        self.assertEqual(errors, f'rbtoken-gateway: {self.file}: cannot be written: No space left '
                                 'on device\n')
        gateway.start()
        self.assertEqual([self.ask(gateway, name) for name in ['first', 'second', 'third']],
                         [200, 401, 200])

    def test_file_that_cannot_be_written_does_not_stop_a_session(self):
        if not os.path.exists('/dev/full'):
            self.skipTest('there is no /dev/full')
        self.assertEqual(self.fail_to_start('--location', str(self.folder / 'second'),
                                            '--sessions', '/dev/full'),
                         '/dev/full: is not a file')


class ServiceTest(ProgramTest):
    def test_requests_are_logged_without_secrets(self):
        gateway = self.gateway('--public-url', 'https://reviews.example.com')
        ask(gateway.port, 'GET', '/api/users/alice/?api_token=good&session=mine', GOOD)
        ask(gateway.port, 'GET', '/api/', {'Authorization': 'token "\\\x9bunknown'.encode('latin-1')})
        ask(gateway.port, 'GET', '/r/1/')
        ask(gateway.port, 'GET', '/api/', {'Authorization': 'Basic YWxpY2U6c2VjcmV0'})
        gateway.stop()
        start, first, second, third, fourth, end = gateway.lines()
        self.assertEqual([start['event'], end['event']], ['start', 'end'])
        self.assertEqual({key: first[key] for key in first if key not in ['time', 'microseconds']},
                         {'event': 'request', 'client': '127.0.0.1', 'method': 'GET',
                          'path': '/api/users/alice/', 'outcome': 'forwarded', 'status': 200,
                          'credentials': 'token', 'user': 'alice', 'token': first['token'],
                          'local_site': None, 'policy_id': 'user', 'resource_id': 'alice',
                          'reason': None, 'error': None})
        self.assertRegex(first['time'], r'\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z')
        self.assertNotIn('good', first['token'])
        self.assertEqual([second['outcome'], second['status'], second['user'], second['reason']],
                         ['refused', 401, None, 'The username or password was not correct'])
        self.assertEqual([third['outcome'], third['status'], third['credentials']],
                         ['redirected', 302, 'none'])
        self.assertEqual([fourth['outcome'], fourth['credentials']], ['forwarded', 'password'])
        text = pathlib.Path(gateway.log).read_text()
        for secret in ['token good', 'api_token', 'unknown', 'YWxp', 'secret', 'rbsessionid']:
            self.assertNotIn(secret, text)

    def test_long_and_odd_texts_stay_lines_of_json(self):
        gateway = self.gateway()
        for path in ['/api/' + 'a' * 9000, '/api/%22%0a%5c%ff%c3%a4%00b', '/api/' + '%22' * 2000]:
            self.assertEqual(ask(gateway.port, 'GET', path, GOOD).status, 404)
        self.assertEqual(len(gateway.lines()), 4)

    def test_second_address_has_health_and_metrics(self):
        gateway = self.gateway()
        for headers in [GOOD, GOOD, {}]:
            ask(gateway.port, 'GET', '/api/?session=mine', headers)
        health = ask(gateway.metrics_port, 'GET', '/healthz')
        self.assertEqual((health.status, health.text), (200, 'ok\n'))
        self.assertEqual(ask(gateway.metrics_port, 'GET', '/api/').status, 404)
        self.assertEqual(ask(gateway.port, 'GET', '/metrics').status, 404)
        # A request ends shortly after its response.
        while (metrics := gateway.metrics())['rbtoken_gateway_requests_in_flight'] != '0':
            time.sleep(0.02)
        self.assertEqual(metrics['rbtoken_gateway_requests_total{outcome="forwarded"}'], '2')
        self.assertEqual(metrics['rbtoken_gateway_requests_total{outcome="refused"}'], '2')
        self.assertEqual(metrics['rbtoken_gateway_responses_total{status="4xx"}'], '2')
        self.assertEqual(metrics['rbtoken_gateway_request_seconds_count'], '4')
        self.assertEqual(metrics['rbtoken_gateway_sessions'], '1')
        text = ask(gateway.metrics_port, 'GET', '/metrics').text
        for line in text.splitlines():
            self.assertRegex(line, r'\A(# (HELP|TYPE) rbtoken_gateway_[a-z_]+ .+|'
                                   r'rbtoken_gateway_[a-z_]+(\{[a-z]+="[a-z_0-9]+"\})? [0-9.]+)\Z')

    def test_messages_of_the_library_are_counted_and_logged(self):
        name = 'rbtoken_gateway_library_messages_total{level="debug"}'
        for options, expected in [([], []), (['--verbose'], ['was used'])]:
            gateway = self.gateway(*options)
            before = int(gateway.metrics()[name])
            ask(gateway.port, 'GET', '/api/', GOOD)
            self.assertEqual(int(gateway.metrics()[name]), before + 1)
            messages = [line['message'] for line in gateway.lines() if line['event'] == 'library']
            self.assertEqual([message[-8:] for message in messages][-1:], expected)
            self.assertNotIn('good', str(messages))

    def wait_for_line(self, gateway, event, count):
        deadline = time.monotonic() + TIMEOUT
        while sum(line['event'] == event for line in gateway.lines()) < count:
            self.assertLess(time.monotonic(), deadline, event)
            time.sleep(0.02)

    def test_hangup_reads_routes_and_opens_the_log_again(self):
        routes = self.write('routes', '/ root\n')
        gateway = self.gateway('--routes', routes)
        self.assertEqual(ask(gateway.port, 'GET', '/api/info/', GOOD).status, 404)
        self.write('routes', '/ root\n/info server_info\n')
        gateway.process.send_signal(signal.SIGHUP)
        self.wait_for_line(gateway, 'reload', 1)
        self.assertEqual(ask(gateway.port, 'GET', '/api/info/', GOOD).status, 200)
        os.rename(gateway.log, gateway.log + '.1')
        gateway.process.send_signal(signal.SIGHUP)
        while not os.path.exists(gateway.log):
            time.sleep(0.02)
        self.wait_for_line(gateway, 'reload', 1)
        # Routes with a fault are reported, and the old ones are kept.
        self.write('routes', 'nothing\n')
        gateway.process.send_signal(signal.SIGHUP)
        self.wait_for_line(gateway, 'reload', 2)
        self.assertEqual(ask(gateway.port, 'GET', '/api/info/', GOOD).status, 200)
        self.assertIn('failed', gateway.lines()[1]['outcome'])
        gateway.process.terminate()
        _, errors = gateway.process.communicate(timeout=TIMEOUT)
        self.assertEqual(gateway.process.returncode, 0)
        self.assertIn(f'{routes}:1: a path must begin with `/`', errors)

    def terminate_within_request(self, *options):
        """Sends the signal to a gateway whose upstream holds a request until an event is set.
        Returns the gateway, the event, the thread that sends the request, and its responses."""
        begun, goes_on = threading.Event(), threading.Event()
        self.addCleanup(goes_on.set)

        def respond(request):
            begun.set()
            goes_on.wait(2 * TIMEOUT)
            return 200, [], b'late'

        self.upstream.respond = respond
        gateway = self.gateway(*options)
        responses = []
        thread = threading.Thread(target=lambda: responses.append(
            ask(gateway.port, 'GET', '/api/', GOOD)))
        thread.start()
        self.assertTrue(begun.wait(TIMEOUT))
        gateway.process.terminate()
        while ask(gateway.metrics_port, 'GET', '/healthz').status == 200:
            time.sleep(0.02)
        return gateway, goes_on, thread, responses

    def test_termination_waits_for_requests(self):
        gateway, goes_on, thread, responses = self.terminate_within_request()
        goes_on.set()
        thread.join(TIMEOUT)
        self.assertEqual([response.body for response in responses], [b'late'])
        _, errors = gateway.process.communicate(timeout=TIMEOUT)
        self.assertEqual((gateway.process.returncode, errors), (0, ''))

    def test_second_signal_ends_requests(self):
        gateway, _, thread, responses = self.terminate_within_request('--timeout', '3600')
        gateway.process.terminate()
        gateway.process.communicate(timeout=TIMEOUT)
        self.assertEqual(gateway.process.returncode, 0)
        thread.join(TIMEOUT)
        self.assertEqual([response.status for response in responses], [502])

    def test_certificate_of_the_upstream_is_verified(self):
        for name in ['server', 'other']:
            subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days',
                            '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
                            '-keyout', self.folder / f'{name}.key', '-out',
                            self.folder / f'{name}.pem'], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / 'server.pem', self.folder / 'server.key')
        self.upstream.wrap = lambda peer: context.wrap_socket(peer, server_side=True)
        for options, host, expected in [([], 'localhost', 502),
                                        (['--upstream-ca', 'other.pem'], 'localhost', 502),
                                        (['--upstream-ca', 'server.pem'], '127.0.0.1', 502),
                                        (['--upstream-ca', 'server.pem'], 'localhost', 200)]:
            options = [str(self.folder / it) if it.endswith('.pem') else it for it in options]
            with Gateway(f'https://{host}:{self.upstream.port}', '--tokens', self.tokens,
                         *options) as gateway:
                self.assertEqual(ask(gateway.port, 'GET', '/api/', GOOD).status, expected)
                error = gateway.lines()[1]['error']
                self.assertEqual(error is None, expected == 200, error)


if __name__ == '__main__':
    unittest.main(verbosity=2)
