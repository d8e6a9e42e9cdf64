"""The other libraries: what each does that comes nearest to analysis, identity and synthesis.

Each function returns a contestant, or says in a sentence why there is none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from harness import Contestant, stream
from numpy.typing import NDArray


@dataclass(frozen=True)
class Case:
    """A geometry, and a signal of shape (samples, channels) whose length is a multiple of the hop."""

    win_length: int
    hop_length: int
    n_fft: int
    signal: NDArray[np.float32]

    @property
    def channels(self) -> int:
        return int(self.signal.shape[1])

    @property
    def frames(self) -> int:
        return len(self.signal) // self.hop_length

    @property
    def window(self) -> NDArray[np.float32]:
        """Periodic Hann, as all contestants have it."""
        turn = 2 * np.pi * np.arange(self.win_length) / self.win_length
        return (0.5 - 0.5 * np.cos(turn)).astype(np.float32)

    def blocks(self, length: int) -> list[NDArray[np.float32]]:
        """Views of the signal, cut beforehand."""
        return [self.signal[i : i + length] for i in range(0, len(self.signal), length)]


def bare_fftw(case: Case) -> Contestant:
    """One measured plan forward and one backward for each channel, on aligned buffers."""
    import pyfftw

    n_fft = case.n_fft
    forward, backward = [], []
    for _ in range(case.channels):
        samples, result = (pyfftw.zeros_aligned(n_fft, "float32", n=64) for _ in range(2))
        spectrum = pyfftw.zeros_aligned(n_fft // 2 + 1, "complex64", n=64)
        there = pyfftw.FFTW(samples, spectrum, flags=("FFTW_MEASURE",))
        back = pyfftw.FFTW(
            spectrum, result, direction="FFTW_BACKWARD", flags=("FFTW_MEASURE", "FFTW_DESTROY_INPUT")
        )
        samples[:] = np.random.default_rng(0).standard_normal(n_fft) * 0.1
        forward.append(there.execute)
        backward.append(back.execute)

    def mono() -> None:
        ahead()
        back()

    def stereo() -> None:
        ahead()
        ahead_right()
        back()
        back_right()

    ahead, ahead_right = forward[0], forward[-1]
    back, back_right = backward[0], backward[-1]
    pair = mono if case.channels == 1 else stereo

    def run() -> None:
        for _ in range(case.frames):
            pair()

    return Contestant("bare FFTW", "-", case.frames, run)


def librosa(case: Case) -> Contestant | str:
    import librosa

    signal = np.ascontiguousarray(case.signal.T)
    sizes = {"n_fft": case.n_fft, "hop_length": case.hop_length, "win_length": case.win_length}

    def run() -> None:
        librosa.istft(librosa.stft(signal, **sizes), length=signal.shape[1], **sizes)

    return Contestant("librosa", "whole", case.frames, run)


def scipy(case: Case) -> Contestant | str:
    from scipy.signal import ShortTimeFFT

    signal = np.ascontiguousarray(case.signal.T)
    transform = ShortTimeFFT(case.window, case.hop_length, 1.0, mfft=case.n_fft)

    def run() -> None:
        transform.istft(transform.stft(signal), k1=signal.shape[1])

    return Contestant("scipy ShortTimeFFT", "whole", case.frames, run)


def torch(case: Case) -> Contestant | str:
    import torch

    torch.set_num_threads(1)
    signal = torch.from_numpy(np.ascontiguousarray(case.signal.T))
    window = torch.from_numpy(case.window)
    sizes = (case.n_fft, case.hop_length, case.win_length, window)

    def run() -> None:
        with torch.inference_mode():
            torch.istft(torch.stft(signal, *sizes, return_complex=True), *sizes, length=signal.shape[1])

    return Contestant("torch", "whole", case.frames, run)


def pyroomacoustics(case: Case) -> Contestant | str:
    from pyroomacoustics.transform import stft

    synthesis = stft.compute_synthesis_window(case.window, case.hop_length).astype(np.float32)
    transform = stft.STFT(
        case.win_length,
        hop=case.hop_length,
        analysis_window=case.window,
        synthesis_window=synthesis,
        channels=case.channels,
        precision="single",
    )
    if case.n_fft > case.win_length:
        transform.zero_pad_back(case.n_fft - case.win_length)
    blocks = case.blocks(case.hop_length)
    if case.channels == 1:
        blocks = [block[:, 0] for block in blocks]

    def handle(block: NDArray[np.float32]) -> None:
        transform.analysis(block)
        transform.synthesis()

    return stream("pyroomacoustics", "hop", case.frames, handle, blocks)


def aubio(case: Case) -> Contestant | str:
    import aubio

    if case.win_length != case.n_fft:
        return "aubio.pvoc has one length for window and transform: no zero padding"
    vocoders = [aubio.pvoc(case.n_fft, case.hop_length) for _ in range(case.channels)]
    lanes = [
        [(vocoder, np.ascontiguousarray(block[:, c])) for c, vocoder in enumerate(vocoders)]
        for block in case.blocks(case.hop_length)
    ]

    def handle(lane: list[tuple[Any, NDArray[np.float32]]]) -> None:
        for vocoder, samples in lane:
            vocoder.rdo(vocoder(samples))

    return stream("aubio", "hop", case.frames, handle, lanes)


Peer: TypeAlias = Callable[[Case], Contestant | str]
PEERS: tuple[Peer, ...] = (librosa, scipy, torch, pyroomacoustics, aubio)


def entry(peer: Peer, case: Case) -> tuple[Contestant | None, str]:
    """The contestant and "", or None and the reason."""
    try:
        found = peer(case)
    except ImportError as error:
        return None, f"not installed ({error})"
    return (None, found) if isinstance(found, str) else (found, "")
