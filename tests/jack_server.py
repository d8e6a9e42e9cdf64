"""A JACK server of one's own, on its dummy driver, and programs that use it."""

import contextlib
import importlib.util
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path
from typing import IO, Any

import numpy as np

RATE = 48_000
HERE = Path(__file__).parent
TIMEOUT_S = 60.0


def missing() -> str:
    """What the tests on JACK need and this machine has not; empty if it has all."""
    needed = {
        "jackd (apt install jackd2)": shutil.which("jackd"),
        "PortAudio (apt install libportaudio2)": find_library("portaudio"),
        "JACK-Client": importlib.util.find_spec("jack"),
    }
    return ", ".join(name for name, found in needed.items() if not found)


class Jackd:
    """`jackd` on its dummy driver under a name of its own, running from construction to `stop`."""

    def __init__(self, period: int = 256, name: str | None = None, *, realtime: bool = True) -> None:
        self.period = period
        self.realtime = realtime  # priority for it and its clients, where the system allows it
        self.name = name or f"rtstft-{secrets.token_hex(4)}"
        self.env = {
            **os.environ,
            "JACK_DEFAULT_SERVER": self.name,
            "JACK_NO_START_SERVER": "1",
            "JACK_NO_AUDIO_RESERVATION": "1",
        }
        self.start()

    def start(self) -> None:
        """Starts it, also again after it has died."""
        options = [] if self.realtime else ["-r"]
        command = ["jackd", "-n", self.name, *options, "-d", "dummy", "-r", str(RATE), "-p", str(self.period)]
        self.process = subprocess.Popen(
            command, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._tidy = False
        wait = ["jack_wait", "-s", self.name, "-w", "-t", "10"]
        try:
            subprocess.run(wait, env=self.env, check=True, capture_output=True, timeout=20)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def kill(self, number: int = signal.SIGTERM) -> None:
        """Ends it with a signal."""
        self.process.send_signal(number)
        self.process.wait(10)
        self._tidy = number != signal.SIGKILL

    def stop(self) -> None:
        """Ends it, if it has not ended."""
        if not self._tidy and self.process.poll() is not None:
            # JACK has room for eight servers, and one that was killed keeps its place until a
            # server of its name has run and ended.
            self.start()
        if self.process.poll() is None:
            self.kill()

    def run(self, *command: str, timeout: float = TIMEOUT_S) -> subprocess.CompletedProcess[str]:
        """Runs a program on this server to its end."""
        return subprocess.run(
            command, env=self.env, capture_output=True, text=True, timeout=timeout, check=False
        )


class Program:
    """A Python program on a JACK server, spoken to by lines; `code` may use `say(...)` and `hear()`."""

    PRELUDE = (
        "import dataclasses, json, os, sys, time\n"
        "import numpy as np\n"
        "import rtstft\n"
        "from effects import *\n"
        "def say(*values):\n    print(json.dumps(values), flush=True)\n"
        "def hear():\n    return sys.stdin.readline().strip()\n"
        "def facts(stream):\n"
        "    latency = stream.latency\n"
        "    return {**dataclasses.asdict(stream.stats), 'latency': {**dataclasses.asdict(latency),\n"
        "        'total': latency.total}, 'events': [event.text for event in stream.events]}\n"
        "def main():\n"
    )

    def __init__(self, server: Jackd, folder: Path, code: str, patience: float) -> None:
        indented = "".join(f"    {line}\n" for line in code.splitlines())
        script = folder / "program.py"
        script.write_text(f"{self.PRELUDE}{indented}\nif __name__ == '__main__':\n    main()\n")
        self._errors = (folder / "errors").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, str(script)],
            env={**server.env, "PYTHONPATH": str(HERE)},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._watchdog = threading.Timer(patience, self._process.kill)
        self._watchdog.start()

    def heard(self) -> list[Any]:
        """What the program says next."""
        output: IO[str] | None = self._process.stdout
        assert output is not None
        line = output.readline()
        if not line:
            raise AssertionError(f"the program has ended with {self._process.wait(10)}:\n{self.complaint()}")
        said: list[Any] = json.loads(line)
        return said

    def tell(self) -> None:
        """Lets a `hear()` of the program return."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """Ends it as nothing could be caught."""
        self._process.kill()
        self._process.wait()

    def end(self) -> int:
        """Exit code, once it has ended."""
        code = self._process.wait(TIMEOUT_S)
        assert code == 0, self.complaint()
        return code

    def close(self) -> None:
        """Ends it in any case."""
        self._watchdog.cancel()
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def complaint(self) -> str:
        """What it has written to standard error."""
        self._errors.flush()
        self._errors.seek(0)
        return "\n".join(line for line in self._errors.read().splitlines() if "ALSA" not in line)


@contextmanager
def program(server: Jackd, folder: Path, code: str, *, patience: float = 2 * TIMEOUT_S) -> Iterator[Program]:
    """A Program that is ended in any case, after `patience` seconds at the latest."""
    running = Program(server, folder, code, patience)
    try:
        yield running
    finally:
        running.close()


@contextmanager
def tape(
    server: Jackd,
    folder: Path,
    seconds: float,
    channels: int = 1,
    *,
    then: Callable[[], object] | None = None,
) -> Iterator[dict[str, Any]]:
    """Plays noise through rtstft's ports while the block runs; then has `sent` and `received`.

    What is NaN in `received`, JACK itself has lost. `then` is called when all is recorded, before the
    recording is written: that keeps the machine busy.
    """
    path = folder / "tape.npz"
    command = [
        sys.executable,
        str(HERE / "jack_tape.py"),
        str(path),
        str(seconds),
        "--channels",
        str(channels),
    ]
    process = subprocess.Popen(
        command, env=server.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, Any] = {}
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "playing"
        yield found
        assert process.stdout.readline().strip() == "recorded"
        if then is not None:
            then()
        process.communicate("\n", TIMEOUT_S)
        assert process.returncode == 0
        with np.load(path) as loaded:
            found.update(loaded)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


@contextmanager
def witnesses() -> Iterator[list[float]]:
    """While the block runs, watches every processor; then lists the longest standstills in ms.

    Empty where real-time priority is not allowed, and nothing can be told.
    """
    command = [sys.executable, str(HERE / "witness.py")]
    watching = [
        subprocess.Popen(
            [*command, str(cpu)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        for cpu in os.sched_getaffinity(0)
    ]
    standstills: list[float] = []
    try:
        yield standstills
    finally:
        for process in watching:
            said = process.communicate()[0]
            standstills.extend(float(line) for line in said.split())
