"""`rtstft latency`: the true round trip beside the budget."""

import json

from rtstft.cli import live_options, options
from rtstft.cli.grouped import grouped
from rtstft.live.card import PortAudioDuplex
from rtstft.live.roundtrip import RoundTrip, measure
from rtstft.live.settings import StreamSettings


@grouped
def latency(
    *,
    device: live_options.DeviceOptions,
    headroom_ms: live_options.HeadroomMs = 30.0,
    transform: options.GeometryOptions,
    as_json: options.AsJson = False,
) -> None:
    """Measure the round trip through a cable or a virtual loop from output to input (it plays noise)."""
    settings = StreamSettings(
        geometry=transform.geometry(device.samplerate),
        device=device.pair,
        samplerate=device.samplerate,
        channels=device.channels,
        blocksize=device.blocksize,
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
