"""FlightRecorder: the last seconds before something went wrong, as a sound file and what led to it."""

import json
import shlex
import threading
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from rtstft.errors import RtstftError
from rtstft.geometry import STFT
from rtstft.live.events import EventLog
from rtstft.live.recorder import Recorder
from rtstft.live.ring import Samples
from rtstft.loading import spec_of


class FlightRecorder:
    """Keeps `seconds` of input, and writes them with parameters, frame times and events when told to.

    At most one pair of files in `seconds`: what follows soon after is in the next one's events.
    """

    def __init__(
        self,
        seconds: float,
        folder: Path,
        *,
        geometry: STFT,
        samplerate: float,
        channels: int,
        callbacks: Iterable[Any],
        events: EventLog,
    ) -> None:
        self._seconds = seconds
        self._folder = folder
        self._geometry = geometry
        self._samplerate = samplerate
        self._channels = channels
        self._callbacks = callbacks
        self._events = events
        self._blocks: deque[Samples] = deque()
        self._held = 0
        self._position = 0
        self._last_written = -seconds
        self._writer: threading.Thread | None = None

    def put(self, samples: Samples) -> None:
        """The next input samples, shape (n, channels), not to be changed afterwards."""
        self._blocks.append(samples)
        self._held += len(samples)
        self._position += len(samples)
        while self._held - len(self._blocks[0]) >= self._seconds * self._samplerate:
            self._held -= len(self._blocks.popleft())

    def write(self, why: str, loads: list[float], facts: dict[str, Any]) -> None:
        """Starts writing what is held, unless that was done a short while ago."""
        now = time.monotonic()
        writing = self._writer is not None and self._writer.is_alive()
        if writing or not self._held or now - self._last_written < self._seconds:
            return
        self._last_written = now
        recording = np.concatenate(list(self._blocks))
        record = {
            "why": why,
            "first_sample": self._position - len(recording),
            "samples": len(recording),
            "samplerate": self._samplerate,
            "channels": self._channels,
            "geometry": {
                "n_fft": self._geometry.n_fft,
                "hop_length": self._geometry.hop_length,
                "win_length": self._geometry.win_length,
                "window": self._geometry.window,
                "synthesis": self._geometry.synthesis,
            },
            "loads": [round(load, 4) for load in loads],
            "events": [str(event) for event in self._events.all],
            **facts,
        }
        self._writer = threading.Thread(
            target=self._write, args=(recording, record), name="rtstft flight recorder", daemon=True
        )
        self._writer.start()

    def close(self) -> None:
        """Waits for a write that is under way."""
        if self._writer is not None:
            self._writer.join()

    def _write(self, recording: Samples, record: dict[str, Any]) -> None:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        path = self._folder / f"rtstft-flight-{stamp}.wav"
        number = 1
        while path.exists():
            number += 1
            path = self._folder / f"rtstft-flight-{stamp}-{number}.wav"
        record["replay"] = self._replay(path)
        try:
            recorder = Recorder(path, self._samplerate, self._channels, overwrite=False)
            recorder.put(recording)
            recorder.close()
            path.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        except (RtstftError, OSError) as error:
            self._events.add(f"the flight recorder could not write: {error}")
        else:
            self._events.add(f"flight recorder wrote {path} and its .json")

    def _replay(self, path: Path) -> str | None:
        """The command that passes the recording through the same; None where something has no name."""
        words = ["rtstft", "process", str(path), str(path.with_name(f"{path.stem}-replay.wav"))]
        for callback in self._callbacks:
            try:
                words += ["--plugin", spec_of(callback)]
            except RtstftError:
                return None
        geometry = self._geometry
        words += ["--n-fft", str(geometry.n_fft), "--hop-length", str(geometry.hop_length)]
        words += ["--win-length", str(geometry.win_length)]
        for option, spec in (("--window", geometry.window), ("--synthesis", geometry.synthesis)):
            parts = (spec,) if isinstance(spec, str) else spec
            if not isinstance(parts[0], str):
                return None
            words += [option, ":".join(map(str, parts))]
        return shlex.join(words)
