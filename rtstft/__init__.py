"""Streaming STFT processing: frames of a live or recorded signal through a Python callback, exactly."""

from typing import TYPE_CHECKING

from rtstft.chain import Chain
from rtstft.errors import (
    AudioError,
    CallbackError,
    ConditioningWarning,
    FileError,
    GeometryError,
    MissingExtraError,
    ParameterError,
    PluginError,
    PluginWarning,
    ResponseWarning,
    RtstftError,
    SetupError,
    StreamError,
)
from rtstft.geometry import STFT
from rtstft.loading import plugin
from rtstft.params import Param
from rtstft.paths import PathParam
from rtstft.plugin import Context, FrameInfo, Plugin
from rtstft.processor import Processor

if TYPE_CHECKING:
    from rtstft.file import FileProgress, FileReport, frames, process_file, stretch_file
    from rtstft.live import Stream
    from rtstft.presets import load_preset, save_preset
else:
    # Imported when asked for: who needs the engine alone does not wait for files and devices.
    _LATER = {
        "FileProgress": "rtstft.file",
        "FileReport": "rtstft.file",
        "Stream": "rtstft.live",
        "frames": "rtstft.file",
        "load_preset": "rtstft.presets",
        "process_file": "rtstft.file",
        "save_preset": "rtstft.presets",
        "stretch_file": "rtstft.file",
    }

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = found = getattr(import_module(_LATER[name]), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "STFT",
    "AudioError",
    "CallbackError",
    "Chain",
    "ConditioningWarning",
    "Context",
    "FileError",
    "FileProgress",
    "FileReport",
    "FrameInfo",
    "GeometryError",
    "MissingExtraError",
    "Param",
    "ParameterError",
    "PathParam",
    "Plugin",
    "PluginError",
    "PluginWarning",
    "Processor",
    "ResponseWarning",
    "RtstftError",
    "SetupError",
    "Stream",
    "StreamError",
    "frames",
    "load_preset",
    "plugin",
    "process_file",
    "save_preset",
    "stretch_file",
]
