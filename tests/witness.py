"""Did this machine itself stand still? `python witness.py CPU`, until its standard input ends.

Sleeps for a millisecond at a time on one processor, above everything else in priority, and prints
the most by which it was woken late, in ms: what no program on this machine could have done better.
"""

import gc
import os
import sys
import threading
import time


def main() -> None:
    os.sched_setaffinity(0, {int(sys.argv[1])})
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(50))
    over = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    gc.disable()
    worst = 0.0
    while not over.is_set():
        before = time.perf_counter()
        time.sleep(0.001)
        worst = max(worst, time.perf_counter() - before - 0.001)
    print(worst * 1e3, flush=True)


if __name__ == "__main__":
    main()
