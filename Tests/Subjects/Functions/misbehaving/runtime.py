"""A runtime that misbehaves at its first event, as BEHAVIOUR says, and serves all others. Importing it never ends: it
is all there is of the runtime."""
import os
import socket
import time

from client import BASE, Connection, connect, tell

api = Connection()


def wrong_id(request):
    tell("wrong id", api.respond("11111111-2222-4333-8444-555555555555", b"stolen"))
    tell("error of a wrong id", api.fail("no-id-at-all"))
    tell("right id", api.respond(request, b'"right"'))


def twice(request):
    tell("first", api.respond(request, b"1"))
    tell("second", api.respond(request, b"2"))
    tell("error after it", api.fail(request))


def error_twice(request):
    body = b'{"errorType":"Own","errorMessage":"mine"}'
    tell("first", api.fail(request, body, ["Lambda-Runtime-Function-Error-Type: Function.Own"]))
    tell("response after it", api.respond(request))


def late_init_error(request):
    tell("init/error", api.ask("POST", BASE + "init/error", b"{}"))
    tell("answer", api.respond(request, b"1"))


def next_again(request):
    again, body = api.next()
    print("the same event" if again == request else "another event", flush=True)
    tell("answer", api.respond(request, body.encode()))


def next_twice(request):
    tell("answer", api.respond(request, b"1"))
    other = Connection()
    other.send(f"GET {BASE}invocation/next HTTP/1.1\r\nHost: api\r\n\r\n".encode())
    time.sleep(0.2)
    tell("next beside another", api.ask("GET", BASE + "invocation/next"))
    # The event comes to the one that waits; when it is gone, to who asks next.
    other.socket.close()
    time.sleep(0.1)


def too_large(request):
    tell("seven MB", api.respond(request, b"x" * (7 << 20)))


def largest(request):
    tell("largest", api.respond(request, b'"' + b"x" * (6 * 1024 * 1024 + 98) + b'"'))


def too_large_in_chunks(request):
    api.send(f"POST {BASE}invocation/{request}/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    for _ in range(7):
        api.send(b"100000\r\n" + b"x" * (1 << 20) + b"\r\n")
    api.send(b"0\r\n\r\n")
    tell("seven MB in chunks", api.answer())


def response_mode(request):
    field = "Lambda-Runtime-Function-Response-Mode: sometimes"
    tell("mode", api.respond(request, b"1", [field]))


def paths(request):
    tell("unknown path", api.ask("GET", "/2018-06-01/runtime/nowhere"))
    tell("no path", api.ask("GET", "/"))
    for method, path in ("POST", "invocation/next"), ("GET", f"invocation/{request}/response"), ("PUT", "init/error"):
        status, fields, body = api.ask(method, BASE + path)
        print(f"{method} {path.split('/')[-1]}: {status} {fields['allow']} {len(body)}", flush=True)
    tell("ping", api.ask("GET", "/2018-06-01/ping"))
    tell("answer", api.respond(request, b"1"))


def garbage(request):
    for what in b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\0" * 100_000, \
            b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"GET / HTTP/1.1\r\nA: " + b"x" * 100_000 + b"\r\n\r\n":
        other = Connection()
        try:
            other.send(what)
            print(f"garbage: {other.answer()[0]}", flush=True)
        except (OSError, EOFError):
            print("garbage: closed", flush=True)
    tell("answer", api.respond(request, b"1"))


def half(request):
    other = Connection()
    other.send(f"POST {BASE}invocation/{request}/response HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf".encode())
    other.socket.close()
    other = Connection()
    head = f"POST {BASE}invocation/{request}/response HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    other.send(head.encode() + b"8\r\nhal")
    other.socket.close()
    time.sleep(0.1)
    tell("answer", api.respond(request, b'"whole"'))


def half_and_the_end(request):
    other = Connection()
    other.send(f"POST {BASE}invocation/{request}/response HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf".encode())
    other.socket.shutdown(socket.SHUT_WR)
    tell("half", other.answer())
    tell("answer", api.respond(request, b'"whole"'))


def greedy(request):
    """Asks for its large event again and again, and reads none of it."""
    others = []
    for _ in range(100):
        other = Connection()
        other.send(f"GET {BASE}invocation/next HTTP/1.1\r\nHost: api\r\n\r\n".encode())
        others.append(other)
    time.sleep(0.3)
    print(f"greedy: {len(others)}", flush=True)
    tell("answer", api.respond(request, b'"enough"'))


def half_and_nothing(request):
    api.send(f"POST {BASE}invocation/{request}/response HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf".encode())
    time.sleep(1000)


def half_a_stream(request):
    global api
    fields = "Transfer-Encoding: chunked\r\nLambda-Runtime-Function-Response-Mode: streaming"
    api.send(f"POST {BASE}invocation/{request}/response HTTP/1.1\r\n{fields}\r\n\r\n4\r\nhalf\r\n".encode())
    api.socket.close()
    api = Connection()


def late(request):
    time.sleep(1.5)
    tell("late", api.respond(request, b"late"))


def connections(request):
    some = []
    for _ in range(1000):
        try:
            some.append(connect())
        except OSError:
            break
    for one in some[:500]:
        try:
            one.sendall(b"GET /2018-06-01/ping HT")
        except OSError:
            pass
    print(f"{len(some)} connections", flush=True)
    tell("answer", api.respond(request, b"1"))


def byte_by_byte(request):
    message = f"POST {BASE}invocation/{request}/response HTTP/1.1\r\nContent-Length: 6\r\n\r\n\"slow\"".encode()
    api.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in message:
        api.send(bytes([byte]))
    tell("answer", api.answer())


def error_types(request):
    tell("answer", api.fail(request, b"not even JSON", ["Lambda-Runtime-Function-Error-Type: x Runtime.MyError y"]))


request, _ = api.next()
globals()[os.environ["BEHAVIOUR"]](request)
while True:
    request, event = api.next()
    api.respond(request, b'{"after":' + event.encode() + b"}")
