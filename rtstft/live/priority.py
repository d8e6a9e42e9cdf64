"""What the operating system and the garbage collector can do for a thread that must not be late."""

import gc
import os
import sys
import threading
import time
from typing import Any

SUPERVISOR = 1  # of threads that the worker waits for while they hold the interpreter lock
WORKER = 2
DEVICE = 3  # of the sound system's threads, which only move samples
_NICE = -11
_SWITCH_INTERVAL_S = 0.001


def raise_priority(level: int) -> str:
    """Raises the calling thread's priority as far as the system allows; says what it got.

    A thread that has real-time priority of this level or above keeps it.
    """
    # In Linux, 0 and the native id mean this thread; elsewhere these calls are of the whole process.
    if not hasattr(os, "sched_setscheduler") or os.uname().sysname != "Linux":
        return "normal priority (raising a single thread's is not supported on this system)"
    present = os.sched_getparam(0).sched_priority  # 0 without real-time scheduling
    if present >= level:
        return f"real-time priority {present}"
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(level))
    except OSError:
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        except OSError:
            return "normal priority (neither real-time scheduling nor a lower nice value is permitted)"
        return f"nice {_NICE} (real-time scheduling is not permitted: see ulimit -r)"
    return f"real-time priority {level} (SCHED_RR)"


class CalmCollector:
    """Keeps collections of garbage short while it is entered, and times them.

    What exists by then is taken out of Python's cyclic garbage collection, so that a full collection
    looks only at what was made since.

    Attributes:
        longest_s: the longest collection so far.
    """

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._started = 0.0

    def __enter__(self) -> "CalmCollector":
        gc.collect()
        gc.freeze()
        gc.callbacks.append(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        gc.callbacks.remove(self._note)
        gc.unfreeze()

    def _note(self, phase: str, _: Any) -> None:
        if phase == "start":
            self._started = time.perf_counter()
        else:
            self.longest_s = max(self.longest_s, time.perf_counter() - self._started)


class NoCollections:
    """Has nothing collected while it is entered, nor modules looked at later that were imported meanwhile.

    Importing a large package makes so many objects that a collection of them takes 20 to 60 ms, in
    which the interpreter lock is held. Several may be entered at once.
    """

    _entered = 0  # in all, for the collector is the whole program's
    _enabled = False
    _lock = threading.Lock()

    def __enter__(self) -> None:
        self._modules = len(sys.modules)
        with NoCollections._lock:
            if not NoCollections._entered:
                NoCollections._enabled = gc.isenabled()
                gc.disable()
            NoCollections._entered += 1

    def __exit__(self, *_: object) -> None:
        if len(sys.modules) > self._modules and gc.get_freeze_count():  # while CalmCollector is entered
            gc.freeze()
        with NoCollections._lock:
            NoCollections._entered -= 1
            if NoCollections._enabled and not NoCollections._entered:
                gc.enable()


class ShortTurns:
    """Has threads that hold the interpreter lock hand it over within a millisecond, while it is entered.

    By default that takes 5 ms, and a worker asks for the lock several times in a block.
    """

    _entered = 0  # in all, for the setting is the whole program's
    _before = 0.0
    _lock = threading.Lock()

    def __enter__(self) -> "ShortTurns":
        with ShortTurns._lock:
            if not ShortTurns._entered:
                ShortTurns._before = sys.getswitchinterval()
                sys.setswitchinterval(min(_SWITCH_INTERVAL_S, ShortTurns._before))
            ShortTurns._entered += 1
        return self

    def __exit__(self, *_: object) -> None:
        with ShortTurns._lock:
            ShortTurns._entered -= 1
            if not ShortTurns._entered:
                sys.setswitchinterval(ShortTurns._before)
