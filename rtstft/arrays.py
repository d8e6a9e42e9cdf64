"""Checks of the arrays that users hand over, and their one layout: samples or frames first."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from rtstft.errors import AudioError
from rtstft.types import ComplexArray, RealArray


def check_samples(x: Any) -> RealArray:
    """`x` as (samples, channels), float32 or float64, a view where possible; AudioError otherwise."""
    array = np.asarray(x)
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
    return array if array.dtype in (np.float32, np.float64) else array.astype(_nearest(array.dtype))


def check_spectra(spectra: Any, bins: int) -> ComplexArray:
    """`spectra` as (frames, channels, bins), complex64 or complex128; AudioError otherwise."""
    array = np.asarray(spectra)
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
    return array if array.dtype == np.complex64 else array.astype(np.complex128, copy=False)


def chunks(samples: RealArray, step: int) -> Iterator[RealArray]:
    """Successive views of at most `step` samples."""
    for start in range(0, len(samples), step):
        yield samples[start : start + step]


class Spans:
    """Stretches of a planar buffer, (channels, capacity), as blocks (n, channels): views, made once.

    A stream of equal blocks comes by the same few places again and again; making a view of each
    anew would be a tenth of the time of a short block.
    """

    def __init__(self, planar: RealArray) -> None:
        self._planar = planar
        self._views: dict[int, RealArray] = {}
        self._count = 0

    def at(self, start: int, count: int) -> RealArray:
        """View of samples `start` to `start + count`."""
        if count != self._count:
            self._views.clear()
            self._count = count
        view = self._views.get(start)
        if view is None:
            view = self._views[start] = self._planar[:, start : start + count].T
        return view


def _nearest(dtype: np.dtype[Any]) -> type[np.floating[Any]]:
    return np.float32 if dtype.itemsize < 4 else np.float64
