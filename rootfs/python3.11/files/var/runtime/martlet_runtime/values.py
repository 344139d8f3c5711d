"""Events and results, as JSON.

The json package spends 5 ms on its import, most of it on regular expressions that it needs only to
say what is wrong with a text. So the two functions in C at its heart are called directly, and json
itself is imported when they fail: then it finds the words.
"""
import _json

from .fault import Fault, stdlib


class Scanning:
    """How json.loads would call the scanner."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = {"-Infinity": -float("inf"), "Infinity": float("inf"), "NaN": float("nan")}.__getitem__


def unknown(value):
    raise TypeError


scan = _json.make_scanner(Scanning)
markers = {}  # of the containers around, to see a circle
chunks = _json.make_encoder(markers, unknown, _json.encode_basestring_ascii, None, ": ", ", ", False, False, True)


def decode(invocation):
    """The event as the handler gets it."""
    headers, body = invocation.headers, invocation.body
    if headers.get("content-type", "application/json") != "application/json":
        return body
    try:
        text = body.decode()
        event, end = scan(text, 0)
        if end == len(text):
            return event
    except Exception:
        pass
    with stdlib():
        import json
    try:
        return json.loads(body)
    except Exception as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None


def encode(result):
    """The result as bytes, and their type."""
    if isinstance(result, bytes):
        return result, "application/unknown"
    try:
        return "".join(chunks(result, 0)).encode(), "application/json"
    except Exception:
        markers.clear()
    try:
        return thorough(result).encode(), "application/json"
    except Exception as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def thorough(result):
    """The result as JSON, with all that a function may return beyond what json knows."""
    with stdlib():
        import decimal
        import json

    class Number(str):
        """A number in its own digits: to go into the text as it is."""

    def default(value):
        if isinstance(value, decimal.Decimal):
            return float("nan") if value.is_nan() else Number(value)
        if isinstance(value, bytes):
            return value.decode()
        return json.JSONEncoder.default(encoder, value)

    def string(value):
        return str(value) if type(value) is Number else _json.encode_basestring_ascii(value)

    encoder = json.JSONEncoder()
    return "".join(_json.make_encoder({}, default, string, None, ": ", ", ", False, False, True)(result, 0))
