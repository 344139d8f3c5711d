"""What no clone may share with another, and what each must have of its own: told in every answer."""
import os
import random
import secrets
import socket
import ssl
import tempfile
import time
import uuid

from snapshot_restore_py import register_after_restore, register_before_snapshot

hooks = []
moment = {"wall": time.time(), "monotonic": time.monotonic()}
register_after_restore(hooks.append, "after")


@register_before_snapshot
def before():
    hooks.append("before")
    moment.update(wall=time.time(), monotonic=time.monotonic())


# Both have been used before: they are not new in a clone.
random.random()
ssl.RAND_bytes(1)
tempfile.TemporaryFile().close()
next(tempfile._get_candidate_names())
kept = open("/tmp/kept", "w+")
kept.write("0123456789")
kept.seek(4)
gone = open("/tmp/gone", "w+")
gone.write("abcdefghij")
gone.seek(6)
os.unlink("/tmp/gone")
listener = socket.create_server(("127.0.0.1", 0))
near = socket.create_connection(listener.getsockname())
far, _ = listener.accept()
refusal = os.pidfd_open(os.getpid()) if os.environ.get("REFUSED") else None


def connection(end):
    try:
        end.settimeout(1)
        end.send(b"x")
        return "open"
    except OSError as error:
        return type(error).__name__


def handler(event, context):
    before = sorted(os.listdir("/tmp"))
    with open(f"/tmp/own-{context.aws_request_id}", "w") as file:
        file.write("x")
    uid_map = open("/proc/self/uid_map").read().split()
    return {
        "random": [
            random.random(), str(uuid.uuid4()), secrets.token_hex(), ssl.RAND_bytes(16).hex(), os.urandom(16).hex(),
            next(tempfile._get_candidate_names()),
        ],
        "identity": [socket.gethostname(), uid_map[1]],
        "inside": [os.getpid(), os.getuid(), os.getgid(), os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE"),
                   context.log_stream_name],
        "wall": time.time(), "since": time.monotonic() - moment["monotonic"],
        "wallSince": time.time() - moment["wall"],
        "connections": [connection(near), connection(far)],
        "tmp": before, "kept": kept.read(2), "keptAgain": open("/tmp/kept").read(), "gone": gone.read(2),
        "hooks": hooks,
    }
