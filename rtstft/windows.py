"""Window shapes, by name, by array, or from scipy; pure functions of a length."""

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rtstft.errors import GeometryError, MissingExtraError

Window: TypeAlias = NDArray[np.float64]
WindowSpec: TypeAlias = str | tuple[str | float, ...] | Sequence[float] | NDArray[np.floating]

# Below this fraction of a window's peak a value is rounding noise (numpy's blackman starts
# at -1e-17) or an underflowing tail: it would cost latency and denormals, and carry nothing.
_NEGLIGIBLE = 1e-15


def _blackmanharris(n: int) -> Window:
    phase = 2 * np.pi * np.arange(n) / max(n - 1, 1)
    harmonics = np.cos(np.outer(np.arange(4), phase))
    return np.asarray([0.35875, -0.48829, 0.14128, -0.01168] @ harmonics)


def _gaussian(n: int, std: float) -> Window:
    if not std > 0:
        raise GeometryError(f"gaussian window of standard deviation {std}, expected a positive number")
    return np.asarray(np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / std) ** 2))


def _vorbis(n: int) -> Window:
    """Vorbis I specification, section 4.3.1: power-complementary at half overlap."""
    return np.sin(np.pi / 2 * np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2)


def _kaiser_bessel_derived(n: int, beta: float) -> Window:
    """Running sum of a Kaiser window, mirrored (Princen and Bradley 1986; AAC, ISO 14496-3)."""
    rising = (n + 1) // 2
    sums = np.cumsum(np.kaiser(rising + 1, beta))
    half = np.sqrt(sums[:-1] / sums[-1])
    return np.concatenate([half, half[: n - rising][::-1]])


# Symmetric shapes of n points; the periodic form is the first n points of n + 1.
_SYMMETRIC: dict[str, Callable[[int], Window]] = {
    "hann": np.hanning,
    "hamming": np.hamming,
    "blackman": np.blackman,
    "blackmanharris": _blackmanharris,
    "bartlett": np.bartlett,
    "sqrt_hann": lambda n: np.sqrt(np.hanning(n)),
    "boxcar": np.ones,
}
# Shapes with one parameter and its default; the Gaussian's scales with the length.
_PARAMETRIC: dict[str, tuple[Callable[[int, float], Window], Callable[[int], float]]] = {
    "kaiser": (np.kaiser, lambda _: 8.6),
    "gaussian": (_gaussian, lambda n: n / 8),
}
# Shapes defined on half-sample positions, where periodic and symmetric are the same thing.
_HALF_SAMPLE: dict[str, Callable[[int], Window]] = {"vorbis": _vorbis}
_HALF_SAMPLE_PARAMETRIC: dict[str, tuple[Callable[[int, float], Window], float]] = {
    "kaiser_bessel_derived": (_kaiser_bessel_derived, 4 * np.pi),
}
NAMES = tuple(sorted([*_SYMMETRIC, *_PARAMETRIC, *_HALF_SAMPLE, *_HALF_SAMPLE_PARAMETRIC, "low_delay"]))


def canonical(spec: object, length: int) -> str | tuple[str | float, ...]:
    """`spec` as strings and plain numbers, hashable; GeometryError if it is neither name nor values."""
    if isinstance(spec, str):
        return spec
    if isinstance(spec, tuple) and spec and isinstance(spec[0], str):
        return tuple(_plain(value, spec) for value in spec)
    try:
        values = np.asarray(spec)
    except ValueError:  # a ragged list
        values = np.empty(0, object)
    if values.dtype.kind not in "fiu":
        raise GeometryError(f"window {spec!r} is neither a name, (name, parameter) nor an array of numbers")
    if values.shape != (length,):
        raise GeometryError(f"window array has shape {values.shape}, expected ({length},)")
    return tuple(values.astype(np.float64).tolist())


def make(spec: WindowSpec, length: int) -> Window:
    """Window of `length` samples, float64, shape `(length,)`.

    `spec` is a name, `(name, parameter)`, either with `"symmetric"` appended, or the values
    themselves. Raises GeometryError for anything else, MissingExtraError for a name that
    only scipy could know while scipy is not installed.
    """
    words = canonical(spec, length)
    if isinstance(words, str):
        words = (words,)
    window = _named(words, length) if isinstance(words[0], str) else np.array(words, dtype=np.float64)
    if not np.isfinite(window).all() or not window.any():
        given = repr(spec) if isinstance(words[0], str) else "array"
        raise GeometryError(f"window {given} must be finite and not all zero")
    peak = np.abs(window).max()
    return np.where(np.abs(window) < _NEGLIGIBLE * peak, 0.0, window)


def low_delay(length: int, support: float) -> tuple[Window, Window]:
    """Analysis and synthesis window of a low-delay pair, before scaling to a hop.

    Mauler and Martin, EUSIPCO 2007, with no leading zeros: the analysis window rises over
    `length - support / 2` samples and falls over the last `support / 2`; the synthesis window
    is zero but for the last `support`. Their product is a periodic Hann window of `support`.
    """
    half = int(support) // 2 if 2 <= support <= length else 0
    if support != 2 * half or not half:
        raise GeometryError(
            f"low-delay support of {support} samples in a window of {length}: "
            f"it must be even and lie between 2 and the window's length"
        )
    rise = length - half
    long_hann = np.hanning(2 * rise + 1)[:rise]
    short_hann = np.hanning(2 * half + 1)[:-1]
    analysis = np.sqrt(np.concatenate([long_hann, short_hann[half:]]))
    synthesis = np.zeros(length)
    product = short_hann[:half]
    # The product's first sample is 0 and so may be the analysis window there: 0 / 0 is 0.
    np.divide(product, analysis[rise - half : rise], out=synthesis[rise - half : rise], where=product > 0)
    synthesis[rise:] = analysis[rise:]
    return analysis, synthesis


def support(window: Window) -> tuple[int, int]:
    """First and one past the last index at which `window` is not zero."""
    nonzero = np.flatnonzero(window)
    return int(nonzero[0]), int(nonzero[-1]) + 1


def _plain(value: object, spec: object) -> str | float:
    if isinstance(value, str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise GeometryError(f"window {spec!r}: {value!r} is neither a number nor a word")


def _named(spec: tuple[str | float, ...], length: int) -> Window:
    name, *parameters = spec
    assert isinstance(name, str)
    symmetric = bool(parameters) and parameters[-1] == "symmetric"
    if symmetric:
        parameters.pop()
    numbers = [p for p in parameters if isinstance(p, (int, float))]
    if len(numbers) != len(parameters) or len(numbers) > 1:
        return _from_scipy(spec, (name, *parameters), length, symmetric)
    if length == 1:
        return np.ones(1)
    points = length if symmetric else length + 1
    if name == "low_delay":
        if not numbers or symmetric:
            raise GeometryError(f"window {spec!r}: expected ('low_delay', support in samples)")
        return low_delay(length, numbers[0])[0]
    if name in _SYMMETRIC and not numbers:
        window = _SYMMETRIC[name](points)
    elif name in _PARAMETRIC:
        shape, default = _PARAMETRIC[name]
        window = shape(points, numbers[0] if numbers else default(length))
    elif name in _HALF_SAMPLE and not numbers:
        window = _HALF_SAMPLE[name](length)
    elif name in _HALF_SAMPLE_PARAMETRIC:
        shape, beta = _HALF_SAMPLE_PARAMETRIC[name]
        window = shape(length, numbers[0] if numbers else beta)
    else:
        return _from_scipy(spec, (name, *parameters), length, symmetric)
    return window[:length]


def _from_scipy(spec: object, scipy_spec: tuple[str | float, ...], length: int, symmetric: bool) -> Window:
    known = f"window {spec!r} is not built in (built in: {', '.join(NAMES)})"
    try:
        from scipy.signal import get_window
    except ImportError:
        raise MissingExtraError(
            f"{known} and scipy, which may know it, is not installed: pip install 'rtstft[scipy]'"
        ) from None
    try:
        window = get_window(
            scipy_spec if len(scipy_spec) > 1 else scipy_spec[0], length, fftbins=not symmetric
        )
    except (ValueError, TypeError) as error:
        raise GeometryError(f"{known}, and scipy.signal.get_window refuses it: {error}") from None
    return np.asarray(window, dtype=np.float64)
