"""Feed: samples that one thread puts in as they come, and a stream takes as an auxiliary input."""

import threading

import numpy as np

from rtstft.arrays import check_samples
from rtstft.errors import AudioError
from rtstft.live.ring import Ring, Samples

_CAPACITY_S = 4.0
_MORE_S = 1.0  # what may wait beyond the delay: streams hand on in portions


class Feed:
    """An auxiliary input of a Stream that is filled while it runs, by another stream or by anyone.

    What is put in comes out `delay_s` later, so that neither side has to be punctual. Where that is used
    up, silence is given; where a second more has not been taken, all but the newest `delay_s` are lost: both
    are counted.

    Args:
        samplerate: of the stream that takes it, in Hz.
        channels: of each sample.
        delay_s: how much is kept in store, in seconds.

    Attributes:
        missing: samples of silence given because nothing was there.
        lost: samples that were not taken in time.
    """

    def __init__(self, samplerate: float, channels: int = 1, delay_s: float = 0.05) -> None:
        self.samplerate = samplerate
        self.channels = channels
        self.missing = 0
        self.lost = 0
        self._delay = round(delay_s * samplerate)
        self._ring = Ring(round(_CAPACITY_S * samplerate) + self._delay, channels)
        self._most = self._delay + round(_MORE_S * samplerate)
        self._lock = threading.Lock()
        self._put = self._delay  # position of the next sample put in: silence first
        self._taken = 0
        self._begun = False

    def put(self, samples: Samples) -> None:
        """The next samples, shape (n, channels), or (n,) of one channel; from any thread.

        Raises:
            AudioError: they have another shape, or are no floats.
        """
        block = check_samples(samples).astype(np.float32, copy=False)
        if block.shape[1] != self.channels:
            raise AudioError(f"samples have shape {np.shape(samples)}, expected (n, {self.channels})")
        with self._lock:
            self._begun = True
            self.lost += max(0, len(block) - self._ring.size)
            block = block[-self._ring.size :]
            self._ring.write(self._put, block)
            self._put += len(block)
            late = self._put - self._most - self._taken
            if late > 0:
                self.lost += late
                self._taken = self._put - self._delay

    def fill(self, out: Samples) -> None:
        """The next samples into `out`, shape (n, channels); silence where there are none."""
        with self._lock:
            there = min(len(out), self._put - self._taken) if self._begun else 0
            self._ring.read(self._taken, out[:there])
            out[there:] = 0
            self._taken += there
            if self._begun and there < len(out):
                self.missing += len(out) - there
                # The store has to grow again, or every block would be cut from now on.
                self._ring.clear(self._put, self._put + self._delay)
                self._put += self._delay

    def start(self) -> None:
        """Has the next `fill` give what was put in `delay_s` ago, whatever has been waiting."""
        with self._lock:
            self._taken = max(self._taken, self._put - self._delay)

    def close(self) -> None:
        """Nothing is held that would have to be given back."""
