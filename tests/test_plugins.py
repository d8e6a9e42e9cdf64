"""Every plugin that comes with rtstft keeps the contract, allocates nothing a frame, and is registered."""

import re
import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rtstft.plugins
from rtstft import STFT, Processor
from rtstft.places import registered
from rtstft.testing import GEOMETRIES, check_plugin

RESPONSE = np.random.default_rng(0).standard_normal(3000).astype(np.float32)
EXACT = (STFT(128, 64, window="boxcar", synthesis=np.repeat([0.0, 1.0], 64)), GEOMETRIES[-1])
YEAR = re.compile(r"[A-Z].*\b(19|20)\d\d\b", re.DOTALL)  # behind a name: that of a source
OURS = {name: entry for name, entry in registered().items() if entry.value.startswith("rtstft.")}


@pytest.mark.parametrize("name", OURS)
def test_built_in_keeps_the_contract(name: str) -> None:
    kind: Any = OURS[name].load()
    if name == "convolve":
        check_plugin(partial(kind, RESPONSE), geometries=EXACT)
    else:
        check_plugin(kind)
    documentation = kind.__doc__ or ""
    for part in ("Algorithm:", "Cost:", "Latency:", "Parameters"):
        assert part in documentation
    for param in kind.params.values():
        assert param.doc
        assert f"\n    {param.name}: {param.__doc__}" in documentation or param.name in ("mix", "bypass")
    algorithm = documentation.partition("Algorithm:")[2].partition("Cost:")[0]
    assert YEAR.search(algorithm) or (name == "gain" and "too simple to have a source" in algorithm)
    # Times are in README's table, measured; operations are counted here.
    assert not re.search(r"\d ?[uµ]s\b", documentation)


STEREO = ("pan", "width")
# What has something to do only when asked to.
BUSY: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in OURS),
    ("blur", {"width_hz": 300.0}),
    ("denoise", {"learn": True, "strength": 0.8}),
    ("duck", {"per_band": True}),
    ("freeze", {"hold": True}),
    ("gate", {"lookahead_s": 0.1}),
    ("morph", {"phase": "signal"}),
    ("pitch", {"semitones": 3.0, "formants": "keep"}),
]


@pytest.mark.parametrize(
    ("name", "params", "channels"),
    [(*busy, channels) for busy in BUSY for channels in (1, 2) if channels == 2 or busy[0] not in STEREO],
    ids=str,
)
def test_no_plugin_allocates_bins_a_frame(name: str, params: dict[str, Any], channels: int) -> None:
    hop = 1024
    kind: Any = OURS[name].load()
    if name == "convolve":
        plugin = kind(RESPONSE)
        geometry = STFT(4 * hop, hop, 2 * hop, window="hann", synthesis="ola")
    else:
        plugin, geometry = kind(**params), STFT(4 * hop, hop)
    processor = Processor(plugin, geometry, channels=channels, aux=dict.fromkeys(plugin.aux, 2))
    rng = np.random.default_rng(0)
    blocks = rng.uniform(-0.5, 0.5, (4, hop, processor.input_channels)).astype(np.float32)
    out = np.empty((hop, channels), np.float32)
    for block in np.tile(blocks, (3, 1, 1)):
        processor.process(block, out)
    tracemalloc.start()
    try:
        processor.process(blocks[0], out)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for block in blocks:
            processor.process(block, out)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < geometry.bins * np.dtype(np.complex64).itemsize


def test_every_module_of_a_plugin_is_registered() -> None:
    folder = Path(rtstft.plugins.__file__).parent
    modules = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert modules == set(OURS)
