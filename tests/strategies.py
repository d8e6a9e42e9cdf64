"""Random geometries, signals and partitions for the property tests."""

import warnings
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from numpy.typing import NDArray

from rtstft import STFT, ConditioningWarning, GeometryError, Processor
from rtstft.live.engine import LiveEngine
from rtstft.live.events import EventLog
from rtstft.plugin import Callback
from rtstft.windows import WindowSpec

Samples: TypeAlias = NDArray[np.floating[Any]]

PLAIN = (
    "bartlett",
    "blackman",
    "blackmanharris",
    "boxcar",
    "gaussian",
    "hamming",
    "hann",
    "kaiser",
    "kaiser_bessel_derived",
    "sqrt_hann",
    "vorbis",
)
"""Names that need no parameter."""

channel_counts = st.integers(1, 8)
dtypes = st.sampled_from(["float32", "float64"])
seeds = st.integers(0, 2**32 - 1)


def quiet_stft(*args: Any, **options: Any) -> STFT:
    """STFT without its ConditioningWarning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConditioningWarning)
        return STFT(*args, **options)


def live_engine(callback: Callback, geometry: STFT, events: EventLog, samplerate: float = 1000) -> LiveEngine:
    """What runs the callbacks of a stream of one channel."""
    return LiveEngine(
        callback,
        geometry,
        samplerate=samplerate,
        channels=1,
        blocksize=None,
        on_overload="dry",
        on_error="dry",
        returns=True,
        planner_effort="estimate",
        events=events,
    )


def noise(length: int, channels: int | None, dtype: str, seed: int = 0) -> Samples:
    """White noise within [-1, 1), shape (length, channels), or (length,) for channels None."""
    shape = (length,) if channels is None else (length, channels)
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(dtype)


def blocks_of(x: Samples, sizes: list[int]) -> Iterator[Samples]:
    """Successive blocks of `x`, of the given sizes."""
    start = 0
    for size in sizes:
        yield x[start : start + size]
        start += size


def processed(processor: Processor, x: Samples, sizes: list[int] | None = None) -> list[Samples]:
    """Output of `processor` for each block of `x`, or for all of it at once."""
    return [processor.process(block) for block in ([x] if sizes is None else blocks_of(x, sizes))]


def streamed(processor: Processor, x: Samples, sizes: list[int] | None = None) -> Samples:
    """Output of `processor` for `x` cut into blocks, tail included."""
    return np.concatenate([*processed(processor, x, sizes), processor.flush()])


def loudest(values: Samples) -> float:
    """Largest magnitude, 0 where there is nothing."""
    return float(np.abs(values).max(initial=0))


def rounding(geometry: STFT, dtype: str) -> float:
    """Bound on the rounding error of an identity of samples within [-1, 1].

    Each of the frames that meet in a sample errs by some eps * log2(n_fft) of its magnitude, the
    synthesis window amplifies that, and adding them up errs at random once a frame.
    """
    hop = geometry.hop_length
    synthesis = np.abs(geometry.synthesis_window)
    gain = max(synthesis[start::hop].sum() for start in range(hop))
    steps = 2 + np.log2(geometry.n_fft) + np.sqrt(geometry.win_length / hop)
    return float(2 * np.finfo(dtype).eps * steps * gain * loudest(geometry.analysis_window))


@st.composite
def window_specs(draw: st.DrawFn, length: int) -> WindowSpec:
    kind = draw(st.sampled_from(["name", "name", "kaiser", "gaussian", "array"]))
    if kind == "array":
        values = np.random.default_rng(draw(seeds)).uniform(0.1, 1, length)
        values[: draw(st.integers(0, length // 4))] = 0
        values[length - draw(st.integers(0, length // 4)) :] = 0
        return values
    spec: tuple[str | float, ...] = (draw(st.sampled_from(PLAIN)),)
    if kind == "kaiser":
        spec = (draw(st.sampled_from(["kaiser", "kaiser_bessel_derived"])), draw(st.floats(0, 20)))
    elif kind == "gaussian":
        spec = ("gaussian", draw(st.floats(0.1, 1)) * length)
    if draw(st.booleans()):
        spec = (*spec, "symmetric")
    return spec if len(spec) > 1 else str(spec[0])


@st.composite
def low_delay_pairs(draw: st.DrawFn, longest: int = 300) -> STFT:
    half = draw(st.integers(2, longest // 2))
    n_fft = draw(st.integers(2 * half, longest))
    hop = draw(st.sampled_from([hop for hop in range(1, half + 1) if half % hop == 0]))
    pair = ("low_delay", 2 * half)
    return quiet_stft(n_fft, hop, n_fft, window=pair, synthesis=pair)


@st.composite
def geometries(draw: st.DrawFn, longest: int = 300, synthesis: str | None = None) -> STFT:
    """Any window, hop, size and kind of synthesis that reconstructs; ill-conditioned ones included."""
    kind = synthesis or draw(st.sampled_from(["dual", "dual", "same", "ola", "low_delay"]))
    if kind == "low_delay":
        return draw(low_delay_pairs(longest))
    win_length = draw(st.integers(1, longest))
    hop = draw(st.one_of(st.integers(1, win_length), st.integers(1, 1 + win_length // 3)))
    n_fft = draw(st.one_of(st.just(win_length), st.integers(win_length, 2 * win_length)))
    try:
        return quiet_stft(
            max(2, n_fft), min(hop, win_length), win_length, draw(window_specs(win_length)), kind
        )
    except GeometryError:
        assume(False)
        raise


def partitions(length: int) -> st.SearchStrategy[list[int]]:
    """Block sizes that add up to `length`: empty blocks, single samples, huge ones."""
    size = st.one_of(st.just(0), st.just(1), st.integers(2, 50), st.integers(51, 5000))
    return st.lists(size, max_size=25).map(lambda sizes: _cut(sizes, length))


def _cut(sizes: list[int], length: int) -> list[int]:
    ends = np.minimum(np.cumsum([*sizes, length]), length)
    return [int(size) for size in np.diff(ends, prepend=0)]
