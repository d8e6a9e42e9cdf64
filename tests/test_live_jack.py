"""Live audio on a real sound server: JACK's dummy driver, which keeps real time exactly."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from effects import SleepsOnce, Tilt, identity
from jack_server import HERE, RATE, Jackd, missing, program, tape, witnesses
from strategies import Samples

from rtstft import STFT, Processor

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"needs {missing()}")

GEOMETRY = STFT(1024, 256)
TRIES = 6  # of a run that lost samples, or much of the tape,
STANDSTILL_MS = 8.0  # while the machine stood still for so long: it proves nothing
PIECE = 128  # samples
SOAK_S = float(os.environ.get("RTSTFT_SOAK_S", "20"))


@pytest.fixture
def jackd() -> Iterator[Callable[..., Jackd]]:
    """Starts servers, and stops them at the end."""
    servers = []

    def start(period: int = 256, *, realtime: bool = True) -> Jackd:
        servers.append(Jackd(period, realtime=realtime))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def offline(callbacks: Any, samples: Samples, blocksize: int | None = None) -> Samples:
    processor = Processor(
        callbacks, GEOMETRY, samplerate=RATE, channels=samples.shape[1], blocksize=blocksize
    )
    return processor.process(samples[: len(samples) // 512 * 512])


def read(path: Path) -> Samples:
    samples: Samples = soundfile.read(path, dtype="float32", always_2d=True)[0]
    return samples


def taped(
    server: Jackd, folder: Path, *, options: str, seconds: float, channels: int = 1, inside: str = "hear()"
) -> dict[str, Any]:
    """A stream with noise through it: its facts, and what the tape heard of it.

    Says what the stream's input was from its start on (`dry`), and what was `heard` of its output, in the
    same time.
    """
    code = (
        f"with rtstft.Stream({options}, channels={channels}, record_dry='dry.wav', overwrite=True,\n"
        f"        isolate=ISOLATE) as stream:\n"
        f"    say('runs')\n"
        f"    {inside}\n"
        f"    say(facts(stream))\n"
        f"say('done')\n"
    )
    isolate = "isolate=True" in options
    code = code.replace("ISOLATE", str(isolate)).replace(", isolate=True", "")
    for _ in range(TRIES):
        with program(server, folder, code) as running:
            assert running.heard() == ["runs"]
            with witnesses() as standstills, tape(server, folder, seconds, channels) as found:
                pass
            running.tell()
            (facts,) = running.heard()
            assert running.heard() == ["done"]
            running.end()
        dry = read(folder / "dry.wav")
        heard = in_stream_time(found["received"], found["sent"], dry)
        enough = np.isfinite(heard).all(axis=1).sum() > 0.9 * seconds * RATE
        steady = max(standstills, default=0) < STANDSTILL_MS
        if steady or (enough and not facts["dropped"]):
            break
    assert enough
    return {**facts, "dry": dry, "heard": heard}


def in_stream_time(received: Samples, sent: Samples, dry: Samples) -> Samples:
    """What the tape received while the stream was given `dry`, NaN where the tape does not tell.

    Where JACK does not get round in time, its clock goes on without the stream's. The noise
    that was sent, piece by piece, says which of the stream's samples a sample of the tape is.
    """
    heard = np.full_like(dry, np.nan)
    order = np.argsort(dry[:, 0])
    values = dry[order, 0]
    for start in range(0, len(sent) - PIECE, PIECE):
        piece = sent[start : start + PIECE]
        if piece.any():
            first, end = np.searchsorted(values, piece[0, 0]), np.searchsorted(values, piece[0, 0], "right")
            for place in order[first:end]:
                if np.array_equal(dry[place : place + PIECE], piece):
                    heard[place : place + PIECE] = received[start : start + PIECE]
    return heard


def wrong(run: dict[str, Any], output: Samples) -> Any:
    """Of the samples that the tape heard, those that are not the engine's `output`, headroom later."""
    played = np.concatenate([np.zeros((run["latency"]["headroom"], output.shape[1]), np.float32), output])
    count = min(len(played), len(run["heard"]))
    heard = run["heard"][:count]
    return np.flatnonzero((np.isfinite(heard) & (heard != played[:count])).any(axis=1))


def residue(run: dict[str, Any], delay: int) -> float:
    """The greatest difference of what was heard from the input `delay` samples ago."""
    return float(np.nanmax(np.abs(run["heard"][delay:] - run["dry"][: len(run["dry"]) - delay])))


@pytest.mark.parametrize(
    ("period", "channels", "effect", "options", "seconds"),
    [
        (256, 1, identity, ", blocksize=256", 10),
        (256, 2, Tilt(), ", isolate=True", 10),
        (128, 2, identity, "", 10),
        (128, 1, Tilt(), ", isolate=True, blocksize=128", 10),
        (256, 1, Tilt(), ", headroom_s=0, blocksize=256", 3),
    ],
    ids=["256 mono", "256 stereo isolated", "128 stereo", "128 mono isolated", "256 mono direct"],
)
def test_live_equals_offline_to_the_bit(
    period: int,
    channels: int,
    effect: Any,
    options: str,
    seconds: float,
    jackd: Any,
    tmp_path: Path,
) -> None:
    name = "identity" if effect is identity else "Tilt()"
    run = taped(
        jackd(period),
        tmp_path,
        options=f"{name}, rtstft.STFT(1024, 256){options}",
        seconds=seconds,
        channels=channels,
    )
    assert (run["starved"], run["dropped"], run["callback_errors"]) == (0, 0, 0)
    assert run["samples_in"] == run["samples_out"]
    latency = run["latency"]
    blocksize = period if "blocksize" in options else None
    assert latency["engine"] == GEOMETRY.latency(blocksize)
    assert not len(wrong(run, offline(effect, run["dry"], blocksize)))
    # The tape hangs between the ports: the budget without what the driver adds outside of them.
    if effect is identity:
        assert residue(run, latency["total"] - latency["input"] - latency["output"]) < 1e-6


@pytest.mark.parametrize("hold_s", [0.0, 0.05], ids=["busy thread", "lock held 50 ms"])
@pytest.mark.parametrize("options", [", isolate=True, headroom_s=0.02", ", headroom_s=0.12"])
def test_nothing_in_the_program_starves_the_stream(
    hold_s: float, options: str, jackd: Any, tmp_path: Path
) -> None:
    server = jackd(256)
    # In one process, who gets the lock is up to the system: now and then the worker, slowed down by
    # others on the machine, loses it three times in a row, which takes longer than its headroom.
    for _ in range(1 if "isolate" in options else 3):
        run = taped(
            server,
            tmp_path,
            options=f"Tilt(), rtstft.STFT(1024, 256){options}",
            seconds=6,
            inside=f"exec('with Busy({hold_s}): hear()')",
        )
        if not run["dropped"]:
            break
    assert (run["starved"], run["dropped"]) == (0, 0)
    assert not len(wrong(run, offline(Tilt(), run["dry"])))


def test_device_thread_is_above_the_worker_on_a_server_that_gives_no_priority(
    jackd: Any, tmp_path: Path
) -> None:
    code = (
        "with rtstft.Stream(identity, rtstft.STFT(1024, 256)) as stream:\n"
        "    threads = [int(name) for name in os.listdir('/proc/self/task')]\n"
        "    levels = [os.sched_getparam(thread).sched_priority for thread in threads]\n"
        "    say(sorted(levels)[-3:], [event.text for event in stream.events])\n"
    )
    with program(jackd(realtime=False), tmp_path, code) as running:
        levels, events = running.heard()
        running.end()
    if "not permitted" in str(events):
        pytest.skip("needs permission for real-time scheduling (ulimit -r)")
    assert levels == [1, 2, 3]  # supervisor, worker, device


@pytest.mark.parametrize("isolate", ["", ", isolate=True"])
def test_callback_that_sleeps_is_covered_and_then_exact_again(
    isolate: str, jackd: Any, tmp_path: Path
) -> None:
    run = taped(
        jackd(256),
        tmp_path,
        options=f"SleepsOnce(600), rtstft.STFT(1024, 256), headroom_s=0.03{isolate}",
        seconds=6,
    )
    assert run["starved"] == 1
    assert 0.2 * RATE < run["dropped"] < 0.4 * RATE
    assert run["samples_in"] == run["samples_out"] + run["dropped"]
    others = wrong(run, offline(SleepsOnce(-1), run["dry"]))
    asleep = 600 * 256
    assert asleep - 1024 < others[0]
    assert others[-1] < asleep + 0.5 * RATE
    # Covered by the dry signal, which is twice as loud as the processed one, and by no silence.
    covered = run["heard"][asleep + RATE // 10 : asleep + RATE // 5]
    assert np.nanstd(covered) == pytest.approx(2 * np.nanstd(run["heard"][:asleep]), rel=0.2)


@pytest.mark.parametrize("isolate", [False, True])
def test_failing_callback_goes_on_dry_and_is_raised_at_the_end(
    isolate: bool, jackd: Any, tmp_path: Path
) -> None:
    code = (
        f"try:\n"
        f"    with rtstft.Stream(\n"
        f"        Fails(), rtstft.STFT(1024, 256), record_wet='wet.wav', isolate={isolate}\n"
        f"    ) as s:\n"
        f"        while s.stats.frames < 700: time.sleep(0.05)\n"
        f"        say(s.active, s.stats.callback_errors)\n"
        f"except rtstft.PluginError as error:\n"
        f"    say(str(error), error.frame, error.callback, error.__notes__)\n"
    )
    with program(jackd(), tmp_path, code) as running:
        assert running.heard() == [True, 3]
        text, frame, callback, notes = running.heard()
        running.end()
    assert (frame, callback) == (300, "Fails")
    assert "frame three hundred" in text
    assert any("3 frames failed" in note for note in notes)
    assert np.isfinite(read(tmp_path / "wet.wav")).all()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("options", ["", ", isolate=True", ", headroom_s=0"])
def test_server_that_dies_ends_the_stream_and_hangs_nothing(
    number: int, options: str, jackd: Any, tmp_path: Path
) -> None:
    server = jackd()
    code = (
        f"try:\n"
        f"    with rtstft.Stream(identity, rtstft.STFT(1024, 256){options}) as stream:\n"
        f"        say('runs')\n"
        f"        hear()\n"
        f"        say(stream.wait(5), stream.active)\n"
        f"        left = time.monotonic()\n"
        f"except rtstft.StreamError as error:\n"
        f"    say(str(error), time.monotonic() - left)\n"
    )
    with program(server, tmp_path, code) as running:
        assert running.heard() == ["runs"]
        server.kill(number)
        running.tell()
        assert running.heard() == [True, False]
        text, seconds = running.heard()
        running.end()
    assert "device is gone" in text
    assert seconds < 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("options", ["", ", isolate=True"])
def test_server_that_comes_back_is_taken_up_again(
    number: int, options: str, jackd: Any, tmp_path: Path
) -> None:
    server = jackd()
    code = (
        f"with rtstft.Stream(identity, rtstft.STFT(1024, 256), reconnect=True{options}) as stream:\n"
        f"    say('runs')\n"
        f"    hear()\n"
        f"    while stream.stats.restarts == 0: time.sleep(0.02)\n"
        f"    before = stream.stats.samples_out\n"
        f"    while stream.stats.samples_out < before + 48000: time.sleep(0.02)\n"
        f"    say(stream.active, facts(stream))\n"
        f"say('done')\n"
    )
    with program(server, tmp_path, code) as running:
        assert running.heard() == ["runs"]
        server.kill(number)
        server.start()
        running.tell()
        active, facts = running.heard()
        assert running.heard() == ["done"]
        running.end()
    assert active
    assert facts["restarts"] == 1
    assert facts["samples_in"] == facts["samples_out"] + facts["dropped"]
    assert "the device is back" in facts["events"]


def test_engine_process_that_is_killed_is_named(jackd: Any, tmp_path: Path) -> None:
    code = (
        "import multiprocessing\n"
        "try:\n"
        "    with rtstft.Stream(identity, rtstft.STFT(1024, 256), isolate=True) as stream:\n"
        "        multiprocessing.active_children()[0].kill()\n"
        "        say(stream.wait(5), stream.active)\n"
        "        left = time.monotonic()\n"
        "except rtstft.StreamError as error:\n"
        "    say(str(error), time.monotonic() - left, stream.latency.total, stream.stats.frames)\n"
    )
    with program(jackd(), tmp_path, code) as running:
        assert running.heard() == [True, False]
        text, seconds, total, _ = running.heard()
        running.end()
    assert "exit code -9" in text
    assert seconds < 2
    assert total > 0


def test_program_that_is_killed_leaves_its_recording_complete(jackd: Any, tmp_path: Path) -> None:
    code = (
        "options = dict(isolate=True, record_wet='wet.wav')\n"
        "with rtstft.Stream(identity, rtstft.STFT(1024, 256), **options) as stream:\n"
        "    time.sleep(0.5)\n"
        "    say('runs')\n"
        "    hear()\n"
    )
    with program(jackd(), tmp_path, code) as running:
        assert running.heard() == ["runs"]
        running.kill()
        end = time.monotonic() + 10
        while not (tmp_path / "wet.wav").exists() and time.monotonic() < end:
            time.sleep(0.05)
    assert len(read(tmp_path / "wet.wav")) > 0.4 * RATE


def test_program_that_stands_still_for_seconds_gets_its_device_back(jackd: Any, tmp_path: Path) -> None:
    code = (
        "with rtstft.Stream(identity, rtstft.STFT(1024, 256)) as stream:\n"
        "    hold_lock(7.0)\n"
        "    while stream.stats.restarts == 0: time.sleep(0.02)\n"
        "    before = stream.stats\n"
        "    while stream.stats.samples_out < before.samples_out + 48000: time.sleep(0.02)\n"
        "    say(before.dropped, facts(stream))\n"
    )
    with program(jackd(), tmp_path, code) as running:
        dropped, facts = running.heard()
        running.end()
    assert (facts["restarts"], facts["dropped"]) == (1, dropped)
    assert facts["samples_in"] == facts["samples_out"] + facts["dropped"]
    assert any("stood still" in event for event in facts["events"])


def measure_latency(server: Jackd, *options: str) -> subprocess.CompletedProcess[str]:
    for _ in range(TRIES):
        done = server.run(sys.executable, "-m", "rtstft", "latency", *options)
        if "disturbed by xruns" not in done.stderr:
            break
    return done


def test_measured_latency_is_the_budget_and_the_recording(jackd: Any, tmp_path: Path) -> None:
    server = jackd()
    loop = subprocess.Popen(
        [sys.executable, str(HERE / "jack_loop.py")],
        env=server.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert loop.stdin is not None
    assert loop.stdout is not None
    try:
        assert loop.stdout.readline() == "ready\n"
        done = measure_latency(server, "--json", "--blocksize", "256")
        shown = measure_latency(server, "--headroom-ms", "0")
    finally:
        loop.stdin.close()
        loop.wait(10)
        loop.stdout.close()
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["deviation"] == {"processing": 0, "device": 0}
    assert facts["measured"]["total"] == facts["budget"]["total"]
    assert "agree to the sample" in shown.stdout, shown.stderr
    run = taped(
        server,
        tmp_path,
        options="identity, rtstft.STFT(1024, 256), blocksize=256, headroom_s=0.03",
        seconds=1,
    )
    assert residue(run, facts["measured"]["processing"]) < 1e-6


def test_latency_without_a_loop_says_so(jackd: Any) -> None:
    done = jackd().run(sys.executable, "-m", "rtstft", "latency")
    assert done.returncode == 2
    assert "did not come back" in done.stderr


def test_soak_keeps_memory_flat_and_counts_exact(jackd: Any, tmp_path: Path) -> None:
    code = (
        f"import gc, resource, tracemalloc\n"
        f"def resident():\n"
        f"    return int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize()\n"
        f"with rtstft.Stream(Tilt(), rtstft.STFT(1024, 256), channels=2, headroom_s=0.1) as stream:\n"
        f"    tracemalloc.start()\n"
        f"    time.sleep(6)\n"  # the rings have gone round once
        f"    gc.collect()\n"
        f"    before = tracemalloc.get_traced_memory()[0], resident()\n"
        f"    time.sleep({SOAK_S})\n"
        f"    gc.collect()\n"
        f"    after = tracemalloc.get_traced_memory()[0], resident()\n"
        f"    say(before, after, facts(stream))\n"
    )
    with program(jackd(), tmp_path, code, patience=SOAK_S + 60) as running:
        before, after, facts = running.heard()
        running.end()
    assert after[0] - before[0] < 20_000
    assert after[1] - before[1] < 2_000_000
    assert facts["samples_in"] == facts["samples_out"] + facts["dropped"]
    assert facts["samples_in"] > SOAK_S * RATE
    assert (facts["starved"], facts["dropped"]) == (0, 0)


def test_live_command_prints_a_line_a_second(jackd: Any, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rtstft", "live", "--json", "--duration", "2.2"]
    command += ["--callback", f"{HERE / 'effects.py'}:Tilt", "--record-wet", str(tmp_path / "wet.wav")]
    done = jackd().run(*command)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 3
    assert lines[-1]["frames"] > lines[0]["frames"] > 100
    assert lines[-1]["latency"]["total"] == sum(
        lines[-1]["latency"][part] for part in ("input", "engine", "lookahead", "headroom", "output")
    )
    assert len(read(tmp_path / "wet.wav")) > 2 * RATE


def test_live_command_ends_on_interrupt(jackd: Any, tmp_path: Path) -> None:
    server = jackd()
    command = [sys.executable, "-m", "rtstft", "live", "--record-dry", str(tmp_path / "dry.wav")]
    process = subprocess.Popen(command, env=server.env, stdout=subprocess.PIPE, text=True)
    end = time.monotonic() + 20
    while not list(tmp_path.glob(".rtstft-*.part")) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "0 samples dropped" in said
    assert "latency" in said
    assert len(read(tmp_path / "dry.wav")) > 0


def test_live_command_raises_what_a_callback_did(jackd: Any) -> None:
    done = jackd().run(
        *(sys.executable, "-m", "rtstft", "live", "--json", "--duration", "4"),
        *("--callback", f"{HERE / 'effects.py'}:Fails"),
    )
    assert done.returncode == 1
    assert "callback 'Fails', frame 300: raised ValueError" in done.stderr


@pytest.mark.parametrize("option", ["--isolate", "--no-isolate"])
def test_live_command_ends_in_one_line_when_its_server_dies(option: str, jackd: Any) -> None:
    server = jackd()
    process = subprocess.Popen(
        [sys.executable, "-m", "rtstft", "live", "--json", option],
        env=server.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    server.kill()
    _, complaint = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "device is gone" in complaint
    assert "Assertion" not in complaint


def test_stream_that_nobody_closes_ends_with_the_program(jackd: Any, tmp_path: Path) -> None:
    server = jackd()
    for isolate in ("False", "True"):
        code = (
            f"options = dict(record_wet='{isolate}.wav', isolate={isolate})\n"
            f"s = rtstft.Stream(identity, rtstft.STFT(1024, 256), **options)\n"
            f"s.start()\n"
            f"s.wait(0.5)\n"
            f"say('leaving')\n"
        )
        with program(server, tmp_path, code) as running:
            assert running.heard() == ["leaving"]
            running.end()
            assert "Exception" not in running.complaint()
        assert len(read(tmp_path / f"{isolate}.wav")) > 0.3 * RATE


def test_devices_command_lists_the_server(jackd: Any) -> None:
    server = jackd()
    shown = server.run(sys.executable, "-m", "rtstft", "devices")
    assert "system" in shown.stdout
    assert "JACK" in shown.stdout
    found = json.loads(server.run(sys.executable, "-m", "rtstft", "devices", "--json").stdout)
    assert any(device["default_input"] and device["name"] == "system" for device in found)


def test_device_that_is_not_there_is_named(jackd: Any) -> None:
    done = jackd().run(sys.executable, "-m", "rtstft", "live", "-i", "theremin", "-o", "theremin")
    assert done.returncode == 2
    assert "theremin" in done.stderr
    assert "rtstft devices" in done.stderr


def test_doctor_times_frames_and_tries_the_device(jackd: Any) -> None:
    server = jackd()
    command = [sys.executable, "-m", "rtstft", "doctor", "--seconds", "0.5"]
    done = server.run(*command, "--json", "--blocksize", "128")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["device"]["works"]
    assert facts["alone"]["p50_s"] < facts["busy"]["p99_s"]
    assert 0 < facts["headroom_s"]["isolated"] <= facts["headroom_s"]["in_process"]
    shown = server.run(*command)
    assert "Headroom:" in shown.stdout


@pytest.mark.parametrize("example", ["live_robot", "live_analyser", "asyncio_app"])
def test_example_runs(example: str, jackd: Any) -> None:
    script = HERE.parent / "examples" / f"{example}.py"
    done = jackd().run(sys.executable, str(script), "--seconds", "1.5")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1].split(" frames")[0]) > 100


FX = """
import rtstft

class Fx(rtstft.Plugin):
    level = rtstft.Param({level}, min=0.0, max=1.0)
    def prepare(self, context):
        {prepare}
    def process(self, frame):
        frame *= self.level{process}
"""
BROKEN = ({"prepare": "(("}, {"prepare": "raise OSError('gone')"}, {"process": " * float('nan')"})


def save(path: Path, level: float, prepare: str = "pass", process: str = "") -> None:
    """Saves a plugin as editors do: another file in the place of the old one."""
    new = path.with_suffix(".new")
    new.write_text(FX.format(level=level, prepare=prepare, process=process))
    new.replace(path)


def test_twenty_saves_are_heard_without_a_gap(jackd: Any, tmp_path: Path) -> None:
    server = jackd(256)
    path = tmp_path / "fx.py"
    seconds, saves = 20.0, 20
    code = (
        "with rtstft.Stream('fx.py:Fx', rtstft.STFT(1024, 256), isolate=True, headroom_s=0.05,\n"
        "        record_dry='dry.wav', overwrite=True, watch=True) as stream:\n"
        "    say('runs', facts(stream))\n"
        "    hear()\n"
        "    say(facts(stream))\n"
    )
    for _ in range(TRIES):
        save(path, 0.5)
        with program(server, tmp_path, code) as running:
            _, before = running.heard()
            with witnesses() as standstills, tape(server, tmp_path, seconds) as found:
                for i in range(saves):
                    time.sleep(seconds / saves / 2)
                    save(path, (0.25, 0.5)[i % 2], **(BROKEN[i // 6] if i % 6 == 5 else {}))
                    time.sleep(seconds / saves / 2)
            running.tell()
            (after,) = running.heard()
            running.end()
        # Where the machine stands still for half a period, it is JACK itself that is late.
        if after["xruns"] == before["xruns"] or max(standstills, default=0) < 2.5:
            break
    assert after["xruns"] == before["xruns"]
    assert (after["dropped"], after["callback_errors"]) == (0, 0)
    assert after["latency"] == before["latency"]
    events = [event for event in after["events"] if "fx.py" in event or "Fx" in event]
    assert sum("is new" in event for event in events) == saves - 2  # that of NaN was heard of later
    assert sum("old fx.py:Fx stays" in event for event in events) == 2
    assert sum("NaN or Inf" in event for event in events) == 1
    # In every 20 ms it is what was sent, at this latency and some level between the two.
    dry = read(tmp_path / "dry.wav")
    heard = in_stream_time(found["received"], found["sent"], dry)
    delay = before["latency"]["total"] - before["latency"]["input"] - before["latency"]["output"]
    count = (len(dry) - delay) // 960 * 960
    sent, received = dry[:count].reshape(-1, 960), heard[delay : delay + count].reshape(-1, 960)
    known = np.isfinite(received).all(axis=1) & sent.any(axis=1)
    assert known.sum() > 0.9 * seconds * RATE / 960
    sent, received = sent[known], received[known]
    level = (sent * received).sum(1) / (sent * sent).sum(1)
    assert level.min() > 0.24
    assert level.max() < 0.51
    assert np.abs(received - level[:, np.newaxis] * sent).max() < 0.1
