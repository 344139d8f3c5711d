"""Makes a Unix socket reachable for programs that speak TCP alone: listens on a port of the loopback interface that the
kernel chooses, prints it, and passes each connection on. Ends with whoever started it, when its standard input does."""

import socket
import sys
import threading


def pour(source, target):
    try:
        while part := source.recv(65536):
            target.sendall(part)
    except OSError:
        pass
    # The engine takes a half-closed connection for one that is gone, and it is right: HTTP has no such thing.
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def accept_all(listener):
    while True:
        client, _ = listener.accept()
        engine = socket.socket(socket.AF_UNIX)
        try:
            engine.connect(sys.argv[1])
        except OSError:
            client.close()
            continue
        for pair in ((client, engine), (engine, client)):
            threading.Thread(target=pour, args=pair, daemon=True).start()


listener = socket.create_server(("127.0.0.1", 0), backlog=64)
print(listener.getsockname()[1], flush=True)
threading.Thread(target=accept_all, args=(listener,), daemon=True).start()
sys.stdin.read()
