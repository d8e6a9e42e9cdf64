"""Spectral subtraction: rtstft process IN OUT --callback examples/denoise.py:Denoise."""

import numpy as np

import rtstft
from rtstft.types import ComplexArray


class Denoise(rtstft.Plugin):
    """Takes the average power of the first 0.4 s, which should hold no speech, off all that follows."""

    def prepare(self, context: rtstft.Context) -> None:
        self.shape = context.channels, context.stft.bins
        self.hop_s = context.stft.hop_length / context.samplerate
        self.reset()

    def reset(self) -> None:
        self.noise, self.power = np.zeros(self.shape), np.zeros(self.shape)

    def process(self, frame: ComplexArray, info: rtstft.FrameInfo) -> None:
        power = np.abs(frame) ** 2
        learning = int(0.4 / self.hop_s)
        if info.index < learning:
            self.noise += power / learning
        self.power += (1 - np.exp(-self.hop_s / 0.02)) * (power - self.power)
        frame *= np.clip(1 - 2 * self.noise / (self.power + 1e-12), 0.05, 1)
