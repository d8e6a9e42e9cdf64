"""The same settings sound the same in another geometry and at another samplerate."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rtstft.errors import PluginError
from rtstft.geometry import STFT
from rtstft.testing.bench import Fresh
from rtstft.testing.rig import Rig, refused
from rtstft.types import RealArray

# All with windows of 21 ms: one, one with a quarter of both hop and samplerate, one with bins half as wide.
_USUAL = STFT(2048, 512), 96_000.0
_SOONER = STFT(512, 32), 24_000.0
_FINER = STFT(4096, 512, 2048), 96_000.0

_STEP_S = 0.1
_LEVELS = 0.0, 0.3, 0.3, 0.01, 0.01, 0.3, 0.3, 0.0, 0.0, 0.1, 0.1, 0.003, 0.3
_RAMP_S = 0.005  # from one level to the next: a jump would hold what is beyond half of a samplerate
_HIGHEST_HZ = 5500  # of what goes in
_FADED_HZ = 8000, 12_000  # of what comes out, which may have moved up: at 24 kHz there is no more
_SLOT_S = 0.02
_EDGES_HZ = 200 * 2 ** (np.arange(15) / 3)  # to 5 kHz, and none below what the window resolves
_SILENT = 1e-5  # of the power of the loudest slot or band, in or out
# Over time, good plugins differ by up to 1 dB on average, though gates close at other moments; those that
# smooth or compress by the frame, within 50 ms to 1 s in one of the two, by 2.2 to 6. Of bands, the second
# worst counts, as a good filter's edge may fall in one: it differs by 4 dB, and by 30 where bins are counted.
_MOST_DB = 2.0
_MOST_BAND_DB = 8.0

Powers = NDArray[np.float64]


def check_sound(rig: Rig, fresh: Fresh) -> None:
    """What becomes of noise has the same levels over time, and in thirds of octaves.

    A geometry or samplerate that the plugin refuses is left out.
    """
    usual = _heard(rig, *_USUAL, fresh)
    sooner = _heard(rig, *_SOONER, fresh)
    finer = _heard(rig, *_FINER, fresh)
    if usual and sooner:
        off = float(_difference_db(usual[0], sooner[0]).mean())
        assert off < _MOST_DB, (
            f"{_compared(*_SOONER)}: levels differ by {off:.2g} dB on average over time (over {_MOST_DB:g}): "
            f"count no frames, but take times in seconds (in a frame, a mean over `seconds` moves by "
            f"1 - exp(-context.hop_s / seconds)), the samplerate from context, and magnitudes relative to "
            f"context.stft.analysis_window, with whose sum they grow"
        )
    for other, where in (sooner, _SOONER), (finer, _FINER):
        if usual and other:
            off = float(np.sort(_difference_db(usual[1], other[1]))[-2])
            assert off < _MOST_BAND_DB, (
                f"{_compared(*where)}: thirds of octaves differ by {off:.2g} dB (over {_MOST_BAND_DB:g}): "
                f"count no bins, but take frequencies in Hz, by context.stft.frequencies(context.samplerate)"
            )


def _heard(rig: Rig, stft: STFT, samplerate: float, fresh: Fresh) -> tuple[Powers, Powers] | None:
    """Power of the output in slots of time, and in bands, of the input's most; None if the plugin refuses."""
    try:
        processor = replace(rig, geometry=stft, samplerate=samplerate).processor(fresh())
        x = _noise(samplerate, processor.input_channels)
        late = np.zeros((processor.latency, processor.input_channels))
        y = processor.process(np.concatenate([x, late]))[processor.latency :]
    except PluginError as error:
        if refused(error):
            return None
        raise AssertionError(f"in {_named(stft, samplerate)}: {error}") from error
    slots, bands = (
        found / given.max()
        for found, given in zip(_powers(y, samplerate), _powers(x[:, : rig.channels], samplerate))
    )
    return slots, bands


def _powers(x: RealArray, samplerate: float) -> tuple[Powers, Powers]:
    """In each slot of time, and in each band."""
    frequencies = np.fft.rfftfreq(len(x), 1 / samplerate)
    spectrum = np.fft.rfft(x, axis=0) * np.interp(frequencies, _FADED_HZ, (1, 0))[:, np.newaxis]
    slots = np.fft.irfft(spectrum, len(x), axis=0).reshape(-1, round(_SLOT_S * samplerate) * x.shape[1])
    bands = np.add.reduceat(np.abs(spectrum) ** 2, np.searchsorted(frequencies, _EDGES_HZ))[:-1]
    return np.square(slots).mean(axis=1), bands.sum(axis=1)


def _noise(samplerate: float, channels: int) -> RealArray:
    """The same at every samplerate, shape (samples, channels)."""
    duration_s = _STEP_S * len(_LEVELS)
    length = round(duration_s * samplerate)
    partials = round(duration_s * _HIGHEST_HZ)
    spectrum = np.zeros((length // 2 + 1, channels), complex)
    phases = np.random.default_rng(11).uniform(0, 2 * np.pi, (partials, channels))
    spectrum[1 : partials + 1] = np.exp(1j * phases) * length / np.sqrt(2 * partials)
    ramp = round(_RAMP_S * samplerate)
    levels = np.convolve(np.repeat(_LEVELS, round(_STEP_S * samplerate)), np.full(ramp, 1 / ramp), "same")
    noise: RealArray = np.fft.irfft(spectrum, length, axis=0) * levels[:, np.newaxis]
    return noise


def _difference_db(one: Powers, other: Powers) -> Powers:
    """Between levels; all that is silent is the same."""
    least = _SILENT * max(one.max(), other.max(), 1.0)
    difference: Powers = np.abs(10 * np.log10(np.maximum(one, least) / np.maximum(other, least)))
    return difference


def _compared(stft: STFT, samplerate: float) -> str:
    return f"the same noise sounds different in {_named(*_USUAL)} and {_named(stft, samplerate)}"


def _named(stft: STFT, samplerate: float) -> str:
    return f"STFT({stft.n_fft}, {stft.hop_length}, {stft.win_length}) at {samplerate:g} Hz"
