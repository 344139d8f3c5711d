"""The log of a function: what it prints, what it says by way of the logging module, what went wrong.

The logging module takes 10 ms to import, and many a function does without. So its set-up waits: the
first import of logging, by whomever, is followed by log_format.install, before anyone can use it.
"""
import os
import sys

request = ""  # the id of the current invocation
json = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"


class Waiting:
    """In sys.meta_path until logging is imported: finds it as ever, and sees that it is set up."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(cls)
        for finder in sys.meta_path:
            if spec := finder.find_spec(name, path, target):
                break
        else:
            return None
        load = spec.loader.exec_module

        def load_and_install(module):
            del spec.loader.exec_module  # back to the loader's own
            load(module)
            from .log_format import install
            install()

        spec.loader.exec_module = load_and_install
        return spec


def prepare():
    if "logging" in sys.modules:  # a sitecustomize was faster
        from .log_format import install
        install()
    else:
        sys.meta_path.insert(0, Waiting)


def error(description):
    """Logs the description of an error that the function did not catch."""
    if json:
        from .fault import stdlib
        from .values import encode
        with stdlib():
            import time
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        text = encode({"timestamp": now, "level": "ERROR", **description})[0].decode()
    else:
        text = ": ".join(filter(None, ("[ERROR] " + description["errorType"], description["errorMessage"])))
        text = "\n".join([text, "Traceback (most recent call last):",
                          *(frame.rstrip("\n") for frame in description["stackTrace"])])
    sys.stdout.write(text + "\n")
