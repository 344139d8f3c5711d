"""What is done around a snapshot."""
import os
import random

from snapshot_restore_py import register_after_restore, register_before_snapshot

calls = []
random.seed(1)
fails = os.environ.get("FAILS")


@register_before_snapshot
def first():
    calls.append("before 1")
    if fails == "before":
        raise RuntimeError("not now")


register_before_snapshot(calls.append, "before 2")
register_after_restore(calls.append, "after 1")


@register_after_restore
def second():
    calls.append("after 2")
    if fails == "after":
        raise RuntimeError("not here")


def handler(event, context):
    return calls


def seeded_anew(event, context):
    drawn = random.random()
    random.seed(1)
    return drawn != random.random()
