"""Live audio beside a program that keeps Python busy: what arrives at the other end, sample by sample.

On JACK's dummy driver (48 kHz, period 256), a client in another process plays noise into each
contestant and records what it gives back; a sample is lost if it is not the one that went in.
"""

import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from harness import Row, show

sys.path.append(str(Path(__file__).parent.parent))
from jack_server import RATE, Jackd, missing, program, tape, witnesses

PERIOD = 256
STANDSTILL_MS = 0.75 * PERIOD / RATE * 1e3  # as a witness sees it that looks every millisecond
TOLERANCE = 1e-5

_RTSTFT = """
with rtstft.Stream(identity, rtstft.STFT(1024, 256), blocksize={period}, headroom_s={headroom_s},
                   isolate={isolate}) as stream:
    say('runs')
    with {disturbance}:
        hear()
        before = stream.stats
        say('playing')
        hear()
    latency, after = stream.latency, stream.stats
    say(latency.total - latency.output - latency.input, after.xruns - before.xruns, after.dropped)
"""
# What one writes without rtstft.Stream: the same engine, in sounddevice's callback.
_SOUNDDEVICE = """
import sounddevice
processor = rtstft.Processor(identity, rtstft.STFT(1024, 256), channels=1)
xruns = 0
def callback(indata, outdata, count, when, status):
    nonlocal xruns
    xruns += bool(status)
    processor.process(indata, out=outdata)
with sounddevice.Stream(samplerate=48000, channels=1, latency='low',
                        dtype='float32', callback=callback):
    say('runs')
    with {disturbance}:
        hear()
        before = xruns
        say('playing')
        hear()
    say(processor.latency, xruns - before, 0)
"""
CONTESTANTS = {
    "rtstft, isolate=True, headroom 20 ms": (_RTSTFT, {"isolate": True, "headroom_s": 0.02}),
    "rtstft, in the same process, headroom 120 ms": (_RTSTFT, {"isolate": False, "headroom_s": 0.12}),
    "sounddevice callback": (_SOUNDDEVICE, {}),
}
DISTURBANCES = {
    "quiet": "open(os.devnull)",
    "busy thread": "Busy()",
    "50 ms lock-holding calls": "Busy(0.05)",
}
_SOAK = """
import gc, resource, tracemalloc
def resident():
    return int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize()
with rtstft.Stream(Tilt(), rtstft.STFT(1024, 256), channels=2, headroom_s=0.1) as stream:
    tracemalloc.start()
    time.sleep(6)  # the rings have gone round once
    gc.collect()
    before = tracemalloc.get_traced_memory()[0], resident()
    time.sleep({seconds})
    gc.collect()
    after = tracemalloc.get_traced_memory()[0], resident()
    say(before, after, facts(stream))
"""


def run(*, quick: bool = False) -> Row:
    """Starvation, then a soak; prints both."""
    if lacking := missing():
        print(f"\nlive: left out, needs {lacking}")
        return {"missing": lacking}
    seconds = 10 if quick else 60
    soak_s = 20 if quick else 600
    rows = [
        {"contestant": name, "beside": beside, **_undisturbed(script, options, disturbance, seconds)}
        for name, (script, options) in CONTESTANTS.items()
        for beside, disturbance in DISTURBANCES.items()
    ]
    show(
        f"Live, {seconds} s of noise each: samples lost between two JACK clients (48 kHz, period {PERIOD})",
        ["contestant", "beside it", "lost samples", "lost %", "xruns", "latency ms", "runs"],
        [
            [
                r["contestant"],
                r["beside"],
                r["lost"],
                r["lost_percent"],
                r["xruns"],
                r["latency_ms"],
                r["runs"],
            ]
            for r in rows
        ],
        [
            "latency: without the driver's own parts; xruns: as the contestant itself counts them",
            f"runs: until the machine itself did not stand still for {STANDSTILL_MS:.0f} ms",
        ],
    )
    soak = _soak(soak_s)
    show(
        f"Soak, {soak_s} s, stereo",
        ["samples in", "out", "dropped", "xruns", "Python heap, growth kB", "resident, growth kB"],
        [[soak[k] for k in ("samples_in", "samples_out", "dropped", "xruns", "heap_kb", "resident_kb")]],
    )
    return {"starvation": rows, "soak": soak}


def _undisturbed(script: str, options: dict[str, Any], disturbance: str, seconds: float) -> Row:
    """A run in which the machine itself did not stand still for a period; the fifth in any case."""
    for attempt in range(1, 6):
        row = _play(script, options, disturbance, seconds)
        row["runs"] = attempt
        if row["standstill_ms"] < STANDSTILL_MS:
            break
    return row


def _play(script: str, options: dict[str, Any], disturbance: str, seconds: float) -> Row:
    server = Jackd(PERIOD)
    try:
        with TemporaryDirectory() as name:
            folder = Path(name)
            code = script.format(disturbance=disturbance, period=PERIOD, **options)
            with program(server, folder, code, patience=seconds + 120) as running:
                assert running.heard() == ["runs"]
                said: list[Any] = []

                def ask() -> None:
                    watch.close()
                    running.tell()
                    said.extend(running.heard())

                with ExitStack() as watch:
                    standstills = watch.enter_context(witnesses())
                    with tape(server, folder, seconds, then=ask) as found:
                        running.tell()
                        assert running.heard() == ["playing"]
                running.end()
    finally:
        server.stop()
    delay, xruns, dropped = said
    count = int(seconds * RATE)
    sent, received = found["sent"][:count, 0], found["received"][delay : delay + count, 0]
    lost = int(np.count_nonzero(~(np.abs(received - sent) < TOLERANCE)))
    return {
        "lost": lost,
        "lost_percent": 100 * lost / count,
        "xruns": xruns,
        "dropped": dropped,
        "latency_ms": delay / RATE * 1e3,
        "standstill_ms": max(standstills, default=0.0),
    }


def _soak(seconds: float) -> Row:
    server = Jackd(PERIOD)
    try:
        script = _SOAK.format(seconds=seconds)
        with (
            TemporaryDirectory() as name,
            program(server, Path(name), script, patience=seconds + 120) as running,
        ):
            before, after, facts = running.heard()
            running.end()
    finally:
        server.stop()
    return {
        **facts,
        "heap_kb": (after[0] - before[0]) / 1e3,
        "resident_kb": (after[1] - before[1]) / 1e3,
    }
