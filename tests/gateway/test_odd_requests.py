"""Requests that no well-behaved client sends: each of the table in docs/gateway.md."""

import contextlib
import os
import pathlib
import socket
import tempfile
import threading
import time
import unittest

from support import ROOT, TIMEOUT, Gateway, Upstream, ask, ask_raw

TOKENS = ('alice\tgood\t-\t-\t-\t-\n'
          'alice\tother\t-\t-\t-\t-\n'
          'alice\trevoked\t-\t-\tlost\t-\n'
          'alice\tnoput\t-\t-\t-\t{"resources": {"*": {"allow": ["*"], "block": ["PUT"]}}}\n')
GOOD = {'Authorization': 'token good'}
NO_PUT = {'Authorization': 'token noput'}
FORM = 'application/x-www-form-urlencoded'
GIBIBYTE = 1 << 30


def message(*lines, body=b''):
    """A request on a connection that is closed after it."""
    return '\r\n'.join([*lines, 'Connection: close', '', '']).encode('latin-1') + body


def status_of(received):
    return int(received.split(b' ', 2)[1]) if received else None


class OddRequestsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        tokens = os.path.join(self.folder.name, 'tokens')
        pathlib.Path(tokens).write_text(TOKENS)
        self.upstream = Upstream(self.respond)
        self.addCleanup(self.upstream.close)
        self.options = ['--tokens', tokens, '--timeout', '2']
        self.gateway = Gateway(self.upstream.url, *self.options)
        self.addCleanup(self.gateway.__exit__)

    def respond(self, request):
        headers = []
        if '?session=' in request.path:
            headers = [('Set-Cookie', f'rbsessionid={request.path.split("=")[1]}; Path=/')]
        return 200, headers, b'here'

    def ask(self, method, path, headers=None, body=None):
        return ask(self.gateway.port, method, path, headers, body)

    def raw(self, *lines, body=b''):
        return ask_raw(self.gateway.port, message(*lines, body=body))

    def assert_refused(self, received, status):
        """The gateway responded itself, and the upstream saw nothing."""
        self.assertEqual(status_of(received), status, received)
        self.assertEqual(self.upstream.requests, [])

    def test_two_authorization_headers(self):
        for second in ['token good', 'token revoked', 'Basic YTpi', '']:
            self.assert_refused(self.raw('GET /api/ HTTP/1.1', 'Host: a',
                                         'Authorization: token good',
                                         f'authorization: {second}'), 400)

    def test_headers_that_two_servers_could_read_differently(self):
        for line in ['Authorization : token good', 'Authori\x01zation: a', 'Content-Length: 0\r\n'
                     'Content-Length: 3', 'Host: b', 'X-A: \x01', 'X-A: \x7f',
                     'Connection: close\r\nConnection: X-A', 'Content-Length: -1',
                     'Content-Length: 0x3', 'Content-Length: 3, 3', 'Content-Length: +3',
                     'Content-Length: 99999999999999999999']:
            received = self.raw('POST /api/ HTTP/1.1', 'Host: a', 'Authorization: token good', line,
                                body=b'abc')
            with self.subTest(line=line):
                # libmicrohttpd itself closes the connection or refuses some of these.
                self.assertIn(status_of(received), [None, 400, 413], received)
                self.assertEqual(self.upstream.requests, [])

    def test_header_injection(self):
        for path in ['/api/?a=%0d%0aX-A:1', '/api/%0d%0aX-A:%201/']:
            self.raw(f'GET {path} HTTP/1.1', 'Host: a', 'Authorization: token good')
        for request in self.upstream.requests:
            self.assertEqual(request.get('X-A'), [])
        self.upstream.requests.clear()
        self.assert_refused(self.raw('GET /api/ HTTP/1.1', 'Host: a', 'Authorization: token good',
                                     'X-B: 1\r\n X-A: 1'), 400)
        received = self.raw('GET /api/ HTTP/1.1', 'Host: a', 'Authorization: token good',
                            'X_Forwarded_User: root', 'X-Forwarded-User: root')
        self.assertEqual(status_of(received), 200)
        [request] = self.upstream.requests
        self.assertEqual(request.get('X-A') + request.get('X-Forwarded-User'), [])
        self.assertFalse([name for name, _ in request.headers if '_' in name])

    def test_bare_line_feed_does_not_start_a_header(self):
        self.raw('GET /api/ HTTP/1.1', 'Host: a', 'Authorization: token good',
                 'X-B: 1\rAuthorization: token revoked')
        for request in self.upstream.requests:
            self.assertEqual(request.get('Authorization'), ['token good'])

    def test_body_without_a_length(self):
        received = self.raw('POST /api/ HTTP/1.1', 'Host: a', 'Authorization: token good',
                            'Transfer-Encoding: chunked', body=b'3\r\nabc\r\n0\r\n\r\n')
        self.assert_refused(received, 411)
        received = self.raw('POST /api/ HTTP/1.1', 'Host: a', 'Authorization: token good',
                            'Transfer-Encoding: chunked', 'Content-Length: 3',
                            body=b'0\r\n\r\nGET /api/ HTTP/1.1\r\n\r\n')
        self.assert_refused(received, 400)

    def test_connection_of_a_malformed_request_is_closed(self):
        hidden = 'GET /api/session/ HTTP/1.1\r\nHost: a\r\nAuthorization: token good\r\n\r\n'
        size = len(hidden)
        for lines in [['Content-Length: 0', f'Content-Length: {size}'],
                      [f'Content-Length: {size}', 'Content-Length: 0'],
                      [f'Content-Length : {size}'], [f'Content-Length:\r\n {size}'],
                      [f'Content-Length: 0\r\n {size}'], [f'X-A: b\r\n Content-Length: {size}'],
                      ['Transfer-Encoding:\r\n chunked'], ['Transfer-Encoding: xchunked'],
                      ['Transfer-Encoding: identity'], ['Authorization: token good']]:
            request = '\r\n'.join(['POST /api/ HTTP/1.1', 'Host: a', 'Authorization: token good',
                                   *lines, '', hidden])
            received = ask_raw(self.gateway.port, request.encode())
            with self.subTest(lines=lines):
                self.assertIn(status_of(received), [400, 411], received)
                self.assertIn(b'Connection: close', received)
                self.assertEqual(self.upstream.requests, [])

    def test_url_that_curl_would_change(self):
        for query in ['a=\x01', 'a=b c', 'a=\t', 'a=\x7f', 'a=1#b']:
            received = self.raw(f'GET /api/?{query} HTTP/1.1', 'Host: a',
                                'Authorization: token good')
            with self.subTest(query=query):
                self.assert_refused(received, 400)

    def test_addresses_of_proxies_are_kept(self):
        long = ', '.join(['10.0.0.1'] * 100)
        self.raw('GET /api/ HTTP/1.1', 'Host: a', 'Authorization: token good',
                 f'X-Forwarded-For: {long}', 'x-forwarded-for: 10.0.0.2')
        [request] = self.upstream.requests
        self.assertEqual(request.get('X-Forwarded-For'), [f'{long}, 10.0.0.2, 127.0.0.1'])

    def test_cookie_of_another_token_is_dropped(self):
        """The server would make the session one of the token that comes with it."""
        self.assertEqual(self.ask('GET', '/api/?session=mine', GOOD).status, 200)
        cookie = {'Cookie': 'rbsessionid=mine'}
        self.upstream.requests.clear()
        for token in ['other', 'good']:
            self.ask('GET', '/api/', {**cookie, 'Authorization': f'token {token}'})
        self.assertEqual([it.get('Cookie') for it in self.upstream.requests],
                         [[], ['rbsessionid=mine']])

    def test_request_that_is_hidden_in_a_body(self):
        hidden = message('DELETE /api/review-requests/1/ HTTP/1.1', 'Authorization: token good')
        received = self.raw('GET /api/ HTTP/1.1', 'Host: a', 'Authorization: token good',
                            f'Content-Length: {len(hidden)}', body=hidden)
        self.assertEqual(status_of(received), 200)
        self.assertEqual([(it.method, it.size) for it in self.upstream.requests], [('GET', 0)])

    def test_cookie_that_the_gateway_does_not_know(self):
        response = self.ask('GET', '/api/', {'Cookie': 'rbsessionid=ofanother'})
        self.assertEqual((response.status, response.json['err']['code']), (401, 103))
        response = self.ask('GET', '/api/', {**GOOD, 'Cookie': 'a=1; rbsessionid=ofanother; b=2'})
        self.assertEqual(response.status, 200)
        [request] = self.upstream.requests
        self.assertEqual(request.get('Cookie'), ['a=1; b=2'])

    def test_cookie_from_before_the_start(self):
        self.assertEqual(self.ask('GET', '/api/?session=mine', GOOD).status, 200)
        self.assertEqual(self.ask('GET', '/api/', {'Cookie': 'rbsessionid=mine'}).status, 200)
        self.gateway.restart()
        self.assertEqual(self.ask('GET', '/api/', {'Cookie': 'rbsessionid=mine'}).status, 401)

    def test_method_that_a_form_overrides(self):
        for body, status, sent in [('a=1', 200, b'a=1&_method=POST'),
                                   ('_method=GET', 200, b'_method=GET&_method=GET'),
                                   ('_method=PUT', 403, None), ('%5Fmethod=PUT', 403, None),
                                   ('_method=PATCH', 405, None)]:
            self.upstream.requests.clear()
            response = self.ask('POST', '/api/', {**NO_PUT, 'Content-Type': FORM}, body)
            with self.subTest(body=body):
                self.assertEqual(response.status, status)
                self.assertEqual([it.body for it in self.upstream.requests],
                                 [] if sent is None else [sent])
        self.upstream.requests.clear()
        # A token that may use all methods: the form is not changed.
        self.assertEqual(self.ask('POST', '/api/', {**GOOD, 'Content-Type': FORM}, '_method=PUT')
                         .status, 200)
        self.assertEqual(self.upstream.requests[0].body, b'_method=PUT')
        response = self.ask('POST', '/api/', {**NO_PUT, 'X-HTTP-Method-Override': 'PUT'})
        self.assertEqual(response.status, 200)
        for method in ['PATCH', 'OPTIONS', 'TRACE', 'CONNECT', 'get']:
            self.assertIn(self.ask(method, '/api/', GOOD).status, [400, 405])

    def test_long_upload_is_streamed(self):
        self.upload(GOOD, GIBIBYTE)
        [request] = self.upstream.requests
        self.assertEqual((request.size, request.get('Content-Length')), (GIBIBYTE, [str(GIBIBYTE)]))
        status = pathlib.Path(f'/proc/{self.gateway.process.pid}/status').read_text()
        peak = int(status.split('VmHWM:')[1].split()[0])
        self.assertLess(peak, 200 << 10, 'the body was kept in memory')

    def upload(self, headers, size, kind='application/octet-stream'):
        """Sends a body without waiting, and returns the response's status."""
        lines = ['POST /api/ HTTP/1.1', 'Host: a', f'Content-Type: {kind}',
                 f'Content-Length: {size}', *(f'{key}: {value}' for key, value in headers.items())]
        with socket.create_connection(('127.0.0.1', self.gateway.port), timeout=TIMEOUT) as peer:
            peer.sendall(message(*lines))
            block = b'x' * (1 << 20)
            with contextlib.suppress(ConnectionError):
                for _ in range(size // len(block)):
                    peer.sendall(block)
            try:
                return status_of(peer.recv(1 << 16))
            except ConnectionError:
                return None

    def test_long_upload_that_is_refused_is_not_read(self):
        for headers, kind in [({'Authorization': 'token revoked'}, FORM), (NO_PUT, FORM)]:
            # The response may be lost, because the gateway closes the connection.
            self.assertIn(self.upload(headers, GIBIBYTE, kind), [None, 401, 413])
        self.assertEqual(self.upstream.requests, [])

    def test_upload_that_ends_early(self):
        with socket.create_connection(('127.0.0.1', self.gateway.port)) as peer:
            peer.sendall(message('POST /api/ HTTP/1.1', 'Host: a', 'Authorization: token good',
                                 'Content-Length: 100', body=b'abc'))
        with socket.create_connection(('127.0.0.1', self.gateway.port)) as peer:
            peer.sendall(message('POST /api/ HTTP/1.1', 'Host: a', 'Authorization: token noput',
                                 f'Content-Type: {FORM}', 'Content-Length: 100',
                                 body=b'_method=PUT&'))
        self.assertEqual(self.ask('GET', '/api/', GOOD).status, 200)
        self.assertEqual([it.method for it in self.upstream.requests], ['GET'])

    def test_slow_client(self):
        """It is given up after --timeout, without a request to the upstream."""
        for start in [b'', b'GET /api/ HT', b'GET /api/ HTTP/1.1\r\nHost: a\r\nAuthoriz',
                      b'POST /api/ HTTP/1.1\r\nHost: a\r\nAuthorization: token good\r\n'
                      b'Content-Length: 9\r\n\r\nabc']:
            self.assertIn(status_of(ask_raw(self.gateway.port, start)), [None, 408])
        self.assertEqual(self.upstream.requests, [])
        self.assertEqual(self.ask('GET', '/api/', GOOD).status, 200)

    def test_more_connections_than_the_gateway_takes(self):
        with contextlib.ExitStack() as idle:
            for _ in range(300):
                idle.enter_context(socket.create_connection(('127.0.0.1', self.gateway.port)))
            # They are given up after --timeout.
            while True:
                with contextlib.suppress(ConnectionError):
                    if self.ask('GET', '/api/', GOOD).status == 200:
                        break
                time.sleep(0.1)

    def test_long_headers(self):
        received = self.raw('GET /api/ HTTP/1.1', 'Host: a', 'Authorization: token good',
                            'X-A: ' + 'a' * 100_000)
        self.assertIn(status_of(received), [413, 431])
        received = self.raw('GET /api/' + 'a' * 100_000 + ' HTTP/1.1', 'Host: a')
        self.assertIn(status_of(received), [413, 414, 431])
        self.assertEqual(self.upstream.requests, [])

    def test_upstream_that_is_down(self):
        self.upstream.close()
        response = self.ask('GET', '/api/', GOOD)
        self.assertEqual(response.status, 502)
        self.assertEqual(self.ask('GET', '/api/', {'Authorization': 'token revoked'}).status, 401)
        self.assertEqual(self.upload(GOOD, 2 << 20), 502)
        line = self.gateway.lines()[1]
        self.assertEqual(line['outcome'], 'upstream failed')
        self.assertIn('connect', line['error'])

    def test_upstream_that_does_not_respond(self):
        waiting = threading.Event()
        self.addCleanup(waiting.set)
        self.upstream.respond = lambda request: (waiting.wait(TIMEOUT), (200, [], b''))[1]
        response = self.ask('GET', '/api/', GOOD)
        self.assertEqual(response.status, 502)

    @contextlib.contextmanager
    def raw_upstream(self, response, reads_on=False):
        """An upstream that sends bytes in response to the first part of a request. It then closes
        the connection, or reads until the gateway closes it."""
        self.upstream.close()
        with socket.create_server(('127.0.0.1', self.upstream.port)) as listener:
            def respond():
                peer, _ = listener.accept()
                with peer:
                    peer.recv(1 << 16)
                    peer.sendall(response)
                    while reads_on and peer.recv(1 << 16):
                        pass
            thread = threading.Thread(target=respond)
            thread.start()
            yield
            thread.join(TIMEOUT)

    def test_upstream_that_responds_before_the_end_of_an_upload(self):
        response = b'HTTP/1.1 413 X\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno'
        with self.raw_upstream(response, reads_on=True):
            self.assertEqual(self.upload(GOOD, 8 << 20), 413)

    def test_response_that_ends_early(self):
        with self.raw_upstream(b'HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nhalf'):
            received = self.raw('GET /api/ HTTP/1.1', 'Host: a', 'Authorization: token good')
            self.assertIn(b'Content-Length: 100', received)
            self.assertTrue(received.endswith(b'half'))

    def test_response_with_long_headers(self):
        self.upstream.respond = lambda request: (200, [('X-Long', 'a' * 60000)], b'body')
        self.assertEqual(self.ask('GET', '/api/', GOOD).status, 502)
        self.upstream.respond = lambda request: (200, [('X-Long', 'a' * 20000)], b'body')
        self.assertEqual(self.ask('GET', '/api/', GOOD).body, b'body')

    def test_long_response_is_streamed(self):
        body = os.urandom(1 << 20) * 64
        self.upstream.respond = lambda request: (200, [('X-Long', '1')], body)
        self.assertEqual(self.ask('GET', '/api/', GOOD).body, body)
        status = pathlib.Path(f'/proc/{self.gateway.process.pid}/status').read_text()
        self.assertLess(int(status.split('VmHWM:')[1].split()[0]), 200 << 10)

    def test_table_of_the_documentation_names_every_test(self):
        page = (ROOT / 'docs/gateway.md').read_text()
        tests = [name for name in dir(self) if name.startswith('test_')]
        missing = [name for name in tests if f'`{name[5:]}`' not in page and 'table' not in name]
        self.assertEqual(missing, [])


if __name__ == '__main__':
    unittest.main(verbosity=2)
