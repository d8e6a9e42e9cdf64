"""Denoise: speech, or whatever changes, out of noise that does not."""

import numpy as np

from rtstft.errors import AudioError
from rtstft.params import Param
from rtstft.paths import PathParam
from rtstft.plugin import Context, FrameInfo, Plugin
from rtstft.plugins._lsa import LsaGain, share_of
from rtstft.plugins._noise import NoiseAverage, NoiseTracker, silence
from rtstft.plugins._power import LEAST, over_bins, power_of
from rtstft.plugins._remarks import Remarks
from rtstft.readable import read_sound
from rtstft.types import ComplexArray, RealArray


class Denoise(Plugin):
    """Takes noise off that changes slowly: fans, hiss, hum, traffic, a room full of people.

    It follows the noise by itself, also while somebody speaks. Where there is a moment of noise alone,
    it can learn it instead: while `learn` is on, it averages what it hears, and holds that from then
    on, until `learn` is switched on again, or a reset; in channels that were digital silence meanwhile it
    goes on following, and says so with a ResponseWarning. Or `noise_file` names a recording of it. Windows of
    about 32 ms with 75 % overlap suit speech best.

    Steady noise goes down by 13 to 16 dB in windows of 10 to 60 ms with 75 % overlap, by less in longer
    ones or with less overlap, and not by `floor_db`: every moment, in some bins, it is by chance well above
    its mean, and in part taken for a signal. What comes nearer to the floor, a longer `smoothing_s` or a
    `strength` above 1, takes more of the speech as well.

    Algorithm: MMSE log-spectral amplitude gain (Ephraim and Malah 1985) with a decision-directed
    signal-to-noise ratio (1984); noise by speech presence probability (Gerkmann and Hendriks 2012;
    of smoothed powers: Gerkmann, Breithaupt and Martin 2008).
    Cost: some 60 operations a bin, among them one logarithm and one exponential. Latency: none.
    """

    strength = Param(1.0, min=0.0, max=2.0, doc="factor for every attenuation in dB, before the floor")
    floor_db = Param(-20.0, min=-80.0, max=0.0, smooth_s=0.02, doc="gain where there is only noise")
    adapt_s = Param(0.25, min=0.02, max=10.0, doc="how fast the noise is followed")
    smoothing_s = Param(
        0.125,
        min=0.0,
        max=2.0,
        doc="longer: calmer rest of the noise, softer onsets; at 32 ms, of other windows in proportion",
    )
    learn = Param(False, doc="take what is heard now for the noise, and hold it afterwards")
    noise_file = PathParam(fixed=True, doc="sound file of nothing but the noise; none: follow it")

    def prepare(self, context: Context) -> None:
        """Makes the estimators, and reads the noise from its file."""
        shape = (context.channels, context.stft.bins)
        self._context = context
        self._lsa = LsaGain(shape, context.dtype)
        self._factor = np.zeros(shape, context.complex_dtype)
        self._tracker = NoiseTracker(context)
        self._learnt = NoiseAverage(context)
        self._learning = False
        self._remarks = Remarks(self)
        self._power = np.empty(shape, context.dtype)
        self._even = np.empty(shape, context.dtype)
        self._joined = np.empty(shape, context.dtype)
        self._filed: RealArray | None = None
        if self.noise_file:
            noise = _noise_in(self.noise_file, context)
            self._filed = np.broadcast_to(noise, shape).astype(context.dtype)

    def update(self) -> None:
        """Takes over floor and smoothing, and says what was not learnt."""
        self._floor = 10 ** (self.floor_db / 20)
        self._share = share_of(self._context, self.smoothing_s)
        ends = self._learning and not self.learn
        self._remarks.make(
            [
                f"learn heard nothing but digital silence in channel {channel}: there it learnt nothing"
                for channel, begun in enumerate(self._learnt.begun.flat, 1)
                if ends and not begun
            ]
        )

    def process(self, frame: ComplexArray, info: FrameInfo) -> None:
        """Weights every bin by its gain."""
        power, even = self._power, self._even
        power_of(frame, power, even)
        over_bins(power, even)
        gain = self._lsa.update(power, even, self._noise(info), self._share)
        if self.strength != 1:
            np.power(gain, self.strength, out=gain)
        np.maximum(gain, self._floor, out=gain)
        self._factor.real[...] = gain
        frame *= self._factor

    def reset(self) -> None:
        """Forgets the noise, but for that of the file."""
        self._lsa.reset()
        self._tracker.reset()
        self._learnt.reset()
        self._learning = False

    def _noise(self, info: FrameInfo) -> RealArray:
        """The noise of this frame: learnt, filed or followed."""
        learn = self.learn
        if learn and not self._learning:
            self._learnt.reset()
        self._learning = learn
        if learn:
            self._learnt.update(self._power, info.position)
        begun = self._learnt.begun
        partly = begun.any()
        if partly and begun.all():
            return self._learnt.noise
        noise = self._filed
        if noise is None:
            self._tracker.update(self._power, self._even, info.position, self.adapt_s)
            noise = self._tracker.noise
        if partly:
            self._joined[...] = noise
            np.copyto(self._joined, self._learnt.noise, where=begun)
            return self._joined
        return noise


def _noise_in(path: str, context: Context) -> RealArray:
    """Mean power of the frames of a recording, but for digital silence, shape (its channels, bins)."""
    samples, samplerate = read_sound(path)
    channels = samples.shape[1]
    if samplerate != context.samplerate:
        raise AudioError(
            f"noise_file={path!r} has {samplerate} Hz, expected {context.samplerate:g}: resample it"
        )
    if channels not in (1, context.channels):
        raise AudioError(f"noise_file={path!r} has {channels} channels, expected 1 or {context.channels}")
    frames = context.stft.stft(samples, pad=False)
    if not len(frames):
        raise AudioError(
            f"noise_file={path!r} has {len(samples)} samples, expected a window of "
            f"{context.stft.win_length} at least, and better some seconds"
        )
    powers = np.square(np.abs(frames))
    heard = powers.mean(axis=2, keepdims=True) > silence(context.stft)
    counts = heard.sum(axis=0)
    if not counts.all():
        channel = int(np.argmin(counts)) + 1
        raise AudioError(
            f"noise_file={path!r} has nothing but digital silence in channel {channel} of {channels}, "
            "expected a recording of the noise in each"
        )
    noise: RealArray = np.sum(powers, axis=0, where=heard) / counts
    return np.maximum(noise, LEAST)
