"""Impulse responses: taken from arrays and files, and how many of their taps a frame can hold."""

from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rtstft.errors import AudioError, FileError
from rtstft.geometry import STFT
from rtstft.readable import check_readable, read_sound

Taps: TypeAlias = NDArray[np.float64]

_EXACT = 1e-9  # what rounding leaves of windows that overlap-add to 1


def checked(response: ArrayLike, channels: int | None = None) -> Taps:
    """A copy of an impulse response as float64, shape (taps, 1 or channels).

    Raises:
        AudioError: no numbers, none at all, not finite, or neither one nor `channels` columns.
    """
    given = np.asarray(response)
    if given.dtype.kind not in "fiu" or given.ndim not in (1, 2) or given.size == 0:
        raise AudioError(
            f"impulse response is {given.dtype} of shape {given.shape}, expected real numbers of shape "
            "(taps,) or (taps, channels)"
        )
    taps = np.array(given, np.float64).reshape(len(given), -1)
    if not np.isfinite(taps).all():
        raise AudioError("impulse response has NaN or Inf in it: look at where it comes from")
    if channels is not None and taps.shape[1] not in (1, channels):
        raise AudioError(
            f"impulse response has {taps.shape[1]} channels, the signal {channels}: expected 1 or {channels}"
        )
    return taps


def load(path: str, samplerate: float) -> Taps:
    """The impulse response in a file, shape (taps, channels): sound, or numbers in .npy, .txt or .csv.

    Numbers are taken to be at `samplerate`.

    Raises:
        FileError: it cannot be read, or is a sound at another samplerate.
        AudioError: there is none in it, or nothing but zeros.
    """
    taps = _taps_in(path, samplerate)
    if not taps.any():
        raise AudioError(f"{path} has nothing but zeros in it, expected an impulse response")
    return taps


def _taps_in(path: str, samplerate: float) -> Taps:
    suffix = Path(path).suffix.lower()
    if suffix in (".npy", ".txt", ".csv"):
        return checked(_read_numbers(path, suffix))
    samples, found = read_sound(path)
    if found != samplerate:
        raise FileError(
            f"{path} is at {found} Hz, the signal at {samplerate:g} Hz: convert it first, "
            f"for example with sox {path} -r {samplerate:g} converted.wav"
        )
    return checked(samples)


def _read_numbers(path: str, suffix: str) -> ArrayLike:
    check_readable(path, "numbers")
    try:
        if suffix == ".npy":
            numbers: ArrayLike = np.load(path, allow_pickle=False)
            return numbers
        return np.loadtxt(path, delimiter="," if suffix == ".csv" else None)
    except (OSError, ValueError) as error:
        raise FileError(f"cannot read an impulse response from {path}: {error}") from error


def exact_taps(stft: STFT) -> int:
    """How many taps, from lag 0 on, a frame's spectrum convolves with exactly; 1 is a gain only.

    What comes out at n of a frame, s[n] times the circular convolution of a[n] x[n], holds lag j with
    the weight s[n] a[n - j]. Over all frames that has to be 1 (the overlap-add of s and the shifted
    a), and nothing may come from n - j < 0, which is the end of the frame. It is n_fft - win_length + 1
    for a synthesis that adds whole frames ("ola"), and win_length - hop_length + 1 for one that
    keeps the last hop of a boxcar (overlap-save).
    """
    analysis = np.zeros(stft.n_fft)
    analysis[: stft.win_length] = stft.analysis_window
    synthesis = np.zeros(stft.n_fft)
    synthesis[: len(stft.synthesis_window)] = stft.synthesis_window
    kept = synthesis != 0
    if np.ptp(synthesis[kept]) > 0:
        return 1

    def holds(lag: int) -> bool:
        if (analysis[stft.n_fft - lag :] * synthesis[:lag]).any():
            return False
        product = np.zeros(-(-stft.n_fft // stft.hop_length) * stft.hop_length)
        product[lag : stft.n_fft] = synthesis[lag:] * analysis[: stft.n_fft - lag]
        return bool(np.abs(product.reshape(-1, stft.hop_length).sum(0) - 1).max() < _EXACT)

    # A synthesis that is flat where it is not 0 loses, once the shifted window leaves it, for good.
    longest, fails = 0, stft.n_fft
    while fails - longest > 1:
        middle = (longest + fails) // 2
        if holds(middle):
            longest = middle
        else:
            fails = middle
    return longest + 1
