"""`rtstft latency`: the true round trip beside the budget."""

import json
from typing import Annotated

import typer

from rtstft.cli import live_options, options
from rtstft.live.card import PortAudioDuplex
from rtstft.live.roundtrip import RoundTrip, measure
from rtstft.live.settings import StreamSettings


def latency(
    input: live_options.Input = None,
    output: live_options.Output = None,
    samplerate: live_options.Samplerate = 48_000,
    channels: live_options.Channels = 1,
    blocksize: live_options.Blocksize = None,
    headroom_ms: live_options.HeadroomMs = 30.0,
    n_fft: options.NFft = 1024,
    hop_length: options.HopLength = None,
    win_length: options.WinLength = None,
    window: options.WindowName = None,
    latency_ms: options.LatencyMs = None,
    synthesis: options.SynthesisName = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
) -> None:
    """Measure the round trip through a cable or a virtual loop from output to input (it plays noise)."""
    chosen = options.GeometryOptions(n_fft, hop_length, win_length, window, latency_ms, synthesis)
    settings = StreamSettings(
        geometry=chosen.geometry(samplerate),
        device=(live_options.device(input), live_options.device(output)),
        samplerate=samplerate,
        channels=channels,
        blocksize=blocksize,
        headroom_s=headroom_ms / 1000,
    )
    found = measure(settings, PortAudioDuplex())
    if as_json:
        print(json.dumps(_facts(found)))
    else:
        print("\n".join(_lines(found)))


def _facts(found: RoundTrip) -> dict[str, object]:
    budget = found.budget
    return {
        "samplerate": budget.samplerate,
        "budget": {
            name: getattr(budget, name)
            for name in ("input", "engine", "lookahead", "headroom", "output", "total")
        },
        "measured": {"processing": found.processing, "device": found.device, "total": found.total},
        "deviation": {"processing": found.processing_deviation, "device": found.device_deviation},
    }


def _lines(found: RoundTrip) -> list[str]:
    budget = found.budget
    processing = budget.engine + budget.lookahead + budget.headroom

    def line(name: str, expected: int, measured: int) -> str:
        ms = measured / budget.samplerate * 1e3
        return f"{name:<34}{expected:>8}{measured:>10}  {ms:8.2f} ms"

    lines = [
        f"{'samples':<34}{'budget':>8}{'measured':>10}",
        line(f"engine {budget.engine}, headroom {budget.headroom}", processing, found.processing),
        line(f"device in {budget.input}, out {budget.output}", budget.input + budget.output, found.device),
        line("total", budget.total, found.total),
    ]
    if found.processing_deviation:
        lines.append(f"processing deviates by {found.processing_deviation:+} samples: please report this")
    if found.device_deviation:
        lines.append(
            f"the device part deviates by {found.device_deviation:+} samples: its driver reports another "
            f"latency than it has, or the loop has one of its own"
        )
    if not (found.processing_deviation or found.device_deviation):
        lines.append("measured and budget agree to the sample")
    return lines
