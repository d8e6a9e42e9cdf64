"""Stretcher: a stream made faster or slower, its pitch unchanged."""

import math

import numpy as np
from numpy.typing import DTypeLike

from rtstft import fftw
from rtstft.analysis import in_sequence, new_frame
from rtstft.arrays import check_samples, chunks, is_finite_number
from rtstft.errors import AudioError, GeometryError, StreamError
from rtstft.geometry import STFT, check_geometry
from rtstft.plugins._regions import Regions, centre_of
from rtstft.types import RealArray
from rtstft.windows import support

SLOWEST, FASTEST = 1 / 16, 16.0
_LEAST_SHARE = 1e-3  # of a sample: what earlier frames make of it tells nothing below
_LEAST_KNOWN = 0.1  # of a region, by what was synthesised before: below, it is new and keeps its phase
_CHUNK = 4096  # samples taken in at a time


class Stretcher:
    """Phase-locked time stretching: blocks of any length in, what they decide out.

    With c the centre of the window, frame k lies at k * hop_length in the output, and in the input
    at (k * hop_length + c) * rate - c, rounded; while its centre is before the signal, it lies at the
    same place in both, so that the output begins with the sample that the input begins with. Each
    region of the spectrum is turned as a whole, to where it goes on best from what the frames before
    have made of the output; a peak that begins keeps its phase. All channels are turned alike.

    Algorithm: identity phase locking, Laroche and Dolson (IEEE Trans. Speech and Audio Processing, 1999);
    phases from the output so far, Zhu, Beauregard and Wyse (IEEE Trans. Audio, Speech, and Language
    Processing, 2007), here by least squares in each region.

    Args:
        rate: speed, 1/16 to 16: 2 halves the length, 0.5 doubles it.
        geometry: the transform; hop_length samples lie between two frames of the output, rate *
            hop_length of the input: at most half a window, better a quarter, see `geometry_for`. Frames
            have to overlap in the output, other than in overlap-save.
        channels: channels of every block.
        dtype: "float32" or "float64", of computation and output.
        planner_effort: as `Processor`'s.

    Raises:
        AudioError: a rate that cannot be, or a geometry that is no STFT.
        GeometryError: a window that is too short, frames too far apart, or input frames less than a sample;
            or frames that share no output.
    """

    def __init__(
        self,
        rate: float,
        geometry: STFT,
        channels: int = 2,
        dtype: DTypeLike = "float32",
        planner_effort: str = "estimate",
    ) -> None:
        self.rate = check_rate(rate)
        check_geometry(geometry, "rate")
        self.channels = channels
        self.dtype = np.dtype(dtype)
        hop, n_fft = geometry.hop_length, geometry.n_fft
        least, faster = max(1, math.ceil(1 / rate)), max(1.0, rate)
        shortest = math.ceil(2 * least * faster)
        if geometry.win_length < shortest:
            raise GeometryError(
                f"at rate={rate:g} a window of {geometry.win_length} samples is too short for any hop, "
                f"expected {shortest} or more"
            )
        if hop * rate < 1 or hop * faster > geometry.win_length / 2:
            best = max(least, int(geometry.win_length / (4 * faster)))
            raise GeometryError(
                f"at rate={rate:g} and hop_length={hop} input frames are {hop * rate:g} samples apart, "
                f"output frames {hop}, expected 1 to {geometry.win_length / 2:g}, half of win_length: "
                f"try hop_length={best}"
            )
        effort = fftw.check_effort(planner_effort)
        self._hop = hop
        self._width = geometry.analysis_support
        self._centre = centre_of(geometry)
        self._window: RealArray = geometry.analysis_window[: self._width].astype(self.dtype)
        self._row = fftw.zeros((channels, fftw.padded_length(n_fft, self.dtype.itemsize)), self.dtype)
        self._frame, self._shared, self._past = (new_frame(n_fft, channels, self.dtype) for _ in range(3))
        self._forward, self._forward_shared, self._forward_past = (
            in_sequence(fftw.plan([(self._row[c, :n_fft], frame[c]) for c in range(channels)], effort))
            for frame in (self._frame, self._shared, self._past)
        )
        # What frames before a frame have made of its samples is compared with it by the root of their share.
        root = np.sqrt(_pending_share(geometry))
        self._root: RealArray = root.astype(self.dtype)
        self._past_window = np.zeros_like(self._window)
        np.divide(self._window, self._root, out=self._past_window, where=root > 0)
        self._synthesis = geometry.new_synthesis(self._frame, self.dtype, delay=0, effort=effort)
        self._regions = Regions(geometry, channels, self._frame.dtype, hop * rate)
        self._factors = np.zeros(geometry.bins, self._frame.dtype)

        # Frame k completes the output up to (k + 1) * hop + this.
        self._lead = support(geometry.synthesis_window)[0]
        self._index = -((len(geometry.synthesis_window) - 1) // hop)
        self._place = self._place_of(self._index)
        self._last_place = self._place - hop
        # Input from sample _start on, to sample _end.
        self._start = min(0, self._place)
        self._end = 0
        self._samples = np.zeros((channels, _CHUNK + 2 * self._width), self.dtype)
        self._ended = False

    def process(self, block: RealArray) -> RealArray:
        """The next samples in, shape (n, channels), and all of the output that is now decided.

        Raises:
            AudioError: wrong shape or dtype, or NaN or Inf in the input.
            StreamError: after `flush`, or after an error.
        """
        self._check_open()
        samples = check_samples(block)
        if samples.shape[1] != self.channels:
            raise AudioError(f"block has shape {np.shape(block)}, expected (samples, {self.channels})")
        parts = []
        for chunk in chunks(samples, _CHUNK):
            self._append(chunk)
            parts += self._frames_up_to(round(self._end / self.rate) - self._hop)
        return self._joined(parts)

    def flush(self) -> RealArray:
        """The rest: in all, round(samples / rate) come out, halves rounded to even; ends the stream."""
        self._check_open()
        length = round(self._end / self.rate)
        parts = []
        silence = np.zeros((_CHUNK, self.channels), self.dtype)
        while self._index * self._hop + self._lead < length:
            self._append(silence)
            parts += self._frames_up_to(length - 1)
        self._ended = True
        surplus = self._index * self._hop + self._lead - length
        joined = self._joined(parts)
        return joined[: len(joined) - surplus] if length else joined[:0]

    def _frames_up_to(self, last: int) -> list[RealArray]:
        """Output of all frames that the input completes and that begin it at sample `last` or before."""
        parts = []
        while self._place + self._width <= self._end and self._index * self._hop + self._lead <= last:
            position = self._index * self._hop + self._lead
            output = self._next_frame()
            if position + self._hop > 0:
                parts.append(output[max(0, -position) :].copy())
        return parts

    def _next_frame(self) -> RealArray:
        """One hop of output: a view, good until the next call."""
        start = self._place - self._start
        np.multiply(
            self._samples[:, start : start + self._width], self._window, out=self._row[:, : self._width]
        )
        self._forward()
        frame, regions = self._frame, self._regions
        if not np.isfinite(frame).all():
            self._ended = True
            raise AudioError(
                f"NaN or Inf (or values near the limit of {self.dtype}) in the input between samples "
                f"{max(self._place, 0)} and {self._place + self._width}: replace them, for instance with "
                f"numpy.nan_to_num"
            )
        regions.analyse(frame, self._place - self._last_place)
        self._align()
        frame *= self._factors
        ((backward, _),) = self._synthesis.reserve(1)
        backward()
        self._synthesis.overlap_add()
        self._index += 1
        self._last_place, self._place = self._place, self._place_of(self._index)
        return self._synthesis.read(self._hop)

    def _align(self) -> None:
        """Factors that turn each region to where it goes on best from what has been synthesised."""
        row, regions = self._row[:, : self._width], self._regions
        row *= self._root
        self._forward_shared()
        self._synthesis.pending(row)
        row *= self._past_window
        self._forward_past()
        np.conjugate(self._shared, out=self._shared)
        self._past *= self._shared
        starts = regions.starts[: regions.count]
        products = np.add.reduceat(self._past.sum(axis=0), starts)
        powers = np.add.reduceat((self._shared.real**2 + self._shared.imag**2).sum(axis=0), starts)
        sizes = np.abs(products)
        known = (sizes > _LEAST_KNOWN * powers) & ~regions.born[: regions.count]
        phasors = np.ones_like(products)
        np.divide(products, sizes, out=phasors, where=known)
        np.take(phasors, regions.owner, out=self._factors, mode="clip")

    def _place_of(self, index: int) -> int:
        """Where a frame begins in the input."""
        centre = index * self._hop + self._centre
        if centre <= 0:
            return index * self._hop
        # Not round, which takes halves down and up: two frames might lie at the same place.
        return math.floor(centre * self.rate - self._centre + 0.5)

    def _append(self, samples: RealArray) -> None:
        held = self._end - self._start
        if held + len(samples) > self._samples.shape[1]:
            gone = self._place - self._start
            kept = self._samples[:, gone:held].copy()
            self._samples[:, : held - gone] = kept
            self._start += gone
            held -= gone
        self._samples[:, held : held + len(samples)] = samples.T
        self._end += len(samples)

    def _joined(self, parts: list[RealArray]) -> RealArray:
        return np.concatenate(parts) if parts else np.empty((0, self.channels), self.dtype)

    def _check_open(self) -> None:
        if self._ended:
            raise StreamError("the stream has ended: a Stretcher is for one signal, make another")


def _pending_share(geometry: STFT) -> RealArray:
    """Share of the frames before a frame in its samples, shape (analysis_support,), 0 where it is too small.

    Only of those frames that `Synthesis.pending` adds up: with a short synthesis window, the first samples
    of a frame are long since output. GeometryError if nothing is left.
    """
    width, hop = geometry.analysis_support, geometry.hop_length
    weight = geometry.analysis_window * geometry.synthesis_window[: geometry.win_length]
    first, end = support(geometry.synthesis_window)
    share = np.zeros(width)
    for shift in range(hop, min(width, end - first), hop):
        share[:-shift] += weight[shift:width]
    if share.max() <= _LEAST_SHARE:
        raise GeometryError(
            f"at hop_length={hop} frames share no output to align them by: the synthesis window makes "
            f"{end - first} samples, expected more than hop_length: try STFT({max(4, len(weight))}, {hop})"
        )
    return np.where(share > _LEAST_SHARE, share, 0)


def check_rate(rate: float) -> float:
    """`rate` if one can stretch by it; AudioError otherwise."""
    if not (is_finite_number(rate) and SLOWEST <= rate <= FASTEST):
        raise AudioError(f"rate={rate!r}, expected a speed from {SLOWEST} to {FASTEST:g}: 1.25 is faster")
    return float(rate)


def geometry_for(rate: float, samplerate: float, n_fft: int | None = None) -> STFT:
    """Frames a quarter of the window apart or less, in output and input.

    The window has `n_fft` samples; by default it lasts about 43 ms, 2048 samples at 48 kHz.
    """
    if n_fft is None:
        n_fft = 128 * max(1, round(samplerate * 2048 / 48_000 / 128))
    return STFT(n_fft, max(1, n_fft // math.ceil(4 * max(1.0, check_rate(rate)))))
