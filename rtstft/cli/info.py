"""`rtstft info`: what a geometry does, in samples, milliseconds and hertz."""

import json
from typing import Annotated, Any

import typer

from rtstft.cli import options
from rtstft.cli.grouped import grouped
from rtstft.file.source import Source
from rtstft.geometry import STFT

_BLOCKSIZES = (32, 64, 128, 256, 512, 1024)


@grouped
def info(
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="Sound file to describe as well.")
    ] = None,
    *,
    transform: options.GeometryOptions,
    samplerate: Annotated[float | None, typer.Option(help="In Hz; default FILE's, or 48000.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Describe a sound file and a geometry: sizes, bins, latency by block size, reconstruction."""
    if samplerate is not None and not 0 < samplerate < float("inf"):
        raise typer.BadParameter(f"--samplerate {samplerate:g}, expected a positive number")
    facts: dict[str, Any] = {}
    if file is not None:
        with Source(file) as source:
            facts["file"] = _file_facts(source)
        samplerate = samplerate or source.samplerate
    rate = samplerate or 48_000.0
    geometry = transform.geometry(rate)
    facts["geometry"] = _geometry_facts(geometry, rate)
    if as_json:
        print(json.dumps(facts))
        return
    if file is not None:
        for name, value in facts["file"].items():
            if value not in (None, []):
                print(f"{name:>20}  {value}")
    print(geometry.describe(rate))
    described = facts["geometry"]
    print(f"{'reconstruction error':>20}  {described['reconstruction_error']:.2g}")
    print(f"{'conditioning':>20}  {described['conditioning']:.4g}")
    print(f"{'bin spacing':>20}  {described['bin_hz']:.4g} Hz")
    print(f"{'block size':>20}  latency")
    for blocksize, samples in described["latency"].items():
        print(f"{blocksize:>20}  {samples} samples, {samples / rate * 1e3:.2f} ms")


def _file_facts(source: Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "format": f"{source.format} {source.subtype}",
        "samplerate": source.samplerate,
        "channels": source.channels,
        "samples": source.samples,
        "seconds": None if source.samples is None else source.samples / source.samplerate,
        **source.tags,
        "notes": source.notes,
    }


def _geometry_facts(geometry: STFT, samplerate: float) -> dict[str, Any]:
    sizes = sorted({*_BLOCKSIZES, geometry.hop_length})
    return {
        "n_fft": geometry.n_fft,
        "hop_length": geometry.hop_length,
        "win_length": geometry.win_length,
        "window": geometry.window,
        "synthesis": geometry.synthesis,
        "bins": geometry.bins,
        "bin_hz": samplerate / geometry.n_fft,
        "samplerate": samplerate,
        "reconstruction_error": geometry.reconstruction_error,
        "conditioning": geometry.conditioning,
        "latency": {"any": geometry.latency(), **{str(size): geometry.latency(size) for size in sizes}},
    }
