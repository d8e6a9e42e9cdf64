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
        for remark in remarks:
            if remark not in (self._standing or ()):
                self.say(remark)
        self._standing = remarks

    def say(self, remark: str) -> None:
        """Warns, whatever was said before; raises nothing once remarks have been made."""
        with nullcontext() if self._standing is None else suppress(ResponseWarning):
            warnings.warn(f"{self._plugin!r}: {remark}", ResponseWarning, stacklevel=4)


def beyond(name: str, nyquist_hz: float, so: str) -> str:
    """The remark that `name` lies at or above half the samplerate."""
    return f"{name} is not below half the samplerate, {nyquist_hz:g} Hz: {so}"
