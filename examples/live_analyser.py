"""Looks at the microphone, plays nothing: level and strongest frequency, ten times a second."""

import argparse
import time

import numpy as np

import rtstft
from rtstft.types import ComplexArray


class Analyser(rtstft.Plugin):
    """Keeps the level and the strongest frequency of the last frame."""

    level_db = -120.0
    peak_hz = 0.0

    def prepare(self, context: rtstft.Context) -> None:
        self.frequencies = context.stft.frequencies(context.samplerate)
        # Parseval: the sum over both halves of the spectrum, per sample and unit of window power.
        self.scale = 2 / (context.stft.n_fft * np.sum(context.stft.analysis_window**2))

    def process(self, frame: ComplexArray) -> None:
        power = np.abs(frame[0]) ** 2
        self.level_db = float(10 * np.log10(np.sum(power) * self.scale + 1e-12))
        self.peak_hz = float(self.frequencies[np.argmax(power)])


def main() -> None:
    """Prints until interrupted."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=float("inf"), help="end after so long")
    end = time.monotonic() + arguments.parse_args().seconds

    analyser = Analyser()
    with rtstft.Stream(analyser, rtstft.STFT(2048, 512), samplerate=48_000, output=False) as stream:
        try:
            while time.monotonic() < end and not stream.wait(0.1):
                print(f"\r{analyser.level_db:6.1f} dBFS  {analyser.peak_hz:7.1f} Hz", end="", flush=True)
        except KeyboardInterrupt:
            pass
        print(f"\n{stream.stats.frames} frames, {stream.stats.xruns} xruns")


if __name__ == "__main__":
    main()
