"""What a handler writes into the log."""
import logging
import sys
import threading

named = logging.getLogger("named")


def prints(event, context):
    print("a line")
    print("two\nlines")
    print("to standard error", file=sys.stderr)


def unended(event, context):
    sys.stdout.write("no end")


def levels(event, context):
    for level in ("debug", "info", "warning", "error", "critical"):
        getattr(logging, level)("at %s", level)


def info(event, context):
    logging.getLogger().setLevel(logging.INFO)
    logging.info("information")


def basic(event, context):
    logging.basicConfig(format="mine %(message)s")
    logging.warning("hello")


def thread(event, context):
    worker = threading.Thread(target=logging.warning, args=("from a thread",))
    worker.start()
    worker.join()


def exception(event, context):
    try:
        raise KeyError("k")
    except KeyError:
        named.exception("it failed")


def extra(event, context):
    named.warning("with %s", "fields", extra={"order": 17, "kind": {"a": [1]}, "odd": {1}})


def structured(event, context):
    logging.warning({"a": 1})


def handlers(event, context):
    return len(logging.getLogger().handlers)
