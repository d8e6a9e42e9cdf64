"""Draws before_after.png: spectrograms of the noisy recording and of what denoise.py makes of it.

Needs matplotlib: pip install 'rtstft[examples]'.
"""

import argparse
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import soundfile
from denoise import Denoise

import rtstft

HERE = Path(__file__).parent
GEOMETRY = rtstft.STFT(n_fft=512, hop_length=128)


def main(picture: Path) -> None:
    """Processes the recording and writes `picture`."""
    noisy = HERE / "speech_in_noise.wav"
    with tempfile.TemporaryDirectory() as folder:
        cleaned = Path(folder) / "cleaned.wav"
        rtstft.process_file(noisy, cleaned, Denoise(), GEOMETRY)
        signals = {
            "speech_in_noise.wav": soundfile.read(noisy),
            "after denoise.py:Denoise": soundfile.read(cleaned),
        }
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), sharey=True, layout="constrained", dpi=90)
    for axis, (title, (x, samplerate)) in zip(axes, signals.items(), strict=True):
        level_db = 20 * np.log10(np.abs(GEOMETRY.stft(x)).T + 1e-6)
        extent = (0, len(x) / samplerate, 0, samplerate / 2000)
        image = axis.imshow(
            level_db, origin="lower", aspect="auto", cmap="magma", extent=extent, vmin=-40, vmax=30
        )
        axis.set(title=title, xlabel="seconds")
    axes[0].set_ylabel("kHz")
    figure.colorbar(image, ax=axes, label="dB", pad=0.01)
    figure.savefig(picture, pil_kwargs={"optimize": True})
    plt.close(figure)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("picture", type=Path, nargs="?", default=HERE / "before_after.png")
    main(**vars(arguments.parse_args()))
