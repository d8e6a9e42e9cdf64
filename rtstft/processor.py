"""Processor: blocks of any length in, blocks of the same length out, a callback on every frame."""

import math
import operator
import warnings
from cmath import isfinite
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from rtstft import fftw
from rtstft.arrays import check_out, check_samples, interleave, is_finite_number
from rtstft.callbacks import names_inputs
from rtstft.errors import AudioError, PluginError, PluginWarning, StreamError
from rtstft.geometry import STFT, check_geometry
from rtstft.plugin import Callback, Context
from rtstft.returned import NotFiniteError, checked, store
from rtstft.row import Call, Row
from rtstft.stage import Stage
from rtstft.types import ComplexArray, RealArray


class Processor:
    """Streaming analysis, callback and synthesis at a constant, least possible latency.

    Output is input, passed through the callbacks, delayed by exactly `latency` samples, whatever the
    blocks: cutting the input differently gives the same bits. One stream, one Processor; any thread
    may call it, one at a time.

    Args:
        callback: `callback(frame)`, `callback(frame, info)` or `callback(frame, info, aux)`, a Plugin,
            or several in a row, or a Chain of them. `frame` is complex, shape (channels, bins), to be
            changed in place, or an array of the same shape is returned; it is valid during the call
            only.
        geometry: the transform.
        samplerate: in Hz; handed to plugins.
        channels: channels of every block.
        blocksize: None for blocks of any length. A fixed length lowers the latency, see
            `STFT.latency`; blocks may then be any multiple of gcd(hop_length, blocksize), and a
            block of any other length ends the stream.
        dtype: "float32" or "float64", of computation and output.
        planner_effort: "estimate" plans in milliseconds, the same plan in every process; "measure" and
            "patient" search 0.1 to 4 s for plans up to a third faster, once: they are kept in
            the user's cache folder.
        aux: auxiliary inputs, such as a sidechain, and the channels of each: `{"sidechain": 1}`. Their
            samples are further columns of every block, behind those of the signal and in this order;
            plugins hear them, and the output has none of them.

    Attributes:
        input_channels: columns of every block, auxiliary ones included.

    Raises:
        AudioError: channels or dtype that cannot be.
        PluginError: a callback that is none, or cannot be prepared.
        ParameterError: a plugin stands twice in the row.
    """

    def __init__(
        self,
        callback: Callback | Iterable[Callback],
        geometry: STFT,
        samplerate: float = 48_000,
        channels: int = 2,
        blocksize: int | None = None,
        dtype: DTypeLike = "float32",
        planner_effort: str = "estimate",
        aux: Mapping[str, int] | None = None,
    ) -> None:
        check_geometry(geometry, "callback")
        self.geometry = geometry
        self.dtype = _dtype(dtype)
        self.channels = _count(channels, "channels")
        if aux is not None and not names_inputs(aux):
            raise AudioError(f"aux={aux!r}, expected names and numbers of channels, {{'sidechain': 1}}")
        aux = {name: _count(number, f"aux[{name!r}]") for name, number in (aux or {}).items()}
        self.input_channels = self.channels + sum(aux.values())
        if not (is_finite_number(samplerate) and samplerate > 0):
            raise AudioError(f"samplerate={samplerate!r} Hz, expected a positive number")
        engine_latency = geometry.latency(blocksize)
        # Input counts after each block are multiples of this.
        self._grain = 1 if blocksize is None else math.gcd(geometry.hop_length, blocksize)
        effort = fftw.check_effort(planner_effort)

        self._analysis = geometry.new_analysis(self.input_channels, self.dtype, effort=effort)
        self._frame = self._analysis.frame[: self.channels]
        context = Context(geometry, samplerate, self.channels, self.dtype, aux)
        frames = _split(self._analysis.frame[self.channels :], aux)
        self._row = Row(callback, context, frames, self._entry_of, self._before(), self._after())
        self.lookahead = self._row.lookahead * geometry.hop_length
        """What the callbacks' lookahead adds to the latency, in samples."""
        self.latency = engine_latency + self.lookahead
        """Delay of the output in samples, lookahead of plugins included; exact."""
        self._synthesis = geometry.new_synthesis(
            self._frame, self.dtype, delay=geometry.hop_length - self._grain, effort=effort
        )
        self._step = self._analysis.capacity
        self._short = min(self._step, 512)  # samples that are copied out faster in one go
        self._nothing = np.empty((0, self.channels), self.dtype)
        self._held = self._nothing  # output of the zeros that completed a last, short block
        self._closed = ""
        self._frames_done = 0
        self._one_dimensional = False

    @property
    def unheard(self) -> list[str]:
        """Of each auxiliary input that no callback listens to, a line that says so."""
        return self._row.unheard

    def process(self, block: RealArray, out: RealArray | None = None) -> RealArray:
        """The next `n` samples in, the next `n` samples out.

        Args:
            block: floats, shape (n, input_channels), or (n,) if that is 1; any n, 0 included. Not
                changed. Another float dtype is converted.
            out: where to write, of the block's shape (without the columns of auxiliary inputs) and
                the processor's dtype; may be `block`.

        Returns:
            `out`, or a new array of that shape and the processor's dtype.

        Raises:
            AudioError: wrong shape or dtype, or NaN or Inf in the input.
            PluginError: a callback raised, or left a bad frame; from then on only `reset` is possible.
            StreamError: the stream has ended: after `flush`, after an error, or after a block
                whose length `blocksize` does not allow.
        """
        if self._closed:
            raise StreamError(f"{self._closed}: call reset() before processing more")
        if type(block) is not np.ndarray or block.dtype is not self.dtype or block.ndim > 2:
            samples, shape = check_samples(block), np.shape(block)
        else:
            samples, shape = block, block.shape
            if len(shape) == 1:
                samples = block[:, np.newaxis]
        count, channels = samples.shape
        if channels != self.input_channels:
            raise AudioError(
                f"block has shape {shape}, expected (samples, {self.input_channels})"
                + (" or (samples,)" if self.input_channels == 1 else "")
            )
        if channels != self.channels:
            shape = (count, self.channels)
        if out is not None:
            check_out(out, shape, self.dtype)
        self._one_dimensional = len(shape) == 1
        if count <= self._short and not count % self._grain:
            view = self._advance(samples)
            if len(shape) == 1:
                view = view[:, 0]
            if out is None:
                return view.copy()
            out[...] = view
            return out
        if out is None:
            out = np.empty(shape, self.dtype)
        elif count > self._step and out is not block and np.may_share_memory(out, samples):
            samples = samples.copy()
        self._fill(out if len(shape) == 2 else out[:, np.newaxis], samples)
        return out

    def flush(self) -> RealArray:
        """The last `latency` samples; ends the stream.

        Frames that only begin in these samples' wake, and so change none of them, are left out.

        Returns:
            Shape (latency, channels), or (latency,) if the last block had one dimension.

        Raises:
            StreamError: nothing is left, after `flush` or an error.
        """
        if self._closed and not len(self._held):
            raise StreamError(f"{self._closed}: nothing is left to flush")
        tail = np.zeros((self.latency, self.channels), self.dtype)
        held = self._held[: self.latency]
        tail[: len(held)] = held
        silence = np.zeros((len(tail) - len(held), self.input_channels), self.dtype)
        self._fill(tail[len(held) :], silence)
        self._held = self._nothing
        self._closed = "the stream was flushed"
        return tail[:, 0] if self._one_dimensional else tail

    def reset(self) -> None:
        """Back to the state after construction, plugins included; no memory of past input."""
        self._analysis.reset()
        self._synthesis.reset()
        self._row.reset()
        self._held = self._nothing
        self._closed = ""
        self._frames_done = 0
        self._one_dimensional = False

    def _entry_of(self, stage: Stage, alone: bool) -> Call:
        """What runs on every frame for a stage; of several, each has to be looked at."""
        return stage.call if alone else checked(stage.call, self._frame)

    def _before(self) -> list[Call]:
        """What runs on every frame before all stages."""
        return []

    def _after(self) -> list[Call]:
        """What runs on every frame after all stages."""
        return []

    def _rejected(self, error: PluginError) -> None:
        """Says that a callback which was to come in has been sent away."""
        warnings.warn(PluginWarning(f"{error}; what was there before goes on"), stacklevel=2)

    def _fill(self, out: RealArray, samples: RealArray) -> None:
        missing = -len(samples) % self._grain
        if missing:
            self._end_with(out, samples, missing)
            return
        for start in range(0, len(samples), self._step):
            end = start + self._step
            interleave(self._advance(samples[start:end]), out[start:end])

    def _end_with(self, out: RealArray, samples: RealArray, missing: int) -> None:
        """A last block of any length: what further samples would decide is decided by zeros."""
        completed = np.concatenate([samples, np.zeros((missing, self.input_channels), self.dtype)])
        padded = np.empty((len(completed), self.channels), self.dtype)
        self._fill(padded, completed)
        out[...] = padded[: len(samples)]
        self._held = padded[len(samples) :]
        self._closed = (
            f"a block of {len(samples)} samples, no multiple of {self._grain}, ended the stream "
            f"(blocksize=None takes blocks of any length)"
        )

    def _advance(self, samples: RealArray) -> RealArray:
        """At most `_step` samples in, as many out: a view, good until the next call."""
        try:
            due = self._analysis.write(samples)
            if due:
                self._run_frames(due)
        except BaseException:
            self._closed = "an error ended the stream"
            self._held = self._nothing
            raise
        return self._synthesis.read(len(samples))

    def _run_frames(self, due: int) -> None:
        frame = self._frame
        row = self._row
        calls = row.calls
        forwards = self._analysis.forward
        for i, (backward, probe) in enumerate(self._synthesis.reserve(due)):
            forwards[i]()
            if row.changing:
                calls = row.step(self._frames_done + i)
            for call in calls:
                try:
                    result = call(frame)
                    if result is not None and result is not frame:
                        store(result, frame)
                except Exception as error:
                    raise self._diagnose(i, row.callers[calls.index(call)], error) from error
            backward()
            if not isfinite(probe()):
                raise self._diagnose(i, row.stages[-1] if row.stages else None, NotFiniteError())
        self._synthesis.overlap_add()
        self._frames_done += due
        while row.rejected:
            self._rejected(row.rejected.popleft())

    def _diagnose(self, place: int, stage: Stage | None, error: BaseException) -> AudioError | PluginError:
        """What to call `error`: NaN or Inf in the input is at fault if there is any, else `stage`."""
        index = self._frames_done + place
        self._analysis.forward[place]()
        if stage is not None and np.isfinite(self._analysis.frame).all():
            return stage.failure(error, index)
        start = index * self.geometry.hop_length - self.geometry.overlap
        return AudioError(
            f"NaN or Inf (or values near the limit of {self.dtype}) in the input between samples "
            f"{max(start, 0)} and {start + self.geometry.analysis_support}: replace them, for instance "
            f"with numpy.nan_to_num"
        )


def _count(number: object, what: str) -> int:
    try:
        count = operator.index(number)  # type: ignore[arg-type]  # what is no number is what it finds out
    except TypeError:
        raise AudioError(f"{what}={number!r}, expected a whole number") from None
    if count < 1:
        raise AudioError(f"{what}={count}, expected at least 1")
    return count


def _split(frames: ComplexArray, channels: Mapping[str, int]) -> dict[str, ComplexArray]:
    """`frames`, shape (channels, bins), by the inputs that they belong to; read-only."""
    parts: dict[str, ComplexArray] = {}
    start = 0
    for name, count in channels.items():
        parts[name] = frames[start : start + count]
        parts[name].flags.writeable = False
        start += count
    return parts


def _dtype(dtype: DTypeLike) -> np.dtype[Any]:
    try:
        known = np.dtype(dtype)
    except TypeError:
        known = None
    if known not in (np.float32, np.float64):
        raise AudioError(f"dtype={dtype}, expected float32 or float64")
    return known
