def handler(event, context):
    import sys
    return sorted({"json", "re", "socket", "logging", "traceback", "random"} & set(sys.modules))
