"""WAV to magnitude and phase, a neural network's turn on the magnitude, and back to a WAV: exact."""

import argparse
from pathlib import Path

import numpy as np
import soundfile

import rtstft
from rtstft.types import RealArray


def network(magnitude: RealArray) -> RealArray:
    """Stands for the neural network, and gives back what it is given."""
    return magnitude


def main(source: Path, target: Path) -> None:
    """Reads `source`, takes its spectra apart and together again, writes `target`."""
    x, samplerate = soundfile.read(source)

    geometry = rtstft.STFT(n_fft=1024, hop_length=160, win_length=512, window="hamming")
    spectra = geometry.stft(x)
    magnitude, phase = np.abs(spectra), np.angle(spectra)
    y = geometry.istft(network(magnitude) * np.exp(1j * phase), length=len(x))

    soundfile.write(target, y, samplerate, "FLOAT")
    print(f"{geometry:{samplerate}}")
    print(f"{len(magnitude)} frames, round-trip error {np.abs(y - x).max():.2g} of full scale")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("source", type=Path)
    arguments.add_argument("target", type=Path)
    main(**vars(arguments.parse_args()))
