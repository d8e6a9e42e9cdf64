"""Noise reduction on recordings of the user's: SI-SDR, PESQ and STOI, against noisereduce and a textbook.

`--audio DIR` names a folder with the folders `speech` (or `clean`) and `noise`, sound files of any
samplerate in them. White noise is made here. Everything is brought to 16 kHz; the speech files are
joined, in the order of their names, to pieces of ten seconds or more; noise is looped.

How much can be gained depends on the speech more than on the algorithm. So the bar is what the
textbook's algorithm gains in the same run: noise of Gerkmann and Hendriks (2012), gain of Ephraim and
Malah (1985), by their formulas and over whole arrays.
"""

import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from harness import Row, show
from numpy.typing import NDArray

import rtstft
from rtstft.plugins.denoise import Denoise

Samples = NDArray[np.float64]
RATE = 16_000
GEOMETRY = rtstft.STFT(512, 128, window="sqrt_hann", synthesis="same")  # 32 ms, 75 % overlap
PIECE_S = 10.0
LEVELS_DB = (0, 5, 10)
HEADER = ("contestant", "noise", "SNR", "SI-SDR", "gain", "PESQ", "gain", "STOI", "gain")
MEASURES = ("si_sdr", "pesq", "stoi")
LEAST_SI_SDR_GAIN = 4.0


def run(*, quick: bool, audio: Path | None = None) -> Row:
    """Measures and prints the table; returns the rows."""
    try:
        return _run(quick=quick, audio=audio)
    except _SkippedError as reason:
        print(f"\nDenoise: skipped, {reason}")
        return {"skipped": str(reason)}


class _SkippedError(Exception):
    pass


def _run(*, quick: bool, audio: Path | None) -> Row:
    if audio is None:
        raise _SkippedError("name a folder of recordings with --audio DIR, in it speech and noise.")
    try:
        import noisereduce
        import pesq
        import pystoi
        import scipy.signal
        import scipy.special
    except ImportError as error:
        raise _SkippedError(f"{error.name} is not installed: pip install -e '.[bench]'") from None

    resample: Resample = scipy.signal.resample_poly
    pieces = list(_pieces(_folder(audio, "speech", "clean"), resample))
    noises = dict(_noises(_folder(audio, "noise"), resample))
    if quick:
        pieces = pieces[:1]

    def measures(clean: Samples, found: Samples) -> tuple[float, float, float]:
        return (
            si_sdr(clean, found),
            pesq.pesq(RATE, clean, found, "wb"),
            float(pystoi.stoi(clean, found, RATE)),
        )

    def reduced(noisy: Samples, **options: Any) -> Samples:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result: Samples = noisereduce.reduce_noise(noisy, RATE, **options)
        return result

    contestants: dict[str, Callable[[Samples], Samples]] = {
        "rtstft": _denoised,
        "textbook": lambda x: _textbook(x, scipy.special.exp1),
        "noisereduce, stationary": lambda x: reduced(x, stationary=True),
        "noisereduce": lambda x: reduced(x, stationary=False),
    }
    rows: list[Row] = []
    for name, level_db in itertools.product(noises, LEVELS_DB):
        found: dict[str, list[Any]] = {contestant: [] for contestant in contestants}
        before = []
        for piece in pieces:
            noisy = mixed(piece, noises[name], level_db)
            before.append(measures(piece, noisy))
            for contestant, reduce in contestants.items():
                found[contestant].append(measures(piece, reduce(noisy)))
        start = np.mean(before, axis=0)
        for contestant, values in found.items():
            rows.append(_row(contestant, name, level_db, np.mean(values, axis=0), start))
    return _shown(rows, contestants, len(pieces))


def si_sdr(clean: Samples, found: Samples) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019)."""
    target = clean * (np.dot(found, clean) / np.dot(clean, clean))
    return float(10 * math.log10(np.sum(target**2) / np.sum((found - target) ** 2)))


def mixed(clean: Samples, noise: Samples, level_db: float) -> Samples:
    """`clean` and as much of `noise`, looped, as makes this ratio in dB."""
    looped = np.resize(noise, len(clean))
    return clean + looped * math.sqrt(np.mean(clean**2) / np.mean(looped**2) / 10 ** (level_db / 10))


def _denoised(noisy: Samples) -> Samples:
    """By the plugin as it comes."""
    processor = rtstft.Processor(Denoise(), GEOMETRY, RATE, 1, dtype="float64")
    out = np.concatenate([processor.process(np.ascontiguousarray(noisy[:, np.newaxis])), processor.flush()])
    result: Samples = out[processor.latency :, 0]
    return result


def _textbook(noisy: Samples, exp1: Callable[[Samples], Samples]) -> Samples:
    """MMSE-LSA with decision-directed ratio, noise by speech presence probability; floor -18 dB."""
    keep, keep_noise, keep_presence = (math.exp(-128 / RATE / time_s) for time_s in (0.2, 0.15, 0.152))
    speech_ratio, least_ratio, floor = 10**1.5, 10**-2.5, 10 ** (-18 / 20)
    frames = GEOMETRY.stft(noisy[:, np.newaxis])[:, 0]
    powers: Samples = np.maximum(np.abs(frames) ** 2, 1e-12)
    noise: Samples = powers[3:15].mean(
        axis=0
    )  # the first 0.1 s, after the frames that begin before the sound
    often: Samples = np.zeros_like(noise)
    clean: Samples = np.zeros_like(noise)
    for power, frame in zip(powers, frames):
        exponent = np.minimum(power / noise, 500) * speech_ratio / (1 + speech_ratio)
        presence = 1 / (1 + (1 + speech_ratio) * np.exp(-exponent))
        often = keep_presence * often + (1 - keep_presence) * presence
        presence = np.where(often > 0.99, np.minimum(presence, 0.99), presence)
        noise = keep_noise * noise + (1 - keep_noise) * (presence * noise + (1 - presence) * power)
        ratio = np.clip(power / noise, 1e-3, 1e3)
        prior = np.maximum(keep * clean / noise + (1 - keep) * np.maximum(ratio - 1, 0), least_ratio)
        wiener = prior / (1 + prior)
        gain = np.minimum(wiener * np.exp(exp1(wiener * ratio) / 2), 1)
        clean = gain**2 * power
        frame *= np.maximum(gain, floor)
    result: Samples = np.asarray(GEOMETRY.istft(frames[:, np.newaxis], length=len(noisy))[:, 0], np.float64)
    return result


Resample = Callable[[Samples, int, int], Samples]


def _folder(audio: Path, *names: str) -> list[Path]:
    for name in names:
        files = sorted(path for path in (audio / name).glob("**/*") if _is_sound(path))
        if files:
            return files
    raise _SkippedError(f"no sound files in {' or '.join(str(audio / name) for name in names)}.")


def _is_sound(path: Path) -> bool:
    return path.suffix[1:].upper() in soundfile.available_formats()


def _read(path: Path, resample: Resample) -> Samples:
    samples, samplerate = soundfile.read(path, always_2d=True)
    common = math.gcd(samplerate, RATE)
    mono: Samples = samples.mean(axis=1)
    return mono if samplerate == RATE else resample(mono, RATE // common, samplerate // common)


def _pieces(paths: list[Path], resample: Resample) -> Iterator[Samples]:
    """Ten seconds or more each, every file at the same level; a rest that is shorter joins the last."""
    files = [_read(path, resample) for path in paths]
    files = [x * (0.05 / np.sqrt(np.mean(x**2))) for x in files]
    parts: list[Samples] = []
    left = sum(map(len, files)) / RATE
    for file in files:
        parts.append(file)
        left -= len(file) / RATE
        if sum(map(len, parts)) >= PIECE_S * RATE and left >= PIECE_S:
            yield np.concatenate(parts)
            parts = []
    yield np.concatenate(parts)


def _noises(paths: list[Path], resample: Resample) -> Iterator[tuple[str, Samples]]:
    yield "white", np.random.default_rng(0).standard_normal(60 * RATE)
    for path in paths:
        yield path.stem, _read(path, resample)


def _row(contestant: str, noise: str, level_db: int, found: Any, before: Any) -> Row:
    row: Row = {"contestant": contestant, "noise": noise, "snr_db": level_db}
    for measure, value, start in zip(MEASURES, found.tolist(), before.tolist()):
        row[measure] = value
        row[f"{measure}_gain"] = value - start
    return row


def _shown(rows: list[Row], contestants: Any, pieces: int) -> Row:
    means: Row = {
        contestant: {
            measure: float(np.mean([r[f"{measure}_gain"] for r in rows if r["contestant"] == contestant]))
            for measure in MEASURES
        }
        for contestant in contestants
    }
    lines: list[list[object]] = [
        [value if not isinstance(value, float) else f"{value:.3f}" for value in row.values()] for row in rows
    ]
    for contestant, mean in means.items():
        gains = [f"{mean[measure]:+.4f}" for measure in MEASURES]
        lines.append([contestant, "all", "", *itertools.chain(*(("", gain) for gain in gains))])
    bars = _bars(means)
    notes = [f"{b['what']} {b['bar']}: {b['verdict']} ({b['found']:+.4f})" for b in bars]
    title = f"Noise reduction: {RATE} Hz, pieces of speech: {pieces}, window 32 ms, hop 8 ms"
    show(title, HEADER, lines, notes)
    return {"rows": rows, "means": means, "bars": bars}


def _bars(means: Row) -> list[Row]:
    limits = [("si_sdr", "", LEAST_SI_SDR_GAIN)]
    limits += [(measure, ", of the textbook's", means["textbook"][measure]) for measure in MEASURES]
    bars = []
    for measure, whose, limit in limits:
        found = means["rtstft"][measure]
        verdict = "met" if found >= limit else "MISSED"
        what = f"mean {measure} gain{whose}"
        bars.append({"what": what, "bar": f">= {limit:.3g}", "found": found, "verdict": verdict})
    return bars
