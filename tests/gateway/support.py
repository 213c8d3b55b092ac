"""What the tests of the gateway share: the gateway, its upstreams, and requests to them."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
GATEWAY = os.environ['RBTOKEN_GATEWAY']
ROUTES = ROOT / 'examples/gateway/routes.txt'
SITES = os.environ.get('RBTOKEN_TEST_SITES')
TIMEOUT = 120


class Gateway:
    """A gateway that runs until it is stopped. `port` is where it takes requests."""

    def __init__(self, upstream, *options, log=None):
        self.folder = tempfile.TemporaryDirectory()
        self.log = log or os.path.join(self.folder.name, 'log')
        self.upstream, self.options = upstream, options
        self.start()

    def start(self):
        command = [GATEWAY, '--upstream', self.upstream, '--routes', str(ROUTES),
                   '--log', self.log, '--metrics-listen', '127.0.0.1:0', '--listen',
                   f'127.0.0.1:{getattr(self, "port", 0)}', *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
        self.port = self._port('listening')
        self.metrics_port = self._port('metrics')

    def _port(self, what):
        line = self.process.stdout.readline()
        found = re.fullmatch(rf'{what} on 127\.0\.0\.1:(\d+)\n', line)
        if found is None:
            raise AssertionError(f'{line!r}: {self.process.stderr.read()}')
        return int(found[1])

    @property
    def url(self):
        return f'http://127.0.0.1:{self.port}'

    def stop(self):
        """Stops the gateway, which must have printed nothing to the standard error stream."""
        self.process.terminate()
        _, errors = self.process.communicate(timeout=TIMEOUT)
        if self.process.returncode != 0 or errors:
            raise AssertionError(f'status {self.process.returncode}: {errors}')

    def restart(self):
        self.stop()
        self.start()

    def lines(self):
        """The lines of the log, which all must be JSON."""
        with open(self.log) as log:
            return [json.loads(line) for line in log]

    def metrics(self):
        response = ask(self.metrics_port, 'GET', '/metrics')
        return dict(line.rsplit(' ', 1) for line in response.text.splitlines()
                    if not line.startswith('#'))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            self.stop()
        self.folder.cleanup()


class Response:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def cookie(self):
        """The session's cookie, as a header's value."""
        for header in self.headers.get_all('Set-Cookie', []):
            if header.startswith('rbsessionid='):
                return header.split(';')[0]
        return None


def ask(port, method, path, headers=None, body=None):
    """Sends a request on a connection of its own."""
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=TIMEOUT)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        return Response(connection.getresponse())


def ask_raw(port, message):
    """Sends bytes, and returns all that is received until the connection is closed."""
    with socket.create_connection(('127.0.0.1', port), timeout=TIMEOUT) as peer:
        peer.sendall(message)
        received = b''
        while part := peer.recv(1 << 16):
            received += part
        return received


class Upstream:
    """A server that records each request's headers and the size of its body, and responds with
    them. Methods can be replaced to respond otherwise."""

    def __init__(self, respond=None):
        self.respond = respond or (lambda request: (200, [], repr(request).encode()))
        self.wrap = lambda peer: peer
        self.requests = []
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f'http://127.0.0.1:{self.port}'

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[peer], daemon=True).start()

    def _serve(self, plain):
        try:
            peer = self.wrap(plain)
        except OSError:
            return
        with peer, peer.makefile('rb') as stream:
            while first := stream.readline():
                method, path, _ = first.decode('latin-1').split(' ')
                headers = []
                while (line := stream.readline().decode('latin-1').rstrip('\r\n')) != '':
                    name, value = line.split(':', 1)
                    headers.append((name, value.strip()))
                length = sum(int(value) for name, value in headers
                             if name.lower() == 'content-length')
                request = Request(method, path, headers)
                self.requests.append(request)
                while length > 0:
                    part = stream.read(min(length, 1 << 20))
                    if not part:
                        request.truncated = True
                        return
                    request.size += len(part)
                    request.body = (request.body + part)[:1 << 16]
                    length -= len(part)
                status, more, body = self.respond(request)
                head = ''.join(f'{name}: {value}\r\n' for name, value in more)
                peer.sendall(f'HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{head}\r\n'
                             .encode('latin-1') + body)

    def close(self):
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()


class Request:
    def __init__(self, method, path, headers):
        self.method, self.path, self.headers = method, path, headers
        self.size, self.body, self.truncated = 0, b'', False

    def get(self, name):
        """All values of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def __repr__(self):
        return f'{self.method} {self.path}'


class Site:
    """Review Board, in a process of its own. `folder` has its files."""

    def __init__(self, database='postgresql'):
        folder = self.folder = os.path.join(SITES, database)
        self.location = pathlib.Path(folder, 'location').read_text().strip()
        self.errors = tempfile.TemporaryFile('w+')
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / 'tests/reviewboard/site.py'), folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self.prepare(users=['alice', 'bob'], local_sites=['north', 'south'])
        self.port = self.serve()

    def __getattr__(self, name):
        def call(**arguments):
            self.process.stdin.write(json.dumps({'do': name, **arguments}) + '\n')
            self.process.stdin.flush()
            line = self.process.stdout.readline()
            if not line:
                self.errors.seek(0)
                raise AssertionError(self.errors.read())
            answer = json.loads(line)
            if 'failure' in answer:
                raise AssertionError(answer['failure'])
            return answer['answer']
        return call

    @property
    def url(self):
        return f'http://127.0.0.1:{self.port}'

    def token(self, user, client_name, **options):
        """The value of a new token."""
        return self.client_token(user=user, client_name=client_name, **options)['value']

    def set_token(self, value, assignments):
        self.execute(statement=f'UPDATE webapi_webapitoken SET {assignments} WHERE token = %s',
                     params=[value])

    def delete_token(self, value):
        self.execute(statement='DELETE FROM webapi_webapitoken WHERE token = %s', params=[value])

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=TIMEOUT)
