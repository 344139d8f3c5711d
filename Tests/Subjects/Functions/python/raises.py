"""A module that cannot be imported."""


def prepare():
    raise LookupError("nothing there")


prepare()
