"""Playout: puts processed samples on the output ring, each at its time, and never leaves a hole.

Behind the last processed sample, the ring always holds a fallback: a short fade from that sample to
the dry signal at the same latency, as far as input is known, faded out at its end. If the processed
samples come in time they overwrite it; if not, the device plays it, with nobody's help. That is why
it still sounds where the interpreter is held up as a whole.
"""

import threading
from collections.abc import Callable

import numpy as np

from rtstft.live.ring import Ring, Samples

_REACH = 4096


class FadeIn:
    """The beginning of a stream: silence until `start`, and full level `length` samples later."""

    def __init__(self, start: int, length: int) -> None:
        silence = np.zeros((start if length else 0, 1), np.float32)
        self._gains = np.concatenate([silence, raised_cosine(length)])

    def apply(self, position: int, samples: Samples) -> None:
        """Fades `samples`, shape (n, channels), which are played from `position` on, in place."""
        gains = self._gains[position : position + len(samples)]
        samples[: len(gains)] *= gains


class Playout:
    """Writes to `output`; sample `k` of the processed signal is played at time `k + headroom`.

    Args:
        output: the device's ring.
        dry: what the fallback is made of: an input ring, whose sample `i` is its sample at time
            `i + dry_delay`; None for silence.
        dry_delay: headroom and the engine's latency, in samples.
        played: the device's position in `output`.
        captured: the end of what `dry` holds.
        headroom: in samples.
        fade: samples of a crossfade.
        fade_in: how the stream begins.
    """

    def __init__(
        self,
        output: Ring,
        dry: Ring | None,
        dry_delay: int,
        played: Callable[[], int],
        captured: Callable[[], int],
        *,
        headroom: int,
        fade: int,
        fade_in: FadeIn,
    ) -> None:
        self._output = output
        self._dry = dry
        self._dry_delay = dry_delay
        self._played = played
        self._captured = captured
        self._fade_in = fade_in
        self._front = headroom  # end of the processed samples
        self._last = np.zeros(output.channels, np.float32)  # the value played just before it
        self._rise = raised_cosine(fade)
        self._reach = max(_REACH, 2 * fade)  # samples of fallback written in one go
        self._behind = False  # the device is playing the fallback
        self._old = self._output.copy(0, 0)  # what is faded over to the processed samples now,
        self._done = 0  # from this sample of it on
        self._lock = threading.Lock()
        self._placed = self._dropped = self._starved = 0

    @property
    def counts(self) -> tuple[int, int, int]:
        """Samples placed in time, samples dropped, and times starved, of one moment."""
        with self._lock:
            return self._placed, self._dropped, self._starved

    @property
    def ahead(self) -> int:
        """Processed samples that the device has still to play."""
        return self._front - self._played()

    def put(self, samples: Samples) -> None:
        """The next processed samples, shape (n, channels); changed where they are faded in."""
        with self._lock:
            start, count = self._front, len(samples)
            late = self._late(start, count)
            self._front = start + count
            in_time = samples[late:]
            if len(in_time):
                position = start + late
                if self._behind:
                    self._behind = False
                    self._old, self._done = self._output.copy(position, position + len(self._rise)), 0
                self._fade_in.apply(position, in_time)
                self._crossfade(in_time)
                self._output.write(position, in_time)
                self._last[:] = in_time[-1]
                if self._played() > position:  # the device has gone past meanwhile
                    late = self._late(start, count)
            self._dropped += late
            self._placed += count - late
            self._write_fallback(self._played())

    def rescue(self) -> None:
        """Continues the fallback with the input that has come since, where it is being played."""
        with self._lock:
            played = self._played()
            if played >= self._front:
                self._write_fallback(played)

    def _late(self, start: int, count: int) -> int:
        """How many of `count` samples from `start` on the device has already gone past."""
        played = self._played()
        if played <= start:
            return 0
        if self._front == start:
            self._write_fallback(played)
        if not self._behind:
            self._behind = True
            self._starved += 1
        return min(played - start, count)

    def _crossfade(self, samples: Samples) -> None:
        """From what was to be played to `samples`, as far as that has not been done."""
        old = self._old[self._done :][: len(samples)]
        if len(old):
            gain = self._rise[self._done :][: len(old)]
            head = samples[: len(old)]
            head *= gain
            head += old * (1 - gain)
            self._done += len(old)

    def _write_fallback(self, played: int) -> None:
        fade = len(self._rise)
        start = max(self._front, played)
        end_of_dry = start
        if self._dry is not None:
            known = min(self._captured() + self._dry_delay, start + self._reach)
            end_of_dry = max(start, known)
        end = max(end_of_dry, self._front + fade)
        if end <= start:
            return
        fallback = np.zeros((end - start, self._output.channels), np.float32)
        if self._dry is not None:
            known = max(start, self._dry_delay)  # before it, the dry signal has not begun
            if end_of_dry > known:
                dry = fallback[known - start : end_of_dry - start]
                self._dry.read(known - self._dry_delay, dry)
                tail = dry[-fade:]
                tail *= self._rise[::-1][-len(tail) :]
                self._fade_in.apply(known, dry)
        # It begins where the device is: after the last processed sample, or within the last fallback.
        head = fallback[:fade]
        gain = self._rise[: len(head)]
        head *= gain
        after_processed = start == self._front and not self._behind
        head += (1 - gain) * (self._last if after_processed else self._output.copy(start, start + len(head)))
        self._output.write(start, fallback)


def raised_cosine(length: int) -> Samples:
    """Gains from 0 to 1, both exclusive, shape (length, 1)."""
    phase = (np.arange(length, dtype=np.float32) + 1) / (length + 1)
    rise: Samples = (0.5 - 0.5 * np.cos(np.pi * phase)).astype(np.float32)[:, np.newaxis]
    return rise
