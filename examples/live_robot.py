"""Your voice as a robot's, live: python examples/live_robot.py (headphones on, Ctrl-C ends it)."""

import argparse

import numpy as np

import rtstft
from rtstft.types import ComplexArray


def robot(frame: ComplexArray) -> None:
    """All phases to zero: the pitch becomes that of the hops."""
    frame[:] = np.abs(frame)


def main() -> None:
    """Microphone to loudspeaker until interrupted."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, help="end after so long")
    seconds = arguments.parse_args().seconds

    geometry = rtstft.STFT(n_fft=1024, hop_length=480, win_length=960)  # a robot of 100 Hz
    with rtstft.Stream(robot, geometry, samplerate=48_000, isolate=True, fade_in_s=0.5) as stream:
        print(f"latency {stream.latency}")
        try:
            stream.wait(seconds)
        except KeyboardInterrupt:
            print()
        print(f"{stream.stats.frames} frames, {stream.stats.xruns} xruns")


if __name__ == "__main__":
    main()
