"""What happens to a plugin while it plays: it is lent frames."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from rtstft.fftw import zeros
from rtstft.plugin import Plugin
from rtstft.returned import store
from rtstft.testing.bench import Bench, assert_same
from rtstft.types import ComplexArray


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
