"""Callbacks for tests that run them in other processes."""

import ctypes
import threading
import time
from typing import Any

import numpy as np

import rtstft
from rtstft.types import ComplexArray


def identity(frame: ComplexArray) -> None:
    """Changes nothing."""


class Tilt(rtstft.Plugin):
    """A filter: bins weighted from 1 down to 0."""

    def prepare(self, context: rtstft.Context) -> None:
        self.gains = np.linspace(1, 0, context.stft.bins, dtype=np.float32)

    def process(self, frame: ComplexArray) -> None:
        frame *= self.gains


class SleepsOnce(rtstft.Plugin):
    """Identity that sleeps for 0.3 s at one frame."""

    def __init__(self, at: int) -> None:
        self.at = at

    def process(self, frame: ComplexArray, info: rtstft.FrameInfo) -> None:
        frame *= np.float32(0.5)
        if info.index == self.at:
            time.sleep(0.3)


class Fails(rtstft.Plugin):
    """Raises at frame 300; leaves NaN at 400 and Inf at 500; silence otherwise."""

    def process(self, frame: ComplexArray, info: rtstft.FrameInfo) -> None:
        frame[...] = {400: np.nan, 500: np.inf}.get(info.index, 0)
        if info.index == 300:
            raise ValueError("frame three hundred")


def hold_lock(seconds: float) -> None:
    """A call that keeps the interpreter lock, as extension modules' may."""
    usleep: Any = ctypes.PyDLL(None).usleep  # PyDLL, unlike CDLL, does not release it
    usleep(round(seconds * 1e6))


class Busy:
    """A program that gives a stream's thread no peace while the block runs.

    Args:
        hold_s: 0 computes in Python, without end; otherwise calls that keep the interpreter lock
            for so long, one after the other, with a moment in between.
    """

    def __init__(self, hold_s: float = 0.0) -> None:
        self._hold_s = hold_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Busy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        number = 1
        while not self._stop.is_set():
            if self._hold_s:
                hold_lock(self._hold_s)
                time.sleep(0.001)
            else:
                number = number * 1103515245 % 2**31
