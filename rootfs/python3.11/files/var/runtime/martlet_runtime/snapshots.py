"""The hooks around a snapshot; loaded when one is to be made of this very process."""
import sys

from . import errors


def take(api):
    """Runs the hooks of before, has the snapshot taken, and runs the hooks of after, in each that is restored."""
    hooks = sys.modules.get("snapshot_restore_py")  # nobody else has one
    try:
        while hooks and hooks._before:  # the last registered first: it may lean on those before
            function, arguments, named = hooks._before.pop()
            function(*arguments, **named)
        api.restore_next()
    except Exception as error:
        errors.end(api.init_error, error, status=64, kind="Runtime.BeforeSnapshotError")
    try:
        if random := sys.modules.get("random"):  # all clones would draw the same numbers
            random.seed()
        for function, arguments, named in hooks._after if hooks else ():
            function(*arguments, **named)
    except Exception as error:
        errors.end(api.restore_error, error, status=65, kind="Runtime.AfterRestoreError")
