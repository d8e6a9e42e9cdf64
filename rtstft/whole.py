"""Whole arrays through the streaming engine: the same frames and the same bits as block by block."""

import numpy as np

from rtstft.analysis import Analysis
from rtstft.arrays import chunks
from rtstft.synthesis import Synthesis
from rtstft.types import ComplexArray, RealArray


def analyse(analysis: Analysis, samples: RealArray, count: int, zeros: int) -> ComplexArray:
    """First `count` frames, (count, channels, bins), of `samples`, (n, channels), and `zeros` zeros."""
    spectra = np.empty((count, *analysis.frame.shape), analysis.frame.dtype)
    done = 0
    for part in (samples, np.zeros((zeros, samples.shape[1]), samples.dtype)):
        for chunk in chunks(part, analysis.capacity):
            for forward in analysis.forward[: analysis.write(chunk)]:
                forward()
                spectra[done] = analysis.frame
                done += 1
    return spectra


def synthesise(
    synthesis: Synthesis, frame: ComplexArray, spectra: ComplexArray, start: int, length: int
) -> RealArray:
    """Output samples `start` to `start + length`, (length, channels), of the frames in `spectra`.

    Sample 0 is the first that frame 0 contributes to; earlier ones are zero, and so are frames
    after the last. `frame` is the array that `synthesis` transforms.
    """
    signal = np.zeros((length, spectra.shape[1]), frame.real.dtype)
    hop = synthesis.hop
    for k, position in enumerate(range(-start, length, hop)):
        ((backward, _),) = synthesis.reserve(1)
        frame[...] = spectra[k] if k < len(spectra) else 0
        backward()
        synthesis.overlap_add()
        samples = synthesis.read(hop)
        if position > -hop:
            first = max(position, 0)
            target = signal[first : position + hop]
            target[...] = samples[first - position :][: len(target)]
    return signal
