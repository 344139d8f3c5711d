"""What can go wrong in a handler."""
import sys


class Custom(Exception):
    pass


class Last(BaseException):
    pass


def value(event, context):
    inner()


def inner():
    raise ValueError("not this one")


def key(event, context):
    return event["absent"]


def custom(event, context):
    raise Custom("of my own")


def silent(event, context):
    raise Custom


def lines(event, context):
    raise Custom("one\ntwo")


def unicode(event, context):
    raise Custom("Grüße")


def caught(event, context):
    try:
        inner()
    except ValueError as error:
        raise Custom("because") from error


def signature():
    pass


def leave(event, context):
    sys.exit(3)


def last(event, context):
    raise Last


def once(event, context):
    """The environment outlives an error."""
    if event == "fail":
        raise Custom
    return "fine again"
