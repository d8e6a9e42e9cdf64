"""Watcher: puts plugins into a running stream anew when their files are saved."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from os.path import samestat
from pathlib import Path
from typing import Any

from rtstft.chain import Chain, within
from rtstft.errors import RAISED, MissingExtraError, ParameterError
from rtstft.live.events import EventLog
from rtstft.live.priority import NoCollections
from rtstft.loading import load, origin_of
from rtstft.plugin import Callback, Plugin

_DEBOUNCE_MS = 100
_START_S = 2.0
_JOIN_S = 1.0


class Watcher:
    """Watches the files that the members of a chain come from, whenever they came, until it is closed.

    When one is saved, what comes from it is made anew and takes the old one's place in the chain,
    with the parameters that were set and that it still has. Where that fails, the old one stays, and an
    event says why.

    Files are those of Python and presets; what a file imports is not watched. Each folder has a thread;
    a folder that is removed or moved is looked for again.

    Args:
        chain: with the chains within it.
        events: where to report.

    Raises:
        MissingExtraError: watchfiles is not installed.
    """

    def __init__(self, chain: Chain, events: EventLog) -> None:
        try:
            import watchfiles
        except ImportError as error:
            raise MissingExtraError("watching files needs watchfiles: pip install 'rtstft[watch]'") from error
        self._watchfiles = watchfiles
        self._chain = chain
        self._events = events
        self._files: set[Path] = set()  # never fewer: what has failed makes room for what stood there before
        self._threads: dict[Path, threading.Thread] = {}
        self._growing = threading.Lock()
        self._stopping = threading.Event()
        self.changed()

    def changed(self) -> None:
        """Follows the chain: watches the files of its members, from now on."""
        with self._growing:
            for chain in self._chains():
                chain.follow(self)
            self._files.update(*(files for _, _, _, files in self._members()))
            for folder in {file.parent for file in self._files} - self._threads.keys():
                ready = threading.Event()
                thread = threading.Thread(
                    target=self._watch, args=(folder, ready), name="rtstft watcher", daemon=True
                )
                self._threads[folder] = thread
                thread.start()
                ready.wait(_START_S)

    def close(self) -> None:
        """Stops watching."""
        self._stopping.set()
        for chain in self._chains():
            chain.unfollow(self)
        for thread in self._threads.values():
            thread.join(_JOIN_S)  # it may be importing what does not come to an end

    def _chains(self) -> list[Chain]:
        return [self._chain, *within(self._chain)]

    def _members(self) -> list[tuple[Chain, Callback, str, set[Path]]]:
        """Of all chains: the chain, the member, what to load it of, and the files that it comes from."""
        return [(chain, member, *origin_of(member)) for chain in self._chains() for member in chain]

    def _watch(self, folder: Path, ready: threading.Event) -> None:
        missed: set[Path] = set()
        try:
            while not self._stopping.is_set():
                with suppress(FileNotFoundError):  # the folder is gone: it may come back
                    for changed in self._changes(folder):
                        ready.set()
                        for file in changed | missed:
                            if file.is_file():  # as it is not while an editor exchanges it
                                self._renew(file)
                        missed = set()
                ready.set()
                missed = {file for file in self._files.copy() if file.parent == folder}
                self._stopping.wait(_DEBOUNCE_MS / 1000)
        except RAISED as error:  # the system has no more watches to give, for instance
            self._events.add(f"files in {folder} are not watched any more: {error}")
            ready.set()

    def _changes(self, folder: Path) -> Iterator[set[Path]]:
        """Files of `folder` that have changed, or none; ends when another folder stands in its place."""
        seen = folder.stat()
        # The folder, for editors put another file in the place of the old one.
        for change in self._watchfiles.watch(
            folder,
            watch_filter=lambda _, path: Path(path) == folder or Path(path) in self._files,
            debounce=_DEBOUNCE_MS,
            stop_event=self._stopping,
            rust_timeout=_DEBOUNCE_MS,
            yield_on_timeout=True,
            recursive=False,
            raise_interrupt=False,
        ):
            yield {Path(path) for _, path in change}
            # A new one may have the number of one that was removed; of a parent that moves, nothing is told.
            removed = (self._watchfiles.Change.deleted, str(folder)) in change
            if removed or not samestat(seen, folder.stat()):
                return

    def _renew(self, file: Path) -> None:
        for chain, old, spec, files in self._members():
            if file not in files:
                continue
            name = Path(spec).name
            try:
                with NoCollections():
                    new = load(spec)
                refused = _take_over(old, new) if file.suffix == ".py" else []  # a preset says all itself
                exchanged = chain.exchange(old, new)
            except RAISED as error:
                self._events.add(f"{file.name} was saved, but the old {name} stays: {error}", error)
            else:
                if exchanged:
                    self._events.add(
                        "; not taken over: ".join([f"{file.name} was saved: {name} is new", *refused])
                    )


def _take_over(old: Any, new: Any) -> list[str]:
    """Sets `new` to those parameters of `old` that were set and that it still has; says which it refuses."""
    refused: list[str] = []
    if isinstance(old, Plugin) and isinstance(new, Plugin):
        for name, value in old.parameter_values.given.items():
            if name in new.params:
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
