"""Convolve: reverberation and other long impulse responses, exactly."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rtstft.errors import AudioError, GeometryError, StreamError
from rtstft.geometry import STFT
from rtstft.params import Param
from rtstft.paths import PathParam
from rtstft.plugin import Context, Plugin
from rtstft.plugins import _impulse
from rtstft.plugins._impulse import Taps
from rtstft.types import ComplexArray, RealArray


class Convolve(Plugin):
    """Convolves with an impulse response of any length, exactly, as a room's that lasts for seconds.

    The response comes from a file (`path`), or is an array, shape (taps,) for all channels alike, or
    (taps, channels). `replace` changes it while sound plays, with a crossfade over one hop.

    A geometry has to leave room for a hop of taps in every frame. Without added latency in blocks of
    one hop H, that is overlap-save:

        rtstft.STFT(2 * H, H, window="boxcar", synthesis=np.repeat([0.0, 1.0], H))

    With overlapping windows, for other plugins in the same row, it is "ola" with padding:

        rtstft.STFT(2 * W, H, W, window="hann", synthesis="ola")

    Any other geometry is refused: multiplying its frames by a spectrum is off by -10 to -65 dB.

    Algorithm: uniformly partitioned convolution (Wefers, Partitioned convolution algorithms for
    real-time auralization, 2015, chapter 5). A part of the response has L taps, L a multiple of the hop;
    part p is applied to the frame p L samples ago. Bin by bin the past lies in one row, newest first,
    so that a frame costs one dot product a bin.
    Cost: a complex multiplication and addition for every bin and part: five seconds in stereo at 48 kHz,
    hop 256, are 938 parts, and half a million of them a frame. Memory is 3 spectra a part and channel.
    Latency: none.

    Args:
        response: the impulse response as an array; or `path` names one.
        params: the parameters.
    """

    path = PathParam(fixed=True, doc="file of the impulse response: sound, or numbers in .npy, .txt, .csv")
    gain_db = Param(0.0, min=-120.0, max=60.0, fixed=True, doc="what to add to the level of the response")
    room_s = Param(0.0, min=0.0, unit="s", fixed=True, doc="length of responses to change to, if longer")

    def __init__(self, response: ArrayLike | None = None, **params: Any) -> None:
        super().__init__(**params)
        self._given = None if response is None else _impulse.checked(response)
        self._context: Context | None = None

    def prepare(self, context: Context) -> None:
        """Transforms the response, part by part."""
        stft = context.stft
        given = self._given
        if given is None:
            if not self.path:
                raise AudioError("no impulse response: give an array, Convolve(response), or a path")
            given = _impulse.load(self.path, context.samplerate)
        taps = _impulse.checked(given, context.channels)
        longest = max(len(taps), round(self.room_s * context.samplerate))
        self._every, self._part = _partition(stft, longest)
        count = -(-longest // self._part)
        self._context = context
        self._longest = longest
        # The past, twice, side by side: wherever the newest frame is, `count` lie contiguously behind it.
        shape = (self._every, context.channels, stft.bins, 2 * count)
        self._past = np.zeros(shape, context.complex_dtype)
        self._count = count
        self._sums = np.zeros((context.channels, stft.bins, 1, 1), context.complex_dtype)
        self._output = self._sums[:, :, 0, 0]
        self._fade = _fade(stft)
        self._wanted = self._parts = self._spectra(taps, context)
        self._turn, self._newest = 0, count - 1

    def replace(self, response: ArrayLike) -> None:
        """Changes the impulse response from the next frame on; to be called from any thread.

        Args:
            response: shape (taps,) or (taps, channels); no longer than the first one, or `room_s`.

        Raises:
            AudioError: an impulse response that cannot be, or is longer than that.
            StreamError: the plugin has not been prepared: give it to Convolve.
        """
        context = self._context
        if context is None:
            raise StreamError("nothing to replace before the plugin is prepared: Convolve(response)")
        taps = _impulse.checked(response, context.channels)
        if len(taps) > self._longest:
            raise AudioError(
                f"impulse response has {len(taps)} taps, there is room for {self._longest}: "
                f"make the plugin with room_s={len(taps) / context.samplerate:.3g}"
            )
        self._wanted = self._spectra(taps, context)
        self._given = taps
        self.unwritten = ("response",)

    def process(self, frame: ComplexArray) -> None:
        """Convolves the frame and those before it, in place."""
        past = self._past[self._turn]
        newest = self._newest
        past[:, :, newest] = past[:, :, newest + self._count] = frame
        self._convolve(past, self._parts)
        frame[...] = self._output
        wanted = self._wanted
        if wanted is not self._parts:
            self._parts = wanted
            self._convolve(past, wanted)
            self._cross(frame)
        self._turn += 1
        if self._turn == self._every:
            self._turn = 0
            self._newest = (newest or self._count) - 1

    def reset(self) -> None:
        """Forgets the past."""
        self._past[...] = 0
        self._parts = self._wanted
        self._turn, self._newest = 0, self._count - 1

    def _convolve(self, past: ComplexArray, parts: ComplexArray) -> None:
        rows = past[:, :, np.newaxis, self._newest : self._newest + parts.shape[2]]
        np.matmul(rows, parts, out=self._sums)

    def _cross(self, frame: ComplexArray) -> None:
        """`frame` fades over into the output of the new response; the only frame that allocates."""
        n_fft = len(self._fade)
        change = np.fft.irfft(self._output - frame, n_fft) * self._fade
        frame += np.fft.rfft(change)

    def _spectra(self, taps: Taps, context: Context) -> ComplexArray:
        """Of the parts, shape (1 or channels, bins, parts, 1): a row of parts for every bin."""
        count = -(-len(taps) // self._part)
        padded = np.zeros((taps.shape[1], count * self._part))
        padded[:, : len(taps)] = taps.T * 10 ** (self.gain_db / 20)
        parts = padded.reshape(taps.shape[1], count, self._part)
        spectra = np.empty((taps.shape[1], context.stft.bins, count, 1), context.complex_dtype)
        for part in range(count):
            spectra[:, :, part, 0] = np.fft.rfft(parts[:, part], context.stft.n_fft)
        return spectra


def _partition(stft: STFT, taps: int) -> tuple[int, int]:
    """How many hops there are from one part of the response to the next, and the taps of a part."""
    fit = _impulse.exact_taps(stft)
    if taps <= fit:
        return 1, fit
    hop, every = stft.hop_length, fit // stft.hop_length
    if not every:
        raise GeometryError(
            f"of {taps} taps, a frame of {stft!r} has room for {fit}, expected at least a hop, {hop}: take "
            f'STFT({2 * hop}, {hop}, window="boxcar", synthesis=np.repeat([0.0, 1.0], {hop})), or '
            f'STFT({stft.win_length + hop}, {hop}, {stft.win_length}, synthesis="ola") (--n-fft '
            f"{stft.win_length + hop} --hop-length {hop} --win-length {stft.win_length} --synthesis ola)"
        )
    return every, every * hop


def _fade(stft: STFT) -> RealArray:
    """Over a frame: 0 where its output begins, and 1 from a hop later on."""
    first = np.flatnonzero(stft.synthesis_window)[0]
    fade = np.ones(stft.n_fft)
    fade[:first] = 0
    rise = fade[first : first + stft.hop_length]
    rise[:] = 0.5 - 0.5 * np.cos(np.pi * np.arange(len(rise)) / stft.hop_length)
    return fade
