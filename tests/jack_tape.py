"""Plays noise into a JACK client and records what it gives back: `python jack_tape.py TAPE.npz SECONDS`.

A process of its own, so that nothing in the tested program disturbs it. Player and recorder are two
clients, so that the graph has no loop, which JACK would cut with a delay; JACK's frame time aligns them.
Prints "playing" when the noise has begun and "recorded" at the end; on a line of input it
writes `sent` and `received`, both (samples, channels), beginning at the same frame. A period in which
JACK did not get round in time, and the next, in which clients may still be at the one before, are NaN.
"""

import argparse
import contextlib
import gc
import os
import threading
import time
from typing import Any

import jack
import numpy as np

WAIT_S = 20.0
SETTLE_S = 0.5  # new connections, and the first calls of the callbacks, may cost JACK a period


def ports_of(client: Any, name: str, channels: int) -> tuple[list[Any], list[Any]]:
    """Input and output ports of the client whose name begins with `name`, as soon as it has them."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        inputs = client.get_ports(f"^{name}.*", is_audio=True, is_input=True)
        outputs = client.get_ports(f"^{name}.*", is_audio=True, is_output=True)
        if len(inputs) >= channels and len(outputs) >= channels:
            return inputs[:channels], outputs[:channels]
        time.sleep(0.01)
    raise SystemExit(f"no client {name} with {channels} ports")


def hurry(done: set[int]) -> None:
    """Real-time priority for the calling thread, once, where that is allowed."""
    if (thread := threading.get_ident()) not in done:
        done.add(thread)
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(20))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tape")
    parser.add_argument("seconds", type=float)
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--client", default="PortAudio")
    parser.add_argument("--after", type=float, default=0.5, help="seconds of silence recorded at the end")
    options = parser.parse_args()
    channels = options.channels

    player, recorder = jack.Client("tape_player"), jack.Client("tape_recorder")
    rate = player.samplerate
    sent = np.zeros((channels, int((options.seconds + options.after) * rate)), np.float32)
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (channels, int(options.seconds * rate)))
    sent[:, : noise.shape[1]] = noise
    received = np.full_like(sent, np.nan)
    for i in range(channels):
        player.outports.register(f"out_{i}")
        recorder.inports.register(f"in_{i}")
    started: list[int] = []
    hurried: set[int] = set()
    go, done = threading.Event(), threading.Event()
    due = 0

    @player.set_process_callback  # type: ignore[untyped-decorator]
    def play(count: int) -> None:
        hurry(hurried)
        now = player.last_frame_time
        if not started and go.is_set():
            started.append(now)
        at = now - started[0] if started else sent.shape[1]
        for port, samples in zip(player.outports, sent):
            part = samples[at : at + count]
            target = port.get_array()
            target[: len(part)] = part
            target[len(part) :] = 0

    @recorder.set_process_callback  # type: ignore[untyped-decorator]
    def record(count: int) -> None:
        nonlocal due
        hurry(hurried)
        if not started:
            return
        at = recorder.last_frame_time - started[0]
        if at < 0:
            return
        in_time, due = at == due, at + count
        for port, samples in zip(recorder.inports, received):
            part = samples[at : at + count]
            part[...] = port.get_array()[: len(part)] if in_time else np.nan
        if at + count >= received.shape[1]:
            done.set()

    gc.collect()
    gc.freeze()
    gc.disable()
    with player, recorder:
        inputs, outputs = ports_of(player, options.client, channels)
        for i in range(channels):
            player.connect(player.outports[i], inputs[i])
            recorder.connect(outputs[i], recorder.inports[i])
        time.sleep(SETTLE_S)
        go.set()
        while not started:
            time.sleep(0.001)
        print("playing", flush=True)
        if not done.wait(options.seconds + options.after + WAIT_S):
            raise SystemExit("the recording did not come to its end")
        print("recorded", flush=True)
        input()
    np.savez(options.tape, sent=sent.T, received=received.T)


if __name__ == "__main__":
    main()
