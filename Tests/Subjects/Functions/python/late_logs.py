"""A handler that imports logging when it needs it."""


def handler(event, context):
    import logging
    logging.warning("late")
    return logging.__spec__.loader.__class__.__name__
