"""Gate: what is soft becomes softer, bin by bin."""

import math

import numpy as np

from rtstft.delay import FrameDelay
from rtstft.params import Param
from rtstft.plugin import Context, Plugin
from rtstft.plugins._power import power_of, sine_power
from rtstft.types import ComplexArray, RealArray


class Gate(Plugin):
    """Closes every bin whose level is low, and opens it again when it rises.

    A bin opens at `threshold_db`, and closes when it is `hysteresis_db` below that. Levels are those
    of a sine that would be as strong in that bin: a sine of full scale has 0 dB in any geometry (with Hann
    windows up to 1.4 less between two bins), noise has less the more bins there are. With a lookahead as
    long as the attack, a bin is open when the sound comes that opens it.

    Algorithm: a noise gate with hysteresis (Zoelzer, DAFX, 2011, chapter 4) in each bin; the gain goes
    from one end to the other at a constant rate in dB.
    Cost: some 20 operations a bin, among them one exponential.
    Latency: `lookahead_s`, in whole frames.
    """

    threshold_db = Param(-60.0, min=-160.0, max=20.0, doc="level at which a bin opens")
    hysteresis_db = Param(6.0, min=0.0, max=60.0, doc="how far below the threshold it closes")
    floor_db = Param(-60.0, min=-120.0, max=0.0, smooth_s=0.02, doc="gain of a closed bin")
    attack_s = Param(0.01, min=0.0, max=10.0, doc="from closed to open")
    release_s = Param(0.1, min=0.0, max=10.0, doc="from open to closed")
    lookahead_s = Param(0.0, min=0.0, max=1.0, fixed=True, doc="how long before its sound a bin opens")

    def prepare(self, context: Context) -> None:
        """Makes the switches and, with lookahead, a delay."""
        shape = (context.channels, context.stft.bins)
        self._hop_s = context.hop_s
        self._sine_power = sine_power(context.stft)
        self.lookahead = round(self.lookahead_s / context.hop_s)
        self._delay = FrameDelay(self.lookahead, shape, context.complex_dtype)
        self._power = np.empty(shape, context.dtype)
        self._scratch = np.empty(shape, context.dtype)
        self._factor = np.zeros(shape, context.complex_dtype)
        self._gain_db: RealArray = np.empty(shape, context.dtype)
        self._open = np.empty(shape, np.bool_)
        self._loud = np.empty(shape, np.bool_)
        self._held = np.empty(shape, np.int32)  # frames for which it stays open at least, this one included
        self._start()

    def update(self) -> None:
        """Thresholds as powers, rates as steps."""
        self._opens_at = self._sine_power * 10 ** (self.threshold_db / 10)
        self._closes_at = self._opens_at * 10 ** (-self.hysteresis_db / 10)
        self._rise_db = self._step(self.attack_s)
        self._fall_db = self._step(self.release_s)

    def process(self, frame: ComplexArray) -> None:
        """Weights the frame of `lookahead` frames ago by the gains of now."""
        power, gain = self._power, self._scratch
        power_of(frame, power, self._scratch)
        np.greater_equal(power, self._closes_at, out=self._loud)
        self._open &= self._loud
        np.greater_equal(power, self._opens_at, out=self._loud)
        self._open |= self._loud
        # What opened early stays open until its sound has come out.
        np.maximum(self._held, 1, out=self._held)
        self._held -= 1
        np.copyto(self._held, self.lookahead + 1, where=self._open)
        np.greater(self._held, 0, out=self._loud)

        gain_db = self._gain_db
        gain[...] = -self._fall_db
        np.copyto(gain, self._rise_db, where=self._loud)
        gain_db += gain
        np.maximum(gain_db, self.floor_db, out=gain_db)
        np.minimum(gain_db, 0, out=gain_db)
        np.multiply(gain_db, math.log(10) / 20, out=gain)
        np.exp(gain, out=gain)
        if self.lookahead:
            frame[...] = self._delay.push(frame)
        self._factor.real[...] = gain
        frame *= self._factor

    def reset(self) -> None:
        """Closes all bins."""
        self._delay.reset()
        self._start()

    def _start(self) -> None:
        self._open[...] = False
        self._held[...] = 0
        self._gain_db[...] = self.floor_db

    def _step(self, time_s: float) -> float:
        """What a frame changes the gain by, in dB, to go all the way in `time_s`."""
        span_db = -self.floor_db
        return span_db * self._hop_s / time_s if time_s > self._hop_s else span_db
