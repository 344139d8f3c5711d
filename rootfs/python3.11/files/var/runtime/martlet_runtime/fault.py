"""What can go wrong in or around a function by its own name, and how to load what tells about it."""
import sys

library = sys.path[:]  # as it was before the function's directories came in front


class Fault(Exception):
    """An error that the runtime found, rather than the function raised."""

    def __init__(self, kind, message, trace=()):
        super().__init__(message)
        self.kind = kind
        self.trace = list(trace)


class stdlib:
    """While it lasts, imports find the standard library, whatever modules of its names a function has."""

    def __enter__(self):
        self.path = sys.path
        sys.path = library

    def __exit__(self, *_):
        sys.path = self.path
