"""What a handler can return."""
import decimal


def echo(event, context):
    return event


def nothing(event, context):
    pass


def text(event, context):
    return "Grüße, 世界"


def plain_bytes(event, context):
    return b"as they are"


def inner_bytes(event, context):
    return {"bytes": "Grüße".encode()}


def numbers(event, context):
    return [decimal.Decimal("12.50"), decimal.Decimal("1E+3"), 0.1, 1e100, 2**70, True, None]


def not_a_number(event, context):
    return [float("nan"), float("-inf")]


def keys(event, context):
    return {1: "int", None: "none", True: "bool", 1.5: "float"}


def a_tuple(event, context):
    return (1, (2, 3))


def a_set(event, context):
    return {1}


def a_circle(event, context):
    circle = []
    circle.append(circle)
    return circle


def after_a_circle(event, context):
    """A failure leaves nothing behind that makes the next result fail."""
    if event == "circle":
        return a_circle(event, context)
    inner = [1]
    return [inner, inner]


async def coroutine(event, context):
    return event


def large(event, context):
    return "x" * event


def length(event, context):
    return len(event)
