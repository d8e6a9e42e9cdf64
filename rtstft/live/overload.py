"""Overload: leaves the callbacks out while they take longer than the time there is, and no longer."""

import math
from time import perf_counter

import numpy as np

from rtstft.live.events import EventLog, Problem
from rtstft.types import ComplexArray

_WINDOW_S = 0.5
_PROBE_INTERVAL_S = 0.1
_FAST_ENOUGH = 0.7  # of a hop, for ...
_PROBES = 3  # ... so many probes in a row


class Overload:
    """Begins when frames take longer than their hops, averaged over half a second.

    While it lasts, callbacks are left out and frames are dry, held or muted: changes at frame
    boundaries, which overlap-add crossfades. Now and then the callbacks are timed on a copy of the
    frame; once they are fast again, three times in a row, they are back.

    Attributes:
        enabled: whether it is to begin at all.
        active: callbacks are left out.
        probing: they are to be timed on the next frame.
        count: overloads so far.
    """

    def __init__(self, hop_s: float, policy: str, events: EventLog) -> None:
        self._hop_s = hop_s
        self._policy = policy
        self._events = events
        self._mean_load = 0.0
        self._next_probe = 0.0
        self._fast_probes = 0
        self._last: list[ComplexArray] = []  # the last two frames, if they are to be held
        self._turn: ComplexArray | None = None
        self.enabled = True
        self.active = False
        self.probing = False
        self.count = 0

    def observe(self, load: float, frames: int, slowest: str) -> None:
        """The last `frames` frames took `load` times their hop each."""
        share = -math.expm1(-frames * self._hop_s / _WINDOW_S)
        self._mean_load += share * (load - self._mean_load)
        now = perf_counter()
        if self.active:
            self.probing = now >= self._next_probe
        elif self._mean_load > 1 and self.enabled:
            self.active = True
            self.count += 1
            self._fast_probes = 0
            self._next_probe = now + _PROBE_INTERVAL_S
            what = f"takes {load:.1f} times the hop's time"
            until = f"output is {self._policy} until it is fast again"
            self._events.add(
                f"overload: {slowest or 'the engine'} {what}; {until}",
                Problem("overload", slowest or None, None, what),
            )

    def end_frame(self, frame: ComplexArray, probe_s: float) -> None:
        """The frame as it goes to synthesis, changed in place; `probe_s` is what a probe has just taken."""
        if self._policy == "hold":
            self._hold(frame)
        elif self._policy == "mute" and self.active:
            frame[...] = 0
        if self.active and self.probing:
            self.probing = False
            self._judge(probe_s)

    def _hold(self, frame: ComplexArray) -> None:
        if not self._last:
            self._last = [np.zeros_like(frame), np.zeros_like(frame)]
        before, held = self._last
        if not self.active:
            self._last.reverse()
            before[...] = frame
            self._turn = None
            return
        if self._turn is None:
            # Each bin goes on turning as it did last, which a steady sinusoid's bins all do alike.
            self._turn = np.exp(1j * np.angle(held * np.conj(before))).astype(frame.dtype)
        held *= self._turn
        frame[...] = held

    def _judge(self, probe_s: float) -> None:
        self._fast_probes = self._fast_probes + 1 if probe_s < _FAST_ENOUGH * self._hop_s else 0
        # A slow callback is called so rarely that its calls alone do not overload the stream.
        self._next_probe = perf_counter() + max(_PROBE_INTERVAL_S, 8 * probe_s)
        if self._fast_probes == _PROBES:
            self.active = False
            self._mean_load = 0.0
            self._events.add("overload over")
