"""The runtime as a wrapper script starts it: see bootstrap."""
from martlet_runtime import run

if __name__ == "__main__":
    run()
