"""The Runtime API, spoken over one connection that is kept.

There is no HTTP library: of HTTP, the engine's side uses little, and http.client takes longer to
import than the interpreter to start. The answer to one event and the request for the next are one
write; then the runtime sleeps in a read. This is also where a snapshot finds it.
"""
import os
import sys

import _socket  # socket, which wraps it, takes 5 ms to import

PREFIX = "/2018-06-01/runtime/"
NEXT = f"GET {PREFIX}invocation/next HTTP/1.1\r\nHost: runtime\r\n\r\n".encode()

# Above this the request for the next event waits for the answer: the engine may refuse a body for
# its size, and copying it to join the two would cost more than a second write.
LARGE = 64 * 1024


class Invocation:
    """An event as it came: its headers by their names in lower case, its body in bytes."""

    __slots__ = "id", "headers", "body"

    def __init__(self, headers, body):
        self.id = headers["lambda-runtime-aws-request-id"]
        self.headers = headers
        self.body = body


def connect():
    """A connection to the engine."""
    local = os.environ.get("MARTLET_RUNTIME_SOCKET")
    if local:  # the same, past TCP: an abstract name, or a path
        socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        socket.connect(local if local[0] == "/" else "\0" + local)
    else:
        host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].rpartition(":")
        socket = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        socket.connect((host, int(port)))
        socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
    return socket


class RuntimeAPI:
    def __init__(self, socket):
        self.socket = socket
        self.ahead = b""  # read, but belongs to the answer after
        self.accepted = b"?"  # the bytes of a 202: always the same

    def next(self):
        """Waits for the next event."""
        self.socket.sendall(NEXT)
        return self.invocation()

    def answer(self, id, kind, body, content_type, error_type=None):
        """Answers an event and waits for the next one."""
        request = self.post(f"invocation/{id}/{kind}", content_type, len(body), error_type)
        pipelined = len(body) <= LARGE
        if pipelined:
            self.socket.sendall(request + body + NEXT)
        else:
            self.socket.sendall(request)
            self.socket.sendall(body)
        if not self.ahead:
            self.ahead = self.receive()
        if self.ahead.startswith(self.accepted):
            self.ahead = self.ahead[len(self.accepted):]
        else:
            self.accept(id)
        return self.invocation() if pipelined else self.next()

    def accept(self, id):
        """Reads the answer to an answer; one that was refused has been dealt with by the engine."""
        status, _, body = self.read()
        if status == 202:
            self.accepted = self.raw
        elif status >= 500:
            sys.exit(1)
        else:
            print(f"the answer to {id} was refused: {status} {body.decode(errors='replace').strip()}",
                  file=sys.stderr)

    def invocation(self):
        """Reads an event; None when the engine has no further one to warm up by."""
        status, headers, body = self.read()
        if status != 200:
            if status == 204:
                return None
            sys.exit(f"no next event: {status} {body.decode(errors='replace').strip()}")
        return Invocation(headers, body)

    def restore_next(self):
        """Has the snapshot taken: returns in the environment that was restored from it."""
        self.socket.sendall(NEXT.replace(b"invocation", b"restore", 1))
        status, _, body = self.read()
        if status != 200:
            raise RuntimeError(f"restore/next: {status} {body.decode(errors='replace').strip()}")

    def init_error(self, body, error_type):
        self.report("init/error", body, error_type)

    def restore_error(self, body, error_type):
        self.report("restore/error", body, error_type)

    def report(self, path, body, error_type):
        self.socket.sendall(self.post(path, "application/json", len(body), error_type) + body)
        self.read()

    def post(self, path, content_type, length, error_type):
        """The head of a POST."""
        error = ""
        if error_type:  # names a class, but a class can be named anything
            error_type = error_type.encode("ascii", "replace").decode().replace("\r", " ").replace("\n", " ")
            error = f"Lambda-Runtime-Function-Error-Type: {error_type}\r\n"
        return (f"POST {PREFIX}{path} HTTP/1.1\r\nHost: runtime\r\n"
                f"Content-Type: {content_type}\r\n{error}Content-Length: {length}\r\n\r\n").encode()

    def read(self):
        """Reads one answer: its status, its headers, its body."""
        data = self.ahead or self.receive()
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self.receive()
        headers = {}
        for line in data[:end].decode("utf-8", "surrogateescape").split("\r\n"):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        end += 4
        whole = end + int(headers.get("content-length", 0))
        if len(data) < whole:
            data = self.rest(data, whole)
        self.raw, self.ahead = data[:whole], data[whole:]
        return int(data[9:12]), headers, data[end:whole]

    def receive(self):
        """Some bytes, at least one. When the engine has hung up, the environment is at its end."""
        return self.socket.recv(LARGE) or sys.exit(0)

    def rest(self, data, whole):
        """The data with what is missing of so many bytes."""
        buffer = bytearray(whole)
        count = len(data)
        buffer[:count] = data
        with memoryview(buffer) as view:
            while count < whole:
                count += self.socket.recv_into(view[count:]) or sys.exit(0)
        return bytes(buffer)
