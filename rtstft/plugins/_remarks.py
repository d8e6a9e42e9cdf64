"""Remarks: what a plugin says of settings that come to nothing."""

import warnings
from collections.abc import Collection
from contextlib import nullcontext, suppress

from rtstft.errors import ResponseWarning
from rtstft.plugin import Plugin


class Remarks:
    """Warns of each setting that comes to nothing, whenever it begins to.

    Parameters are set one after the other, and while a stream runs: what holds for a moment only must
    not end it. So the first remarks, made as the plugin is prepared, may raise, as warnings can be made
    to; later ones never do.

    Args:
        plugin: whose settings these are.
    """

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin
        self._standing: Collection[str] | None = None

    def make(self, remarks: Collection[str]) -> None:
        """All that there is to say of the settings now; what was said last time is not said again."""
        before, self._standing = self._standing, remarks
        with nullcontext() if before is None else suppress(ResponseWarning):
            for remark in remarks:
                if remark not in (before or ()):
                    warnings.warn(f"{self._plugin!r}: {remark}", ResponseWarning, stacklevel=3)


def beyond(name: str, nyquist_hz: float, so: str) -> str:
    """The remark that `name` lies at or above half the samplerate."""
    return f"{name} is not below half the samplerate, {nyquist_hz:g} Hz: {so}"
