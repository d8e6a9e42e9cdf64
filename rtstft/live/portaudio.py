"""PortAudio itself, through sounddevice: loaded, asked for devices, taken down and begun again."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from rtstft.errors import MissingExtraError, StreamError
from rtstft.live.duplex import DeviceName

NO_DEVICE = (
    "there is no sound device: is one plugged in, and does a sound server run? "
    "(without hardware: jackd -d dummy)"
)
_using: set[int] = set()  # identities of those who have a stream open
# Streams and libraries whose server has died: freeing them would hang, or end the program.
_abandoned: list[Any] = []


def load() -> Any:
    """The sounddevice module; MissingExtraError that says how to install what is missing."""
    try:
        import sounddevice
    except ImportError as error:
        raise MissingExtraError("live audio needs sounddevice: pip install sounddevice rtmixer") from error
    except OSError as error:
        raise MissingExtraError(
            "live audio needs the PortAudio library: apt install libportaudio2 (Debian, Ubuntu), "
            "dnf install portaudio (Fedora), pacman -S portaudio (Arch)"
        ) from error
    return sounddevice


def devices() -> list[dict[str, Any]]:
    """All devices: index, name, API, channels, samplerate, latencies in ms, and which are the defaults."""
    sd = load()
    apis = sd.query_hostapis()
    chosen = list(sd.default.device)
    for kind in range(2):
        if chosen[kind] < 0 and apis:
            chosen[kind] = apis[0][("default_input_device", "default_output_device")[kind]]
    return [
        {
            "index": device["index"],
            "name": device["name"],
            "api": apis[device["hostapi"]]["name"],
            "input_channels": device["max_input_channels"],
            "output_channels": device["max_output_channels"],
            "samplerate": device["default_samplerate"],
            "input_latency_ms": device["default_low_input_latency"] * 1e3,
            "output_latency_ms": device["default_low_output_latency"] * 1e3,
            "default_input": device["index"] == chosen[0],
            "default_output": device["index"] == chosen[1],
        }
        for device in sd.query_devices()
    ]


def names(chosen: tuple[DeviceName, DeviceName]) -> tuple[str, str]:
    """Names of an input and an output device; StreamError if there is none of that name."""
    sd = load()
    try:
        return (
            str(sd.query_devices(chosen[0], "input")["name"]),
            str(sd.query_devices(chosen[1], "output")["name"]),
        )
    except (sd.PortAudioError, ValueError) as error:
        raise StreamError(explain(sd, error)) from error


def rest() -> None:
    """Takes PortAudio down until it is needed again: its connection to a server would outlive the server."""
    sd = load()
    if sd._initialized and not _using:
        sd._terminate()


def use(user: object) -> None:
    """`user` has a stream open: PortAudio is to stay as it is."""
    _using.add(id(user))


def leave(user: object) -> None:
    """`user` has none any more."""
    _using.discard(id(user))


def explain(sd: Any, error: Exception) -> str:
    """What to say to a user whose device could not be opened."""
    if not sd.query_devices():
        return NO_DEVICE
    return f"the device cannot be opened: {error} (rtstft devices lists what there is)"


def abandon(run: object) -> None:
    """Leaves a stream that does not answer to itself, and the library that it is in."""
    sd = load()
    _abandoned.append((run, sd._lib))
    sd._initialized = 0  # or PortAudio's own exit, which aborts the program, would run at exit


def renew(sd: Any, *, rescan: bool) -> None:
    """Makes PortAudio look for devices again; a second copy of it where the first is beyond help.

    PortAudio can be initialised only once in a process, and not taken down while a stream of it
    hangs. To the loader, a copy of the library under another name is another library.
    """
    if any(library is sd._lib for _, library in _abandoned):
        with tempfile.TemporaryDirectory() as folder:
            sd._lib = sd._ffi.dlopen(shutil.copy(_library_path(sd), folder))
        sd._initialize()
    elif not sd._initialized:
        sd._initialize()
    elif rescan and not _using:  # it would end the others
        sd._terminate()
        sd._initialize()


def _library_path(sd: Any) -> Path:
    if Path(sd._libname).is_file():
        return Path(sd._libname)
    for line in Path("/proc/self/maps").read_text().splitlines():
        path = Path(line.split(maxsplit=5)[-1])
        if "portaudio" in path.name and path.is_file():
            return path
    raise StreamError("PortAudio's library cannot be found again: start the program anew")
