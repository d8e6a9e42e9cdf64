"""An asyncio program that steers a running stream: gain up and down, bypass, statistics."""

import argparse
import asyncio
from pathlib import Path

import rtstft
from rtstft.types import ComplexArray


class Gain(rtstft.Plugin):
    """Multiplies all bins."""

    factor = 1.0

    def process(self, frame: ComplexArray) -> None:
        frame *= self.factor


async def fade(stream: rtstft.Stream, seconds: float) -> None:
    """Turns the gain down and up again, in steps far shorter than a frame can tell."""
    steps = max(1, round(seconds / 0.02))
    for step in range(steps + 1):
        stream.set(factor=abs(1 - 2 * step / steps))
        await asyncio.sleep(seconds / steps)


async def report(stream: rtstft.Stream) -> None:
    """A line of statistics every half second, until cancelled."""
    while True:
        await asyncio.sleep(0.5)
        stats = stream.stats
        print(f"out {stats.peak_out:.3f}, load p99 {stats.load_p99:.1%}, {stats.xruns} xruns")


async def main(seconds: float, source: Path | None) -> None:
    """Starts a stream, steers it, ends it; what blocks runs in a thread."""
    stream = rtstft.Stream(
        Gain(), rtstft.STFT(1024, 256), samplerate=48_000, source=source, isolate=True, fade_in_s=0.5
    )
    await asyncio.to_thread(stream.start)
    try:
        async with asyncio.TaskGroup() as tasks:
            reporter = tasks.create_task(report(stream))
            await fade(stream, seconds)
            stream.bypass = True
            ended = await asyncio.to_thread(stream.wait, 0.5)
            print("the source has ended" if ended else "bypassed")
            reporter.cancel()
    finally:
        await asyncio.to_thread(stream.close)
    print(f"{stream.stats.frames} frames, {stream.stats.dropped} samples dropped")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=5.0, help="length of the fade")
    arguments.add_argument("--source", type=Path, help="a 48 kHz mono file instead of the microphone")
    asyncio.run(main(**vars(arguments.parse_args())))
