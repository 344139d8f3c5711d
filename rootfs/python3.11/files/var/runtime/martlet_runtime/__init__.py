"""The runtime of functions in Python: loads the handler, then serves one event after the other.

    api       the Runtime API, spoken over one connection that is kept
    values    events and results, as JSON
    context   what a handler learns about its invocation
    handlers  from the name of a handler to the function
    errors    what becomes of an exception; loaded when there is one
    logs      the format of the logging module, set up when a function imports that
    snapshots the hooks around a snapshot; loaded when one is to be made, as is
    rehearsal what a snapshot should have behind it

Start-up is counted in tenths of a millisecond, so nothing of the standard library is imported here
that the interpreter has not loaded by itself: json, socket, re and logging take 4 to 10 ms each.
"""
import os
import sys

from . import logs
from .api import RuntimeAPI, connect
from .context import LambdaContext
from .handlers import load
from .values import decode, encode


def run():
    """Serves events until the engine hangs up; returns never."""
    api = RuntimeAPI(connect())
    prepare()
    try:
        handler = load(os.environ["_HANDLER"])
    except Exception as error:
        from . import errors
        errors.end(api.init_error, error, status=1)
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        from . import snapshots
        snapshots.take(api, serve, handler)
    try:
        invocation = api.next()
        while True:
            invocation = api.answer(invocation.id, *serve(handler, invocation))
    except ConnectionError:
        sys.exit(0)  # the environment is at its end


def prepare():
    """Makes of the interpreter what a function expects to find."""
    # A line is in the log when print returns, and at the price of a single write.
    sys.stdout.reconfigure(line_buffering=True)
    # The function's own modules come first, its layers' next, even ahead of the standard library.
    sys.path[:0] = [os.environ.get("LAMBDA_TASK_ROOT", "/var/task"),
                    "/opt/python/lib/python3.11/site-packages", "/opt/python"]
    logs.prepare()


def serve(handler, invocation):
    """Calls the handler; the end of the path to answer to, the body and its type."""
    logs.request = invocation.id
    trace = invocation.headers.get("lambda-runtime-trace-id")
    if trace:
        os.environ["_X_AMZN_TRACE_ID"] = trace
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    try:
        result = handler(decode(invocation), LambdaContext(invocation))
        answer = ("response", *encode(result))
    except Exception as error:  # not SystemExit: this ends the runtime, as it would any program
        from . import errors
        answer = errors.answer(error, invocation.id)
    # What was written without the end of a line belongs to this invocation, too.
    try:
        sys.stdout.flush()
    except (AttributeError, OSError, ValueError):
        pass  # the function has closed or replaced it
    return answer
