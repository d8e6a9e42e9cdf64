"""What happens to a plugin while it plays: it is lent frames, updated, copied, and comes in late."""

import pickle
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import numpy as np

from rtstft.callbacks import arguments_of
from rtstft.errors import PluginError
from rtstft.fftw import zeros
from rtstft.plugin import FrameInfo, Plugin
from rtstft.returned import store
from rtstft.testing.bench import Bench, assert_same
from rtstft.types import ComplexArray

_ROUNDING = 1e-3  # of the largest sample
_FIRST_FRAMES = -3, 1000  # behind a lookahead, and of one that comes in late


def check_lent(bench: Bench) -> None:
    """No frame is used after the call; in an array of its own, one that was kept stays as it was."""

    def own(frame: ComplexArray, *more: Any) -> list[Any]:
        return [_copied(frame), *more[:1], *map(_copied_all, more[1:])]

    assert_same(
        bench.of(_given(bench.fresh(), own)),
        bench.usual,
        "a frame, or an auxiliary one, is kept after process",
        "it is valid during the call only, copy what is needed later",
    )


def check_copy(bench: Bench) -> None:
    """A copy by pickle plays the same."""
    assert_same(
        bench.of(pickle.loads(pickle.dumps(bench.fresh()))),
        bench.usual,
        "a pickled copy, as isolate=True makes one, gives another output",
        "keep what prepare needs in parameters or in attributes of the instance",
    )


def check_update(bench: Bench) -> None:
    """`update` without another value changes nothing."""
    found = bench.play_halves(bench.plugin.update)
    worst = float(np.abs(found - bench.usual).max())
    assert worst <= _ROUNDING * np.abs(bench.usual).max(), (
        f"update changes the output by up to {worst:.3g} though no parameter has changed: as it runs in the "
        f"middle of a signal, for any parameter, leave what remembers the signal to prepare and reset"
    )


def check_counting(bench: Bench) -> None:
    """Frames may be counted from elsewhere than 0."""
    if arguments_of(bench.plugin.process) == 1:
        return
    hop, start = bench.rig.geometry.hop_length, 0

    def counted(frame: ComplexArray, info: FrameInfo, *aux: Any) -> list[Any]:
        return [frame, FrameInfo(info.index + start, info.position + start * hop), *aux]

    def fresh() -> Plugin:
        return _given(bench.fresh(), counted)

    elsewhere = Bench(bench.rig, fresh)
    for start in _FIRST_FRAMES:
        what = f"where the first frame that it sees is number {start}"
        why = "one that comes in while others play, or behind a lookahead, does not see frame 0 first"
        try:
            expected = bench.of(fresh())
        except PluginError as error:
            raise AssertionError(f"{what}: {error}: make state in prepare: {why}") from error
        assert_same(
            elsewhere.play(),
            expected,
            f"{what}, the output after reset differs from a fresh plugin's",
            f"let reset undo whatever process changes: {why}",
        )


def _given(plugin: Plugin, change: Callable[..., list[Any]]) -> Plugin:
    """`plugin`, whose process is given what `change` makes of its arguments."""
    process = plugin.process

    @wraps(process)
    def changed(frame: ComplexArray, *more: Any) -> None:
        lent, *others = change(frame, *more)
        result = process(lent, *others)
        store(lent if result is None else result, frame)

    vars(plugin)["process"] = changed
    return plugin


def _copied(frame: ComplexArray) -> ComplexArray:
    copy = zeros(frame.shape, frame.dtype)  # aligned as a frame is, so that sums have the same bits
    copy[...] = frame
    copy.flags.writeable = frame.flags.writeable
    return copy


def _copied_all(aux: Mapping[str, ComplexArray]) -> dict[str, ComplexArray]:
    return {name: _copied(frame) for name, frame in aux.items()}
