"""A runtime that floods the engine as FLOOD says: while it has its event, or while it starts. Importing it never ends: it
is all there is of the runtime."""
import array
import json
import os
import socket
import struct
import sys
import threading
import time

API = ("127.0.0.1", 9001)
BASE = "/2018-06-01/runtime/"
flood = os.environ["FLOOD"]


def connect():
    return socket.create_connection(API)


class Connection:
    def __init__(self):
        self.socket = connect()
        self.rest = b""

    def ask(self, method, path, body=b"", fields=()):
        lines = [f"{method} {path} HTTP/1.1", "Host: api", f"Content-Length: {len(body)}", *fields, "", ""]
        self.socket.sendall("\r\n".join(lines).encode() + body)
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
            raise EOFError
        self.rest += data


def again(action):
    """Does it without end, whatever becomes of it."""
    while True:
        try:
            action()
        except (OSError, EOFError):
            pass


def reader(connection):
    """Takes what is answered, so that nothing but the asking is slow."""
    try:
        while connection.recv(1 << 20):
            pass
    except OSError:
        pass


def send_without_end(start, piece):
    def once():
        connection = connect()
        threading.Thread(target=reader, args=(connection,), daemon=True).start()
        connection.sendall(start)
        while True:
            connection.sendall(piece)

    again(once)


def burn():
    while True:
        pass


def bodies():
    size = 256 << 20
    head = f"POST {BASE}init/error HTTP/1.1\r\nContent-Length: {size}\r\n\r\n".encode()
    piece = b"x" * (1 << 20)

    def once():
        connection = connect()
        connection.sendall(head)
        for _ in range(size // len(piece)):
            connection.sendall(piece)

    again(once)


def connections():
    again(lambda: connect().close())


def held_connections():
    kept = []

    def once():
        kept.append(connect())
        if len(kept) > 500:
            kept.clear()

    again(once)


def pings():
    send_without_end(b"", b"GET /2018-06-01/ping HTTP/1.1\r\n\r\n" * 2000)


def unknown():
    send_without_end(b"", b"GET /nowhere HTTP/1.1\r\n\r\n" * 2000)


def chunks():
    head = f"POST {BASE}init/error HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    send_without_end(head, b"1\r\nx\r\n" * 20000)


def single_bytes():
    def once():
        connection = connect()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(f"POST {BASE}init/error HTTP/1.1\r\nContent-Length: 250000\r\n\r\n".encode())
        for _ in range(250000):
            connection.send(b"x")

    again(once)


def heads():
    fields = b"".join(b"Field-%d: %s\r\n" % (number, b"x" * 290) for number in range(95))
    send_without_end(b"", (b"GET /2018-06-01/ping HTTP/1.1\r\n" + fields + b"\r\n") * 8)


def logs():
    while True:
        os.write(1, b"x\n")


def large_logs():
    piece = b"x\n" * 32768
    while True:
        os.write(1, piece)


def endless_line():
    piece = b"x" * 65536
    while True:
        os.write(1, piece)


def registrations():
    body = b"[" * 4000 + b"]" * 4000
    request = b"POST /2020-01-01/extension/register HTTP/1.1\r\nLambda-Extension-Name: a\r\nContent-Length: %d\r\n\r\n"
    send_without_end(b"", (request % len(body) + body) * 8)


def lingering(listener):
    """A connection with unsent bytes to a peer that takes none; to close it takes eight seconds."""
    one = socket.create_connection(listener.getsockname())
    one.setblocking(False)
    try:
        while True:
            one.send(b"x" * 65536)
    except BlockingIOError:
        pass
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 8))
    return one


def descriptor():
    """Messages with such a socket, whose last descriptor is then dropped by whoever reads: if this process has let go of it
    by then, so it takes a few."""
    listener = socket.create_server(("127.0.0.1", 0))
    sockets = [lingering(listener) for _ in range(10)]
    try:
        for one in sockets:
            api = socket.socket(socket.AF_UNIX)
            api.connect("\0martlet-runtime")
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [one.fileno()]))
            api.sendmsg([b"GET /2018-06-01/ping HTTP/1.1\r\n\r\n"], [rights])
            one.close()
        print("descriptor: sent", flush=True)
    except OSError as error:
        print(f"descriptor: {error.strerror}", flush=True)
    time.sleep(1000)


# Those that need a subscription to the telemetry, which is made while the runtime starts.

waiting = []


def register(api):
    fields = ["Lambda-Extension-Name: inside"]
    _, fields, _ = api.ask("POST", "/2020-01-01/extension/register", b'{"events":[]}', fields)
    identifier = fields["lambda-extension-identifier"]
    # An environment is ready when every extension waits for its next event.
    waiting.append(connect())
    head = f"GET /2020-01-01/extension/event/next HTTP/1.1\r\nLambda-Extension-Identifier: {identifier}\r\n\r\n"
    waiting[-1].sendall(head.encode())
    return identifier


def subscribe(api, identifier, destination, types=("platform", "function")):
    body = json.dumps({
        "schemaVersion": "2022-12-13", "types": types, "destination": destination, "buffering": {"timeoutMs": 25},
    }).encode()
    return api.ask("PUT", "/2022-07-01/telemetry", body, [f"Lambda-Extension-Identifier: {identifier}"])


def http(port):
    return {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{port}/"}


def answer_without_end(listener, piece):
    def once():
        connection, _ = listener.accept()
        threading.Thread(target=reader, args=(connection,), daemon=True).start()
        while True:
            connection.sendall(piece)

    again(once)


def take_all(listener):
    """A subscriber as it should be."""
    def serve(connection):
        try:
            while data := connection.recv(1 << 20):
                if b"POST " in data:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except OSError:
            pass

    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def in_child(action, *arguments):
    if os.fork() == 0:
        action(*arguments)
        os._exit(0)


api = Connection()
listener = None
if flood in ("endless_answers", "endless_body", "endless_data", "subscribed_logs"):
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    identifier = register(api)
    destination = {"protocol": "TCP", "port": port} if flood == "endless_data" else http(port)
    subscribe(api, identifier, destination)
    pieces = {
        "endless_answers": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" * 2000,
        "endless_body": b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n" + b"x" * 65536, "endless_data": b"x" * 65536,
    }
    if flood in pieces:
        in_child(answer_without_end, listener, pieces[flood])
    else:
        in_child(take_all, listener)
if flood == "subscriptions":
    identifier = register(api)
    count = 0
    end = time.monotonic() + float(os.environ.get("SECONDS", "4"))
    while time.monotonic() < end:
        status, _, body = subscribe(api, identifier, http(4000))
        count += status == 200
    print(f"subscriptions: {count}", flush=True)

floods = {
    "burn": burn, "bodies": bodies, "connections": connections, "held_connections": held_connections, "pings": pings,
    "unknown": unknown, "chunks": chunks, "single_bytes": single_bytes, "heads": heads, "logs": logs,
    "large_logs": large_logs, "endless_line": endless_line, "registrations": registrations, "descriptor": descriptor,
    "subscribed_logs": large_logs,
}


class Tasks:
    def __init__(self):
        self.children = []

    def start(self):
        for _ in range(2):
            pid = os.fork()
            if pid == 0:
                try:
                    floods[flood]()
                finally:
                    os._exit(0)
            self.children.append(pid)
            if flood == "descriptor":
                break

    def stop(self):
        for pid in self.children:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
        self.children = []


while True:
    status, fields, event = api.ask("GET", BASE + "invocation/next")
    request = fields["lambda-runtime-aws-request-id"]
    tasks = Tasks()
    if flood in floods:
        tasks.start()
    # Something for subscribers to be told.
    end = time.monotonic() + float(json.loads(event).get("seconds", 0))
    while time.monotonic() < end:
        if listener and flood != "subscribed_logs":
            print("line", flush=True)
        time.sleep(0.02)
    tasks.stop()
    api.ask("POST", f"{BASE}invocation/{request}/response", b'"over"')
