"""How the logging module writes into the log of the function; loaded right after logging itself."""
import logging
import os
import sys
import time

from . import logs

OWN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "aws_request_id"}


class Handler(logging.Handler):
    """Writes to what is standard output at that time, each record with the id of its invocation."""

    def handle(self, record):
        record.aws_request_id = logs.request
        return super().handle(record)

    def emit(self, record):
        try:
            sys.stdout.write(self.format(record))
        except Exception:
            self.handleError(record)


class JSONFormatter(logging.Formatter):
    def format(self, record):
        plain = isinstance(record.msg, dict) and not record.args
        line = {
            "timestamp": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "message": record.msg if plain else record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info:
            from .fault import stdlib
            with stdlib():
                import traceback
            kind, value, trace = record.exc_info
            line["stackTrace"] = traceback.format_tb(trace)
            line["errorType"] = getattr(kind, "__name__", None)
            line["errorMessage"] = None if value is None else str(value)
        line["requestId"] = record.aws_request_id
        if record.exc_info:
            line["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        for name, value in vars(record).items():
            if name not in OWN and name not in line:
                line[name] = value
        return self.encode({name: value for name, value in line.items() if value is not None}) + "\n"

    @staticmethod
    def encode(line):
        from .fault import stdlib
        with stdlib():
            import json
        return json.dumps(line, ensure_ascii=False, default=str)


def install():
    """Gives the root logger its handler, so that basicConfig has nothing left to do."""
    logging.Formatter.converter = time.gmtime
    handler = Handler()
    if logs.json:
        handler.setFormatter(JSONFormatter(datefmt="%Y-%m-%dT%H:%M:%SZ"))
    else:
        handler.setFormatter(logging.Formatter(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n", "%Y-%m-%dT%H:%M:%S"))
    root = logging.getLogger()
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = {"TRACE": "DEBUG"}.get(level, level)
    if level in logging.getLevelNamesMapping():
        root.setLevel(level)
