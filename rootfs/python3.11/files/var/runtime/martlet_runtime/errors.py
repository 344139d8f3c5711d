"""What becomes of an exception: a body for the caller, a line for the log. Loaded when there is one."""
import os
import sys

from . import logs
from .fault import Fault, stdlib
from .values import encode

with stdlib():
    import traceback


def describe(error, request=""):
    """The error as the caller gets it."""
    if isinstance(error, Fault):
        kind, frames = error.kind, error.trace
    else:
        kind, frames = type(error).__name__, traceback.format_list(theirs(error.__traceback__))
    return {"errorMessage": str(error), "errorType": kind, "requestId": request, "stackTrace": frames}


def theirs(trace):
    """The frames of the function: from its first on, without the runtime's and the importer's ahead of it."""
    # As tuples: of more they would be shown with a line of carets each, and Lambda's are without.
    frames = [(frame.filename, frame.lineno, frame.name, frame.line) for frame in traceback.extract_tb(trace)]
    ours = os.path.dirname(__file__) + "/"
    while frames and frames[0][0].startswith((ours, "<frozen importlib")):
        del frames[0]
    return frames


def answer(error, request):
    """Logs an error of an invocation; what to answer."""
    description = describe(error, request)
    logs.error(description)
    return ("error", *encode(description), description["errorType"])


def end(report, error, status, kind=None):
    """Logs an error, tells the engine by the given method of the Runtime API, and exits."""
    description = describe(error)
    logs.error(description)
    report(encode(description)[0], kind or description["errorType"])
    sys.exit(status)
