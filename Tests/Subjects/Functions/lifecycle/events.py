"""What can happen in the middle of an event; the event says which."""
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

# Of this process: a fresh one begins again.
events = 0
ticks = 0


def handler(event, context):
    global events
    events += 1
    return globals()[event.get("do", "tell")](event)


def tell(event):
    return {"events": events, "kept": os.path.exists("/tmp/kept"), "running": running(), "ticks": ticks}


def running():
    """The commands that run in this sandbox beside this process and the one that guards it."""
    commands = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) in (1, os.getpid()):
            continue
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                commands.append(file.read().replace(b"\0", b" ").decode().strip())
        except OSError:
            pass
    return sorted(commands)


def keep(event):
    with open("/tmp/kept", "w") as file:
        file.write("kept")


def sleep(event):
    print("sleeping", flush=True)
    time.sleep(event["seconds"])
    return "slept"


def deadlock(event):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def leave(event):
    print("leaving", flush=True)
    os._exit(event["status"])


def die(event):
    os.kill(os.getpid(), event["signal"])
    time.sleep(10)


def fault(event):
    ctypes.string_at(0)


def eat(event):
    eaten = []
    while True:
        eaten.append(bytearray(b"x" * (1 << 20)))


def child_eats(event):
    subprocess.run([sys.executable, "-c", "x = []\nwhile True: x.append(bytearray(b'x' * (1 << 20)))"])
    return "the child is gone"


def leave_child(event):
    subprocess.Popen(["sleep", "1000"], start_new_session=True)
    return tell(event)


def stubborn(event):
    """Takes no notice of what it is told, and leaves one behind that does not either."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    leave_child(event)
    time.sleep(1000)


def tell_the_end(event):
    def told(number, frame):
        os.write(1, b"the runtime is told\n")
        if event["how"] != "stays":
            os._exit(0)

    signal.signal(signal.SIGTERM, told)


def start_ticking(event):
    def tick():
        global ticks
        while True:
            ticks += 1
            time.sleep(0.001)

    threading.Thread(target=tick, daemon=True).start()


def write(event):
    """As many lines as it is told, each of so many bytes, as fast as it can."""
    line = b"x" * (event["length"] - 1) + b"\n"
    for _ in range(event["lines"]):
        os.write(1, line)
    return "written"


def write_slowly(event):
    """Lines in parts, each part a write of its own."""
    for number in range(event["lines"]):
        for part in range(10):
            os.write(1, event["mark"].encode() * 10)
            time.sleep(0)
        os.write(1, b"\n")
