"""LiveEngine: a Processor that goes on whatever callbacks and microphones do, and measures itself."""

from collections import deque
from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Any, Literal, TypeAlias

import numpy as np

from rtstft.arrays import is_within
from rtstft.callbacks import name_of
from rtstft.errors import RAISED, PluginError, StreamError
from rtstft.geometry import STFT
from rtstft.live.bypass import Bypass
from rtstft.live.events import EventLog
from rtstft.live.guard import Guard
from rtstft.live.overload import Overload
from rtstft.live.ring import Samples
from rtstft.live.stats import LoadHistogram
from rtstft.plugin import Callback, Plugin
from rtstft.processor import Processor
from rtstft.row import Call
from rtstft.stage import Stage, let_pass
from rtstft.types import ComplexArray

OnOverload: TypeAlias = Literal["dry", "hold", "mute"]
OnError: TypeAlias = Literal["dry", "stop"]
_LOUDEST = 1e9  # beyond it float32 arithmetic on spectra may overflow


class LiveEngine(Processor):
    """Processes blocks; never raises for what is in them, or for what a callback does.

    Attributes:
        bypass: whether and how far all callbacks are left out.
        first_error: the first failure of a callback, or None.
        callback_errors, bad_input, late_frames, frames: as in Stats.
        load: histogram of the time of frames.
        calling: name of the callback that is running; empty if none is.
        stop_requested: a callback failed, and `on_error` is "stop".
    """

    def __init__(
        self,
        callbacks: Callback | Iterable[Callback],
        geometry: STFT,
        *,
        samplerate: float,
        channels: int,
        blocksize: int | None,
        on_overload: OnOverload,
        on_error: OnError,
        returns: bool,
        planner_effort: str,
        events: EventLog,
        aux: Mapping[str, int] | None = None,
    ) -> None:
        self._returns = returns
        self._on_error = on_error
        self._events = events
        self.first_error: PluginError | None = None
        self.callback_errors = 0
        self.bad_input = 0
        self.late_frames = 0
        self.frames = 0
        self.load = LoadHistogram()
        self.calling = ""
        self.stop_requested = False
        self._pending: deque[tuple[object, str, object]] = deque()
        self._hop_s = geometry.hop_length / samplerate
        self.overload = Overload(self._hop_s, on_overload, events)
        super().__init__(
            callbacks,
            geometry,
            samplerate,
            channels,
            blocksize,
            planner_effort=planner_effort,
            aux=aux,
        )
        self.bypass = Bypass(self._row.crossfade, self._frame, self._row.lookahead)
        self._busy_s = 0.0  # time spent on the frame that is not complete yet

    @property
    def grain(self) -> int:
        """Blocks have to be multiples of this many samples."""
        return self._grain

    @property
    def skipping(self) -> bool:
        """Whether callbacks are left out."""
        return self.bypass.complete or self.overload.active

    @property
    def probing(self) -> bool:
        """Whether callbacks that are left out are timed on a copy of the frame."""
        return self.overload.probing and not self.bypass.complete

    @property
    def _present(self) -> list[Guard]:
        entries = [stage.entry for stage in self._row.stages if stage.callback is not let_pass]
        return [entry for entry in entries if isinstance(entry, Guard)]

    @property
    def _callbacks(self) -> list[Callback]:
        """In the order that was asked for last, which may still be to come."""
        return [stage.callback for stage in self._row.planned if stage.callback is not let_pass]

    @property
    def slowest(self) -> str:
        """Name of the callback that takes the most time; empty if there is none."""
        return max(((guard.mean_s, guard.name) for guard in self._present), default=(0.0, ""))[1]

    def parameters(self) -> list[dict[str, Any]]:
        """Name and public plain attributes of each callback: what a flight recorder keeps."""
        rows = []
        for plugin in self._callbacks:
            known = {**vars(type(plugin)), **dict(getattr(plugin, "__dict__", {}))}
            if isinstance(plugin, Plugin):
                known.update(plugin.parameter_values)
            plain = {
                name: value
                for name, value in known.items()
                if not name.startswith("_") and isinstance(value, (bool, int, float, str))
            }
            rows.append({"callback": name_of(plugin), "parameters": plain})
        return rows

    def set(self, which: str | int | None, values: dict[str, object]) -> None:
        """Sets attributes of a plugin, by name or place, or of the only one that has them, between frames.

        Raises:
            StreamError: no plugin, or more than one, has the attribute.
            ParameterError: a value that a parameter does not take; nothing is set then.
        """
        changes = [(self._owner(which, attribute), attribute, value) for attribute, value in values.items()]
        for plugin, attribute, value in changes:
            if isinstance(plugin, Plugin) and attribute in plugin.params:
                plugin.parameter_values.checked({attribute: value})
        self._pending.extend(changes)

    def automate(self, which: str | int | None, name: str, course: object) -> None:
        """Lets a plugin's parameter follow a course; errors as of `set` and `Plugin.automate`."""
        plugin = self._owner(which, name)
        if not isinstance(plugin, Plugin):
            raise StreamError(f"{name_of(plugin)}.{name} is no parameter of a Plugin, expected one")
        plugin.automate(name, course)

    def failed(self, error: PluginError) -> None:
        """Counts a failure; keeps the first."""
        self.callback_errors += 1
        if self.first_error is None:
            self.first_error = error
            self._events.add(str(error), error)
        if self._on_error == "stop":
            self.stop_requested = True

    def run(self, block: Samples, out: Samples) -> None:
        """Processes `block`, (n, input_channels), into `out`, (n, channels); may change `block`.

        n is a multiple of `grain`.
        """
        if not is_within(block, _LOUDEST):
            self._sanitise(block)
        before = self.frames
        started = perf_counter()
        self.process(block, out)
        self._busy_s += perf_counter() - started
        done = self.frames - before
        if done:
            load = self._busy_s / (done * self._hop_s)
            self._busy_s = 0.0
            self.load.add(load, done)
            if load > 1:
                self.late_frames += done
            self.overload.observe(load, done, self.slowest)

    def reset(self) -> None:
        """Forgets the signal, not the counts."""
        super().reset()
        self.bypass.reset()
        for guard in self._present:
            guard.reset()

    def close(self) -> None:
        """Follows its chain of callbacks no more."""
        self._row.close()

    def _entry_of(self, stage: Stage, _: bool) -> Call:
        return Guard(stage, self._frame, self, returns=self._returns)

    def _before(self) -> list[Call]:
        return [self._begin_frame]

    def _after(self) -> list[Call]:
        return [self._end_frame]

    def _run_frames(self, due: int) -> None:
        while self._pending:
            plugin, attribute, value = self._pending.popleft()
            try:
                setattr(plugin, attribute, value)
            except RAISED as error:
                self._events.add(f"{attribute}={value!r} was refused: {error}", error)
        super()._run_frames(due)
        self.frames += due

    def _rejected(self, error: PluginError) -> None:
        self._events.add(f"{error}; it was not taken in, what played before goes on", error)

    def _begin_frame(self, frame: ComplexArray) -> None:
        self.bypass.begin_frame(frame)

    def _end_frame(self, frame: ComplexArray) -> None:
        self.bypass.end_frame(frame)
        if not self.bypass.complete:
            probe_s = sum(guard.probe_s for guard in self._present) if self.probing else 0.0
            self.overload.end_frame(frame, probe_s)

    def _sanitise(self, block: Samples) -> None:
        bad = ~(np.abs(block) < _LOUDEST)
        self.bad_input += int(np.count_nonzero(bad))
        block[bad] = 0

    def _owner(self, which: str | int | None, attribute: str) -> object:
        row = list(enumerate(self._callbacks))
        named = [plugin for place, plugin in row if which in (None, place, name_of(plugin))]
        owners = [plugin for plugin in named if hasattr(plugin, attribute)]
        if len(owners) == 1:
            return owners[0]
        names = ", ".join(f"{place} {name_of(plugin)}" for place, plugin in row) or "none"
        if not named:
            raise StreamError(f"no callback is called {which!r}: expected a name or place out of {names}")
        if not owners:
            raise StreamError(f"{attribute!r} is an attribute of no callback asked, of {names}")
        raise StreamError(f"{attribute!r} is an attribute of several callbacks, give a place out of {names}")
