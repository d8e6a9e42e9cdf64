"""Checks of the arrays that users hand over, and their one layout: samples or frames first."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from rtstft.errors import AudioError
from rtstft.types import ComplexArray, RealArray


def check_samples(x: Any) -> RealArray:
    """`x` as (samples, channels), float32 or float64, a view where possible; AudioError otherwise."""
    array = _as_array(x, "samples")
    if array.dtype.kind in "iu":
        raise AudioError(
            f"samples are {array.dtype}, expected floats: scale them to [-1, 1) first, "
            f"as soundfile.read does (x / {2 ** (8 * array.dtype.itemsize - 1)})"
        )
    if array.dtype.kind != "f":
        raise AudioError(f"samples are {array.dtype}, expected real floats")
    if array.ndim not in (1, 2):
        raise AudioError(f"samples have shape {array.shape}, expected (samples,) or (samples, channels)")
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.shape[1] == 0:
        raise AudioError(f"samples have shape {array.shape}: at least one channel is needed")
    return array.astype(np.float32 if array.dtype.itemsize <= 4 else np.float64, copy=False)


def check_spectra(spectra: Any, bins: int) -> ComplexArray:
    """`spectra` as (frames, channels, bins), complex64 or complex128; AudioError otherwise."""
    array = _as_array(spectra, "spectra")
    if array.dtype.kind != "c":
        raise AudioError(f"spectra are {array.dtype}, expected complex numbers: magnitude * exp(1j * phase)")
    if array.ndim not in (2, 3) or array.shape[-1] != bins:
        raise AudioError(
            f"spectra have shape {array.shape}, expected (frames, {bins}) or (frames, channels, {bins})"
        )
    if array.ndim == 2:
        array = array[:, np.newaxis]
    if array.shape[1] == 0:
        raise AudioError(f"spectra have shape {array.shape}: at least one channel is needed")
    return array.astype(np.complex64 if array.dtype.itemsize <= 8 else np.complex128, copy=False)


def _as_array(values: Any, what: str) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(values)
    except ValueError:  # a ragged list
        raise AudioError(f"{what} are {type(values).__name__}, expected an array") from None


def is_finite_number(value: object) -> bool:
    """Whether `value` is a real number, neither NaN nor infinite, and not True or False."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    return bool(np.isfinite(value))


def is_within(x: RealArray, limit: float) -> bool:
    """Whether all of `x` is between `-limit` and `limit`; NaN is not."""
    return x.size == 0 or bool(np.maximum.reduce(x, None) < limit and np.minimum.reduce(x, None) > -limit)


def check_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """AudioError unless `out` is a writeable array of this shape and dtype."""
    if not isinstance(out, np.ndarray):
        raise AudioError(f"out is a {type(out).__name__}, expected an array of shape {shape}, {dtype}")
    if out.shape != shape or out.dtype != dtype or not out.flags.writeable:
        what = "" if out.flags.writeable else "read-only "
        raise AudioError(f"out is {what}{out.dtype} of shape {out.shape}, expected {dtype} of shape {shape}")


def chunks(samples: RealArray, step: int) -> Iterator[RealArray]:
    """Successive views of at most `step` samples."""
    for start in range(0, len(samples), step):
        yield samples[start : start + step]


def interleave(source: RealArray, target: RealArray) -> None:
    """Copies a view of a planar buffer, (n, channels), into an interleaved array of that shape."""
    count, channels = target.shape
    if 1 < channels <= 4 and count >= 512:
        # Left to itself, numpy's innermost loop is over the channels: 4 times slower for two.
        for c in range(channels):
            target[:, c] = source[:, c]
    else:
        target[...] = source


class Spans:
    """Stretches of a planar buffer, (channels, capacity), as blocks (n, channels): views, made once.

    A stream of blocks that fit the hop comes by the same few places again and again; making a view
    of each anew would be a tenth of the time of a short block.
    """

    def __init__(self, planar: RealArray, hop: int) -> None:
        self._planar = planar
        self._hop = hop
        self._keep = False
        self._views: dict[int, RealArray] = {}
        self._count = 0

    def at(self, start: int, count: int) -> RealArray:
        """View of samples `start` to `start + count`."""
        if count != self._count:
            self._views.clear()
            self._count = count
            fits = count > 0 and (count % self._hop == 0 or self._hop % count == 0)
            self._keep = fits and self._hop <= 16 * count
        view = self._views.get(start)
        if view is None:
            view = self._planar[:, start : start + count].T
            if self._keep:
                self._views[start] = view
        return view

    def move(self, start: int, end: int, to: int) -> None:
        """Copies samples `start` to `end` to position `to`, before `start`."""
        # A channel at a time: of all at once, numpy cannot tell that they do not overlap.
        for channel in self._planar:
            channel[to : to + end - start] = channel[start:end]
