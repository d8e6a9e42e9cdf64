"""Options that several verbs share, and the geometry they describe."""

from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import typer

from rtstft.errors import FileError, GeometryError
from rtstft.fftw import Effort
from rtstft.file.output import OutputOptions
from rtstft.file.pcm import Clip
from rtstft.geometry import STFT
from rtstft.windows import WindowSpec

_PANEL = "Geometry"

Plugins: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        "-p",
        "--callback",
        "-c",
        metavar="NAME[:PARAMETER=VALUE,...]",
        help="A plugin (see rtstft plugins), file.py:name, package.module:name, or a preset file; several "
        "run in this order.",
    ),
]
Aux: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=FILE",
        help="Sound file for an auxiliary input of a plugin, such as sidechain=voice.wav; live also a "
        "number of further channels of the device.",
    ),
]
InFile: TypeAlias = Annotated[
    str, typer.Argument(metavar="IN", help="Sound file, or - for WAV or AU on standard input.")
]
OutFile: TypeAlias = Annotated[
    str, typer.Argument(metavar="OUT", help="File to write, or - for standard output.")
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="One line of JSON.")]


@dataclass(frozen=True)
class GeometryOptions:
    """What describes a geometry."""

    n_fft: Annotated[int, typer.Option("--n-fft", help="DFT length in samples.", rich_help_panel=_PANEL)] = (
        1024
    )
    hop_length: Annotated[
        int | None,
        typer.Option(
            "--hop-length", help="Samples between frames; default a quarter.", rich_help_panel=_PANEL
        ),
    ] = None
    win_length: Annotated[
        int | None,
        typer.Option("--win-length", help="Window length in samples; default n-fft.", rich_help_panel=_PANEL),
    ] = None
    window: Annotated[
        str | None,
        typer.Option(
            "--window", help="Name, name:parameter, name:symmetric; default hann.", rich_help_panel=_PANEL
        ),
    ] = None
    latency_ms: Annotated[
        float | None,
        typer.Option(
            "--latency-ms",
            help="Low-delay window pair within this latency, instead of --hop-length, --win-length, "
            "--window.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    synthesis: Annotated[
        str | None,
        typer.Option("--synthesis", help="dual, same, ola; default dual.", rich_help_panel=_PANEL),
    ] = None

    def geometry(self, samplerate: float) -> STFT:
        """The geometry described; GeometryError if the options contradict each other."""
        if self.latency_ms is None:
            window = parse_window("hann" if self.window is None else self.window)
            given = {"hop_length": self.hop_length, "win_length": self.win_length}
            sizes: dict[str, Any] = {name: size for name, size in given.items() if size is not None}
            synthesis = parse_window("dual" if self.synthesis is None else self.synthesis)
            return STFT(self.n_fft, window=window, synthesis=synthesis, **sizes)
        if (self.hop_length, self.win_length, self.window, self.synthesis) != (None,) * 4:
            raise GeometryError(
                "--latency-ms chooses hop, length and shape of the window: "
                "leave out --hop-length, --win-length, --window and --synthesis"
            )
        return STFT.for_latency(self.latency_ms / 1000, samplerate, n_fft=self.n_fft)


@dataclass(frozen=True)
class JobOptions:
    """How a sound file is written, and what is told of that."""

    planner_effort: Annotated[Effort, typer.Option(help="How long FFTW may look for a fast plan.")] = (
        "estimate"
    )
    subtype: Annotated[str | None, typer.Option(help="Sample format, such as PCM_24; default as IN.")] = None
    format: Annotated[
        str | None, typer.Option(help="Container, such as FLAC; default by OUT's name, or as IN.")
    ] = None
    dither: Annotated[bool, typer.Option("--dither", help="Triangular dither before rounding.")] = False
    clip: Annotated[
        Clip, typer.Option(help="Samples beyond full scale: limit and count, refuse, or lower all.")
    ] = "count"
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing OUT.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")] = False
    as_json: Annotated[bool, typer.Option("--json", help="The report as one line of JSON.")] = False

    @property
    def output(self) -> OutputOptions:
        """What becomes of the samples."""
        return {
            "subtype": self.subtype,
            "format": self.format,
            "dither": "tpdf" if self.dither else None,
            "clip": self.clip,
            "overwrite": self.overwrite,
        }


def parse_window(text: str) -> WindowSpec:
    """`hann`, `kaiser:8.6` or `hamming:symmetric` as STFT takes it."""
    name, *rest = text.split(":")
    parameters: list[str | float] = []
    for word in rest:
        try:
            parameters.append(float(word))
        except ValueError:
            parameters.append(word)
    return (name, *parameters) if parameters else name


def parse_aux(texts: list[str] | None) -> dict[str, str]:
    """Names and files of `NAME=FILE` options."""
    found = {}
    for text in texts or ():
        name, equals, path = text.partition("=")
        if not (name and equals and path) or name in found:
            raise FileError(f"--aux {text}, expected NAME=FILE, each name once")
        found[name] = path
    return found
