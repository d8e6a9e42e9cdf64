"""`rtstft doctor`: whether this machine, this geometry and these callbacks go together live."""

import dataclasses
import json
from typing import Annotated

import typer

from rtstft.cli import live_options, options
from rtstft.cli.grouped import grouped
from rtstft.errors import RtstftError
from rtstft.geometry import STFT
from rtstft.live import Stream
from rtstft.live.checkup import Checkup, check_up, recommend_headroom
from rtstft.loading import load_all
from rtstft.types import ComplexArray


@grouped
def doctor(
    *,
    device: live_options.DeviceOptions,
    plugin: options.Plugins = None,
    seconds: Annotated[float, typer.Option(help="Length of each of the two timings.")] = 3.0,
    transform: options.GeometryOptions,
    as_json: options.AsJson = False,
) -> None:
    """Time this geometry and these callbacks here, try the device (exit code 1 if that fails), advise."""
    if not 0.1 <= seconds <= 600:
        raise typer.BadParameter(f"--seconds {seconds:g}, expected 0.1 to 600")
    samplerate = device.samplerate
    geometry = transform.geometry(samplerate)
    callbacks = load_all(plugin or [])
    timings = [
        check_up(callbacks, geometry, samplerate, device.channels, seconds=seconds, busy=busy)
        for busy in (False, True)
    ]
    state, found, block = _try_device(device, geometry)
    hop_s = geometry.hop_length / samplerate
    block_s = (block or geometry.hop_length) / samplerate
    quiet, crowded = timings
    advice = _advice(quiet, crowded, hop_s, block_s)
    if as_json:
        facts = {
            "hop_ms": hop_s * 1e3,
            "alone": dataclasses.asdict(quiet),
            "busy": dataclasses.asdict(crowded),
            "device": {"works": found, "blocksize": block, "text": state},
            "headroom_s": {
                "isolated": recommend_headroom(quiet, block_s),
                "in_process": recommend_headroom(crowded, block_s),
            },
            "advice": advice,
        }
        print(json.dumps(facts))
        raise typer.Exit(0 if found else 1)
    print(f"{geometry:{samplerate}}")
    print(
        f"\n{f'a frame, in parts of {hop_s * 1e3:.2f} ms':<34}"
        + "".join(f"{name:>8}" for name in ("p50", "p99", "p99.9", "max"))
    )
    for name, timing in (("alone", quiet), ("beside a busy Python thread", crowded)):
        shares = (timing.p50_s, timing.p99_s, timing.p999_s, timing.max_s)
        print(f"{name:<34}" + "".join(f"{share / hop_s:>8.0%}" for share in shares))
    print(f"{'longest garbage collection':<34}{crowded.gc_pause_max_s * 1e3:>8.1f} ms")
    print(f"{'thread priority':<34}{quiet.priority}")
    print(f"{'device':<34}{state}\n")
    for sentence in advice:
        print(sentence)
    raise typer.Exit(0 if found else 1)


def _try_device(device: live_options.DeviceOptions, geometry: STFT) -> tuple[str, bool, int | None]:
    """What a second of silence through the device tells; whether it works; its block length."""
    try:
        stream = Stream(
            _silence,
            geometry,
            device=device.pair,
            samplerate=device.samplerate,
            channels=device.channels,
            blocksize=device.blocksize,
            headroom_s=0.1,
            on_overload="mute",
        )
        with stream:
            stream.wait(1.0)
            stats, latency, block = stream.stats, stream.latency, stream.blocksize
    except RtstftError as error:
        return f"does not work: {error}", False, None
    text = (
        f"blocks of {block}, latency in {latency.input} out {latency.output} samples, "
        f"{stats.xruns} xruns in 1 s"
    )
    return text, True, block


def _silence(frame: ComplexArray) -> None:
    frame[...] = 0


def _advice(quiet: Checkup, crowded: Checkup, hop_s: float, block_s: float) -> list[str]:
    advice = []
    if quiet.p50_s > hop_s:
        factor = quiet.p50_s / hop_s
        advice.append(
            f"The callbacks are {factor:.1f} times too slow for this hop: make them faster, or the hop "
            f"{2 ** max(1, round(factor + 0.5) - 1).bit_length()} times as long. No headroom makes up for it."
        )
        return advice
    if quiet.p99_s > 0.7 * hop_s:
        advice.append("One frame in a hundred comes close to its hop's time: a longer hop would be safer.")
    else:
        advice.append(f"Hop: good as it is, a frame takes {quiet.p50_s / hop_s:.1%} of its time.")
    headroom = recommend_headroom(crowded, block_s)
    alone = recommend_headroom(quiet, block_s)
    advice.append(
        f"Headroom: {alone * 1e3:.0f} ms (--headroom-ms {alone * 1e3:.0f}) isolated, as rtstft live is; "
        f"{headroom * 1e3:.0f} ms inside a program whose other threads are busy in Python."
    )
    advice.append(
        f"Block: {block_s * 1e3:.2f} ms. Shorter blocks cost time, longer ones latency; give blocksize, "
        f"and the engine's latency falls by what it has in common with the hop."
    )
    return advice
