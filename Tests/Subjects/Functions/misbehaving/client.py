"""Speaks to the Runtime API in plain sockets, so that it can speak wrongly as well."""
import os
import socket

BASE = "/2018-06-01/runtime/"


def connect():
    host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
    return socket.create_connection((host, int(port)))


class Connection:
    def __init__(self):
        self.socket = connect()
        self.rest = b""

    def ask(self, method, path, body=b"", fields=()):
        lines = [f"{method} {path} HTTP/1.1", "Host: api", f"Content-Length: {len(body)}", *fields, "", ""]
        self.send("\r\n".join(lines).encode() + body)
        return self.answer()

    def send(self, data):
        self.socket.sendall(data)

    def answer(self):
        """Status, fields in lower case, body."""
        while b"\r\n\r\n" not in self.rest:
            self.more()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        first, *lines = head.decode().split("\r\n")
        fields = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        length = int(fields.get("content-length", 0))
        while len(self.rest) < length:
            self.more()
        body, self.rest = self.rest[:length], self.rest[length:]
        return int(first.split(" ")[1]), fields, body.decode()

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError("the connection was closed")
        self.rest += data

    def next(self):
        _, fields, body = self.ask("GET", BASE + "invocation/next")
        return fields["lambda-runtime-aws-request-id"], body

    def respond(self, request, body=b"ok", fields=()):
        return self.ask("POST", f"{BASE}invocation/{request}/response", body, fields)

    def fail(self, request, body=b"{}", fields=()):
        return self.ask("POST", f"{BASE}invocation/{request}/error", body, fields)


def tell(what, answer):
    print(f"{what}: {answer[0]} {answer[2].strip()}", flush=True)
