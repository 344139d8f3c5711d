"""The hooks around a snapshot; loaded when one is to be made of this very process."""
import gc
import os
import sys

from . import errors
from .rehearsal import rehearse


def take(api, serve, handler):
    """Runs the hooks of before, has the snapshot taken, and runs the hooks of after, in each that is restored."""
    if os.environ.pop("MARTLET_WARM_UP", None):
        invocation = api.next()
        while invocation:  # what these load is in the snapshot
            invocation = api.answer(invocation.id, *serve(handler, invocation))
    hooks = sys.modules.get("snapshot_restore_py")  # where the function has registered, if it did
    try:
        while hooks and hooks._before:  # the last registered first: it may lean on those before
            function, arguments, named = hooks._before.pop()
            function(*arguments, **named)
        rehearse(serve)
        reseed()
        # To collect garbage is to write into each object. Those that are there now are left out from here on, or
        # every environment would soon have copied the whole heap.
        gc.collect()
        gc.freeze()
        api.restore_next()
    except Exception as error:
        errors.end(api.init_error, error, status=64, kind="Runtime.BeforeSnapshotError")
    try:
        reseed()
        for function, arguments, named in hooks._after if hooks else ():
            function(*arguments, **named)
    except Exception as error:
        errors.end(api.restore_error, error, status=65, kind="Runtime.AfterRestoreError")


def reseed():
    """Sees that not all that are restored draw the same numbers, of those generators that have been started."""
    if random := sys.modules.get("random"):
        random.seed()
    if tempfile := sys.modules.get("tempfile"):
        tempfile._name_sequence = None  # it is seeded when it is made, and made when it is first wanted
    if ssl := sys.modules.get("_ssl"):
        ssl.RAND_add(os.urandom(32), 32)
