"""What a function does around the snapshot that its environments start from.

    from snapshot_restore_py import register_after_restore, register_before_snapshot

    @register_after_restore
    def reconnect():
        ...

The arguments that follow the function are passed on to it. What is to happen before the snapshot is done in the
reverse order of registration, what is to happen after a restore in the order of registration.
"""
__all__ = ["register_after_restore", "register_before_snapshot"]

_before = []
_after = []


def register_before_snapshot(function, *arguments, **named):
    _before.append((function, arguments, named))
    return function


def register_after_restore(function, *arguments, **named):
    _after.append((function, arguments, named))
    return function


def get_before_snapshot():
    return _before


def get_after_restore():
    return _after
