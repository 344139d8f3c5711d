"""What can happen before there is any event. Only the first time where FAILS is "once": /tmp remembers."""
import os
import time


def prepare():
    is_first = not os.path.exists("/tmp/tried")
    with open("/tmp/tried", "w") as file:
        file.write("tried")
    if not is_first and os.environ["FAILS"] == "once":
        return
    print("failing", flush=True)
    how = os.environ["HOW"]
    if how == "slow":
        time.sleep(1000)
    elif how == "exit":
        os._exit(7)
    elif how == "raise":
        raise LookupError("not ready")
    elif how == "eat":
        eaten = []
        while True:
            eaten.append(bytearray(b"x" * (1 << 20)))


prepare()


def handler(event, context):
    return {"remaining": context.get_remaining_time_in_millis()}
