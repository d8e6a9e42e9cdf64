"""STFT: the frozen description of a transform, its windows, its latency, and whole-array use."""

import math
import operator
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from rtstft import arrays, reconstruction, whole, windows
from rtstft.analysis import Analysis, new_frame
from rtstft.errors import AudioError, ConditioningWarning, GeometryError
from rtstft.latency import latency, longest_low_delay, shortest_low_delay
from rtstft.synthesis import Synthesis
from rtstft.types import ComplexArray, RealArray
from rtstft.windows import Window, WindowSpec

_POOR_CONDITIONING = 10.0


@dataclass(frozen=True, repr=False)
class STFT:
    """A short-time Fourier transform and its exact inverse.

    Frame k is the plain, unscaled one-sided DFT, `n_fft` points, of `analysis_window[n] * x[n]`,
    the window at the start of the FFT buffer (as MATLAB's spectrogram). All scaling sits in the
    synthesis window. Instances are immutable, hashable, picklable and free of state.

    Padded, frame k covers samples `k * hop_length - overlap` to `(k + 1) * hop_length - 1`; `overlap` is
    `win_length - hop_length`, less the zeros that the analysis window may end in (a symmetric
    Hann window's last sample), which would only be waited for.

    Args:
        n_fft: length of the DFT in samples, at least `win_length`.
        hop_length: samples between two frames, 1 to `win_length`, dividing it or not;
            default `win_length // 4`.
        win_length: length of the window in samples; default `n_fft`.
        window: a name (`rtstft.windows.NAMES`, or any that scipy.signal.get_window knows),
            `(name, parameter)`, either with `"symmetric"` appended (periodic otherwise), or an
            array of `win_length` values. Parameters: beta for "kaiser" (default 8.6) and
            "kaiser_bessel_derived" (default 4 pi), the standard deviation in samples for "gaussian"
            (default win_length / 8), the synthesis support in samples for "low_delay".
        synthesis: "dual", the least-squares dual window; "same", a tight pair of two equal windows;
            "ola", no synthesis window, the analysis window overlap-adding to 1, so that
            multiplication by the spectrum of up to `n_fft - win_length + 1` taps is exact linear
            convolution; `("low_delay", support)`, the partner of that analysis window;
            or an array of `win_length` values, used as it is.

    Raises:
        GeometryError: sizes that contradict each other, or windows that cannot reconstruct.

    Warns:
        ConditioningWarning: `conditioning` is over 10.
    """

    n_fft: int = 1024
    # Filled in by __post_init__: to readers always an int.
    hop_length: int = None  # type: ignore[assignment]
    win_length: int = None  # type: ignore[assignment]
    window: WindowSpec = "hann"
    synthesis: WindowSpec = "dual"
    analysis_window: Window = field(init=False, compare=False)
    """Float64, shape (win_length,), read-only; normalised where `synthesis` asks for it."""
    synthesis_window: Window = field(init=False, compare=False)
    """Float64, shape (win_length,), or (n_fft,) for "ola"; read-only; without the DFT's 1 / n_fft."""
    conditioning: float = field(init=False, compare=False)
    """Ratio of the largest to the smallest folded power: 1 is best; noise gain grows with it."""

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        n_fft = _size("n_fft", self.n_fft, 2)
        win_length = n_fft if self.win_length is None else _size("win_length", self.win_length, 1)
        if win_length > n_fft:
            raise GeometryError(
                f"win_length={win_length} does not fit n_fft={n_fft}: lengthen n_fft or shorten the window"
            )
        hop = max(1, win_length // 4) if self.hop_length is None else _size("hop_length", self.hop_length, 1)
        if hop > win_length:
            raise GeometryError(
                f"hop_length={hop} skips samples, the window has only {win_length}: "
                f"expected 1 to {win_length}, try {max(1, win_length // 4)}"
            )
        set_field(self, "n_fft", n_fft)
        set_field(self, "win_length", win_length)
        set_field(self, "hop_length", hop)
        set_field(self, "window", windows.canonical(self.window, win_length))
        set_field(self, "synthesis", windows.canonical(self.synthesis, win_length))

        analysis, synthesis, folded = reconstruction.solve(
            windows.make(self.window, win_length), self.synthesis, hop, n_fft
        )
        for name, values in (("analysis_window", analysis), ("synthesis_window", synthesis)):
            values.flags.writeable = False
            set_field(self, name, values)
        set_field(self, "conditioning", reconstruction.conditioning(folded))
        if self.conditioning > _POOR_CONDITIONING:
            warnings.warn(
                f"{self}: conditioning {self.conditioning:.3g} (over {_POOR_CONDITIONING:g}): what a "
                f"callback changes is amplified unevenly; a shorter hop, say {max(1, hop // 2)}, is better",
                ConditioningWarning,
                stacklevel=3,
            )

    @classmethod
    def for_latency(
        cls,
        seconds: float,
        samplerate: float,
        *,
        n_fft: int = 1024,
        hop_length: int | None = None,
        blocksize: int | None = None,
    ) -> "STFT":
        """Low-delay geometry: the frequency resolution of `n_fft` points within a latency.

        A long asymmetric analysis window meets a short synthesis window at its end (Mauler and
        Martin, EUSIPCO 2007), the longest that keeps `latency(blocksize)` within the target. The price:
        sidelobes rise by 7 to 10 dB, changed frames gain up to `n_fft / support` in noise power
        (7 dB for 1024 and 192), and gains describe the past (their energy lies half a window back).

        Args:
            seconds: latency not to exceed, in seconds.
            samplerate: in Hz.
            n_fft: length of analysis window and DFT, in samples.
            hop_length: default half the synthesis support, the largest possible.
            blocksize: as `Processor`'s.

        Raises:
            GeometryError: nothing meets the target; the message says what would.
        """
        if not (arrays.is_finite_number(samplerate) and samplerate > 0):
            raise GeometryError(f"samplerate={samplerate!r} Hz, expected a positive number")
        if not (arrays.is_finite_number(seconds) and seconds >= 0):
            raise GeometryError(f"seconds={seconds!r}, expected a latency of 0 or more")
        target = math.floor(seconds * samplerate + 1e-9)
        n_fft = _size("n_fft", n_fft, 4)
        if blocksize is not None:
            blocksize = _size("blocksize", blocksize, 1)
        if hop_length is not None and not 1 <= _size("hop_length", hop_length, 1) <= n_fft // 2:
            raise GeometryError(f"hop_length={hop_length}, expected at most n_fft // 2 = {n_fft // 2}")
        found = longest_low_delay(target, n_fft, hop_length, blocksize)
        if found is None:
            shortest = shortest_low_delay(hop_length, blocksize)
            raise GeometryError(
                f"{seconds * 1e3:g} ms are {target} samples at {samplerate:g} Hz; the least possible here "
                f"(n_fft={n_fft}, hop_length={hop_length}, blocksize={blocksize}) is {shortest} samples, "
                f"{shortest / samplerate * 1e3:.3g} ms"
            )
        support, hop = found
        pair = ("low_delay", support)
        return cls(n_fft, hop, n_fft, window=pair, synthesis=pair)

    @property
    def bins(self) -> int:
        """Number of frequencies of a frame, `n_fft // 2 + 1`."""
        return self.n_fft // 2 + 1

    @cached_property
    def reconstruction_error(self) -> float:
        """Largest gain error of analysis followed by synthesis, computed in float64."""
        return reconstruction.residual(self.analysis_window, self.synthesis_window, self.hop_length)

    @cached_property
    def analysis_support(self) -> int:
        """Length of the analysis window up to its last non-zero value, in samples."""
        return windows.support(self.analysis_window)[1]

    @cached_property
    def overlap(self) -> int:
        """Samples by which frame 0 begins before the signal: `analysis_support - hop_length`."""
        return self.analysis_support - self.hop_length

    def frequencies(self, samplerate: float) -> Window:
        """Centre frequency of each bin in Hz, float64, shape (bins,)."""
        return np.arange(self.bins, dtype=np.float64) * (samplerate / self.n_fft)

    def latency(self, blocksize: int | None = None) -> int:
        """Exact and least possible delay of a streaming identity, in samples.

        `analysis_support - n0 - gcd(hop_length, blocksize)`, n0 being the first non-zero index of
        the synthesis window; `analysis_support - n0 - 1` for blocks of unknown or varying length
        (None). `rtstft.latency` has the derivation.
        """
        if blocksize is not None:
            blocksize = _size("blocksize", blocksize, 1)
        first = windows.support(self.synthesis_window)[0]
        return latency(self.analysis_support - first, self.hop_length, blocksize)

    def frame_count(self, length: int, *, pad: bool = True) -> int:
        """Number of frames of a signal of `length` samples."""
        if pad:
            return (length - 1 + self.overlap) // self.hop_length + 1 if length > 0 else 0
        return max(0, (length - self.win_length) // self.hop_length + 1)

    def stft(self, x: RealArray, *, pad: bool = True) -> ComplexArray:
        """Spectra of a whole signal.

        Args:
            x: real floats, shape (samples,) or (samples, channels).
            pad: take every frame that touches the signal: frame k covers samples
                `k * hop_length - overlap` to `(k + 1) * hop_length - 1`, zeros outside. False: only
                full frames, frame k starting at `k * hop_length`, as MATLAB's spectrogram.

        Returns:
            Shape (frames, bins) or (frames, channels, bins); complex64 for float32 input,
            complex128 for float64.

        Raises:
            AudioError: integers, complex numbers, or another number of dimensions.
        """
        samples = arrays.check_samples(x)
        length, channels = samples.shape
        count = self.frame_count(length, pad=pad)
        analysis = self.new_analysis(channels, samples.dtype, pad=pad)
        zeros = count * self.hop_length - length if pad else 0
        spectra = whole.analyse(analysis, samples, count, zeros)
        return spectra[:, 0] if np.ndim(x) == 1 else spectra

    def istft(self, spectra: ComplexArray, *, length: int | None = None, pad: bool = True) -> RealArray:
        """Signal from spectra, the inverse of `stft`.

        Args:
            spectra: shape (frames, bins) or (frames, channels, bins), complex; not changed.
            length: samples to return; default as many as the frames determine.
            pad: as it was given to `stft`. Without padding, the first and last `win_length -
                hop_length` samples lack some of their frames and fade in and out.

        Returns:
            Shape (length,) or (length, channels), float32 for complex64, float64 for complex128.

        Raises:
            AudioError: another shape or dtype, or fewer frames than `length` needs.
        """
        frames = arrays.check_spectra(spectra, self.bins)
        count, channels, _ = frames.shape
        dtype = np.empty(0, frames.dtype).real.dtype
        if pad:
            longest = max(0, count * self.hop_length - self.overlap)
        else:
            longest = (count - 1) * self.hop_length + len(self.synthesis_window) if count else 0
        if length is None:
            length = longest
        elif not isinstance(length, (int, np.integer)):
            raise AudioError(f"length={length!r}, expected a whole number of samples")
        elif not 0 <= length <= longest:
            raise AudioError(
                f"length={length}, but {count} frames determine 0 to {longest} samples: give more frames"
            )
        frame = new_frame(self.n_fft, channels, dtype)
        synthesis = self.new_synthesis(frame, dtype, delay=0)
        # Where the signal begins in the stream of synthesised samples.
        start = (self.overlap if pad else 0) - windows.support(self.synthesis_window)[0]
        signal = whole.synthesise(synthesis, frame, frames, start, length)
        return signal[:, 0] if np.ndim(spectra) == 2 else signal

    def new_analysis(
        self, channels: int, dtype: np.dtype[Any], *, pad: bool = True, **options: Any
    ) -> Analysis:
        """Streaming analysis of this geometry; what `stft` and `Processor` both run on."""
        window = self.analysis_window[: self.analysis_support] if pad else self.analysis_window
        return Analysis(
            window,
            n_fft=self.n_fft,
            hop=self.hop_length,
            channels=channels,
            dtype=dtype,
            zero_history=pad,
            **options,
        )

    def new_synthesis(
        self, frame: ComplexArray, dtype: np.dtype[Any], *, delay: int, **options: Any
    ) -> Synthesis:
        """Streaming synthesis of this geometry from `frame`; what `istft` and `Processor` both run on."""
        return Synthesis(
            self.synthesis_window,
            frame,
            n_fft=self.n_fft,
            hop=self.hop_length,
            dtype=dtype,
            delay=delay,
            **options,
        )

    def describe(self, samplerate: float | None = None) -> str:
        """One line on the geometry in samples, and in ms and Hz where a samplerate is given."""
        if samplerate is not None and not (arrays.is_finite_number(samplerate) and samplerate > 0):
            raise GeometryError(f"samplerate={samplerate!r} Hz, expected a positive number")
        lengths = {
            "window": self.win_length,
            "hop": self.hop_length,
            "latency": self.latency(self.hop_length),
        }
        name = self.window if isinstance(self.window, str) else _brief(self.window)
        if samplerate is None:
            sizes = ", ".join(f"{what} {n}" for what, n in lengths.items())
            return f"STFT {name}: {sizes} samples, n_fft {self.n_fft}, {self.bins} bins"
        sizes = ", ".join(f"{what} {n} ({n / samplerate * 1e3:.4g} ms)" for what, n in lengths.items())
        return (
            f"STFT {name}: {sizes}, n_fft {self.n_fft}, {self.bins} bins of {samplerate / self.n_fft:.4g} Hz"
        )

    def __str__(self) -> str:
        return self.describe()

    def __format__(self, samplerate: str) -> str:
        """`f"{geometry:48000}"` is `geometry.describe(48000)`."""
        return self.describe(float(samplerate) if samplerate else None)

    def __repr__(self) -> str:
        return (
            f"STFT(n_fft={self.n_fft}, hop_length={self.hop_length}, win_length={self.win_length}, "
            f"window={_brief(self.window)}, synthesis={_brief(self.synthesis)})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # Rebuilt from its arguments: a pickled array would come back writeable.
        return STFT, (self.n_fft, self.hop_length, self.win_length, self.window, self.synthesis)


def check_geometry(geometry: object, before: str) -> None:
    """AudioError unless `geometry` is an STFT; `before` is the argument that stands in front of it."""
    if not isinstance(geometry, STFT):
        raise AudioError(f"geometry is {geometry!r}, expected an STFT; the {before} comes before it")


def _size(name: str, value: object, least: int) -> int:
    try:
        size = operator.index(value)  # type: ignore[arg-type]  # whether it can be is the question
    except TypeError:
        raise GeometryError(f"{name}={value!r}, expected a whole number of samples") from None
    if size < least:
        raise GeometryError(f"{name}={size}, expected at least {least}")
    return size


def _brief(spec: WindowSpec) -> str:
    if isinstance(spec, tuple) and not isinstance(spec[0], str):
        return f"<{len(spec)} values>"
    return repr(spec)
