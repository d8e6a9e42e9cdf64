"""The same frames from MATLAB's definition, scipy, librosa and rtstft, and why their numbers differ.

Needs scipy and librosa: pip install 'rtstft[examples]'.
"""

from pathlib import Path

import librosa
import numpy as np
import scipy.signal
import soundfile

import rtstft
from rtstft.types import ComplexArray

N_FFT, HOP, WIN = 1024, 160, 512
SYMMETRIC = np.hamming(WIN)


def frames_by_source(x: np.ndarray, samplerate: int) -> dict[str, tuple[ComplexArray, str]]:
    """Spectra, (frames, bins), of `x` by what computed them, each with the reason for its numbers."""
    count = (len(x) - WIN) // HOP + 1
    by_hand = [np.fft.rfft(x[k * HOP : k * HOP + WIN] * SYMMETRIC, N_FFT) for k in range(count)]
    symmetric = rtstft.STFT(N_FFT, HOP, WIN, window=("hamming", "symmetric"))
    periodic = rtstft.STFT(N_FFT, HOP, WIN, window="hamming")
    spectrogram = {"fs": samplerate, "nperseg": WIN, "noverlap": WIN - HOP, "nfft": N_FFT, "mode": "complex"}
    scipy_default = scipy.signal.spectrogram(x, window=SYMMETRIC, scaling="spectrum", **spectrogram)[2].T
    scipy_plain = scipy.signal.spectrogram(
        x, window=SYMMETRIC, scaling="spectrum", detrend=False, **spectrogram
    )[2].T
    short_time = scipy.signal.ShortTimeFFT(SYMMETRIC, HOP, samplerate, mfft=N_FFT)
    # ShortTimeFFT centres window p on sample p * hop: the first full one is not at sample 0.
    scipy_class = short_time.stft(x[: WIN + (count - 1) * HOP], p0=0).T
    librosa_frames = librosa.stft(
        x, n_fft=N_FFT, hop_length=HOP, win_length=WIN, window="hamming", center=False, dtype=np.complex128
    ).T
    return {
        "MATLAB, by definition": (np.array(by_hand), "rfft of 512 samples times hamming(512), unscaled"),
        'rtstft ("hamming", "symmetric")': (symmetric.stft(x, pad=False), "the same"),
        'rtstft "hamming"': (periodic.stft(x, pad=False), "periodic window, as scipy and librosa name it"),
        "scipy spectrogram": (scipy_default, "subtracts each frame's mean, divides by the window's sum"),
        "  times sum": (scipy_default * SYMMETRIC.sum(), "still subtracts each frame's mean"),
        "  detrend=False": (scipy_plain, "still divides by the window's sum"),
        "  detrend=False, times sum": (scipy_plain * SYMMETRIC.sum(), "the same"),
        "scipy ShortTimeFFT": (scipy_class, "frame p centred on sample p * hop: other samples"),
        "librosa, center=False": (librosa_frames, "window in the middle of n_fft: other samples"),
    }


def decibels(spectra: ComplexArray, reference: ComplexArray) -> float:
    """Squared difference as part of the reference's power; only frames that both have."""
    count = min(len(spectra), len(reference))
    error = np.sum(np.abs(spectra[:count] - reference[:count]) ** 2)
    return float(10 * np.log10(error / np.sum(np.abs(reference[:count]) ** 2) + 1e-40))


def main() -> None:
    """Prints the table."""
    x, samplerate = soundfile.read(Path(__file__).with_name("speech_in_noise.wav"))
    x = x[: 2 * samplerate]
    table = frames_by_source(x, samplerate)
    reference, _ = table["MATLAB, by definition"]
    print(f"{'':33} frames  bins  difference  why")
    for name, (spectra, why) in table.items():
        difference = decibels(spectra, reference)
        shown = "none" if difference < -280 else f"{difference:.0f} dB"
        print(f"{name:33} {spectra.shape[0]:6} {spectra.shape[1]:5}  {shown:>10}  {why}")
    geometry = rtstft.STFT(N_FFT, HOP, WIN, window="hamming")
    error = np.abs(geometry.istft(geometry.stft(x), length=len(x)) - x).max()
    print(f"and back, with rtstft: error {error:.1g} of full scale, edges included")


if __name__ == "__main__":
    main()
