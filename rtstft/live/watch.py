"""Watcher: puts plugins into a running stream anew when their files are saved."""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rtstft.chain import Chain
from rtstft.errors import RAISED, CallbackError, MissingExtraError, ParameterError
from rtstft.live.events import EventLog
from rtstft.loading import is_preset, load, source_of, split
from rtstft.places import place_in_file
from rtstft.plugin import Plugin

_DEBOUNCE_MS = 100
_KEPT = 8  # saves while the stream stands still, after which its last sound would be forgotten
_JOIN_S = 1.0


class Watcher:
    """Watches the files that callbacks come from, in a thread of its own, until it is closed.

    When one is saved, what comes from it is made anew and takes the old one's place in the chain,
    with the parameters that were set and that it still has. Where that fails, the old one stays, and an
    event says why.

    What a file imports, and what a preset names, is not watched.

    Args:
        specs: what the chain was made of, in its order; those from files are watched.
        chain: made of them.
        events: where to report.

    Raises:
        CallbackError: none of the specs names a file.
        MissingExtraError: watchfiles is not installed.
    """

    def __init__(self, specs: Iterable[object], chain: Chain, events: EventLog) -> None:
        try:
            import watchfiles
        except ImportError as error:
            raise MissingExtraError("watching files needs watchfiles: pip install 'rtstft[watch]'") from error
        self._watchfiles = watchfiles
        self._chain = chain
        self._events = events
        # Of each, the newest first: the chain goes back to the one last heard if the newest fails at once.
        self._watched: list[tuple[Path, str, list[Any]]] = [
            (file, spec, [callback])
            for given, callback in zip(specs, chain)
            # Without parameters: the new one takes those of the old one that it still has.
            if (spec := split(given)[0] if isinstance(given, str) else place_in_file(callback))
            and (file := source_of(spec)) is not None
        ]
        if not self._watched:
            raise CallbackError(
                f"watch=True (--watch), but none of {list(chain)} comes from a file, such as 'file.py:Name'"
            )
        self._stopping = threading.Event()
        self._watching = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="rtstft watcher", daemon=True)
        self._thread.start()
        self._watching.wait(2.0)

    def close(self) -> None:
        """Stops watching."""
        self._stopping.set()
        self._thread.join(_JOIN_S)  # it may be importing what does not come to an end

    def _watch(self) -> None:
        files = {file for file, *_ in self._watched}
        # Folders, for editors put another file in the place of the old one.
        changes = self._watchfiles.watch(
            *{file.parent for file in files},
            watch_filter=lambda _, path: Path(path) in files,
            debounce=_DEBOUNCE_MS,
            stop_event=self._stopping,
            rust_timeout=_DEBOUNCE_MS,
            yield_on_timeout=True,
            recursive=False,
            raise_interrupt=False,
        )
        try:
            for change in changes:
                self._watching.set()
                for file in {Path(path) for _, path in change}:
                    if file.is_file():  # as it is not while an editor exchanges it
                        self._renew(file)
        except RAISED as error:  # the system has no more watches to give, for instance
            self._events.add(f"files are not watched any more: {error}")
            self._watching.set()

    def _renew(self, file: Path) -> None:
        for of, spec, versions in self._watched:
            if of != file:
                continue
            old = next((one for one in versions if any(one is item for item in self._chain)), None)
            if old is None:  # it was taken out
                continue
            try:
                new = load(spec)
                refused = _take_over(old, new, spec)
                exchanged = self._chain.exchange(old, new)
            except RAISED as error:
                self._events.add(f"{file.name} was saved, but the old {spec} stays: {error}", error)
            else:
                if exchanged:
                    versions[:] = [new, *versions][:_KEPT]
                    self._events.add(
                        "; not taken over: ".join([f"{file.name} was saved: {spec} is new", *refused])
                    )


def _take_over(old: Any, new: Any, spec: str) -> list[str]:
    """Sets `new` to those parameters of `old` that were set and that it still has; says which it refuses."""
    refused: list[str] = []
    if isinstance(old, Plugin) and isinstance(new, Plugin) and not is_preset(spec):
        for name, value in old.parameter_values:
            if name in new.params and value != old.params[name].default:
                try:
                    new.set(**{name: value})
                except ParameterError as error:
                    refused.append(str(error))
        for name, course in old.parameter_values.curves.items():
            if name in new.params:
                try:
                    new.automate(name, course)
                except ParameterError as error:
                    refused.append(str(error))
    return refused
