"""One signal, one set of bits: however it is cut, by whom, beside what, in which process."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import (
    blocks_of,
    channel_counts,
    dtypes,
    geometries,
    noise,
    partitions,
    processed,
    quiet_stft,
    seeds,
    streamed,
)

from rtstft import STFT, Processor

GEOMETRY = STFT(256, 48, 200, "hamming")
LENGTHS = st.one_of(st.integers(0, 300), st.integers(0, 6000))


def colour(frame: Any) -> None:
    """A callback that is neither linear nor the same for all bins."""
    frame *= np.abs(frame) / (1 + np.arange(frame.shape[1]))


@given(
    data=st.data(), geometry=geometries(), channels=channel_counts, dtype=dtypes, length=LENGTHS, seed=seeds
)
def test_any_partition_gives_the_bits_of_one_block(
    data: st.DataObject, geometry: STFT, channels: int, dtype: str, length: int, seed: int
) -> None:
    x = noise(length, channels, dtype, seed)
    processor = Processor(colour, geometry, channels=channels, dtype=dtype)
    whole = streamed(processor, x)
    processor.reset()
    assert np.array_equal(streamed(processor, x, data.draw(partitions(length))), whole)


@given(
    data=st.data(),
    win_length=st.integers(1, 40),
    hop=st.integers(1, 3),
    channels=st.sampled_from([1, 2]),
    length=st.integers(0, 300),
    seed=seeds,
)
def test_any_partition_gives_the_bits_of_one_block_at_the_shortest_hops(
    data: st.DataObject, win_length: int, hop: int, channels: int, length: int, seed: int
) -> None:
    geometry = quiet_stft(max(2, win_length), min(hop, win_length), win_length, "hamming")
    x = noise(length, channels, "float32", seed)
    processor = Processor([], geometry, channels=channels)
    whole = streamed(processor, x)
    processor.reset()
    assert np.array_equal(streamed(processor, x, data.draw(partitions(length))), whole)


@given(
    data=st.data(), geometry=geometries(), multiple=st.integers(1, 9), length=st.integers(0, 2000), seed=seeds
)
def test_any_partition_into_allowed_blocks_gives_the_bits_of_one_block(
    data: st.DataObject, geometry: STFT, multiple: int, length: int, seed: int
) -> None:
    blocksize = multiple * data.draw(st.sampled_from([1, geometry.hop_length]))
    grain = int(np.gcd(blocksize, geometry.hop_length))
    x = noise(length, 1, "float32", seed)
    processor = Processor(colour, geometry, channels=1, blocksize=blocksize)
    whole = streamed(processor, x)
    processor.reset()
    sizes = [grain * count for count in data.draw(partitions(length // grain))]
    assert np.array_equal(streamed(processor, x, [*sizes, length % grain]), whole)


@given(
    data=st.data(),
    geometry=geometries(),
    channels=st.integers(1, 3),
    dtype=dtypes,
    length=LENGTHS,
    seed=seeds,
)
def test_processor_sees_the_frames_of_stft(
    data: st.DataObject, geometry: STFT, channels: int, dtype: str, length: int, seed: int
) -> None:
    seen: list[Any] = []
    x = noise(length, channels, dtype, seed)
    processor = Processor(lambda frame: seen.append(frame.copy()), geometry, channels=channels, dtype=dtype)
    streamed(processor, x, data.draw(partitions(length)))
    expected = geometry.stft(x)
    # flush runs `latency` zeros, stft as many as there are frames that touch the signal.
    assert len(seen) == (length + processor.latency) // geometry.hop_length
    common = min(len(seen), len(expected))
    assert np.array_equal(np.array(seen[:common]), expected[:common]) or not common


@given(
    data=st.data(),
    geometry=geometries(),
    channels=st.integers(1, 3),
    dtype=dtypes,
    blocksize=st.one_of(st.none(), st.integers(1, 500)),
    length=LENGTHS,
    seed=seeds,
)
def test_identity_gives_the_bits_of_istft(
    data: st.DataObject,
    geometry: STFT,
    channels: int,
    dtype: str,
    blocksize: int | None,
    length: int,
    seed: int,
) -> None:
    x = noise(length, channels, dtype, seed)
    processor = Processor([], geometry, channels=channels, blocksize=blocksize, dtype=dtype)
    sizes = None if blocksize else data.draw(partitions(length))
    y = streamed(processor, x, sizes)[processor.latency :]
    assert np.array_equal(y, geometry.istft(geometry.stft(x), length=length))


@given(geometry=geometries(), channels=st.integers(2, 8), dtype=dtypes, length=LENGTHS, seed=seeds)
@example(geometry=STFT(16, 1, 16, "hamming"), channels=2, dtype="float32", length=100, seed=0)
def test_channel_gives_the_same_bits_alone(
    geometry: STFT, channels: int, dtype: str, length: int, seed: int
) -> None:
    x = noise(length, channels, dtype, seed)
    together = streamed(Processor(colour, geometry, channels=channels, dtype=dtype), x)
    alone = Processor(colour, geometry, channels=1, dtype=dtype)
    for c in range(channels):
        alone.reset()
        assert np.array_equal(streamed(alone, x[:, c]), together[:, c])


def test_thousands_of_odd_blocks_do_not_drift() -> None:
    x = noise(200_000, 1, "float32")
    processor = Processor(colour, GEOMETRY, channels=1)
    whole = streamed(processor, x)
    processor.reset()
    assert np.array_equal(streamed(processor, x, [37] * (200_000 // 37) + [200_000 % 37]), whole)


@given(data=st.data(), channels=st.integers(1, 3), flat=st.booleans(), length=st.integers(0, 3000))
def test_out_and_in_place_give_the_same_bits(
    data: st.DataObject, channels: int, flat: bool, length: int
) -> None:
    x = noise(length, None if flat else channels, "float32")
    channels = 1 if flat else channels
    sizes = data.draw(partitions(length))
    processor = Processor(colour, GEOMETRY, channels=channels)
    expected = processed(processor, x, sizes)

    processor.reset()
    for block, y in zip(blocks_of(x, sizes), expected):
        out = np.full_like(block, 9)
        assert processor.process(block, out=out) is out
        assert np.array_equal(out, y)

    processor.reset()
    for block, y in zip(blocks_of(x.copy(), sizes), expected):
        assert processor.process(block, out=block) is block
        assert np.array_equal(block, y)


def test_strided_blocks_and_outputs_give_the_same_bits() -> None:
    x = noise(1000, 2, "float32")
    processor = Processor(colour, GEOMETRY)
    expected = processor.process(x)
    wide = np.zeros((2000, 4), "float32")
    wide[::2, ::2] = x
    processor.reset()
    processor.process(wide[::2, ::2], out=wide[1::2, 1::2])
    assert np.array_equal(wide[1::2, 1::2], expected)
    assert np.array_equal(wide[::2, ::2], x)
    processor.reset()
    assert np.array_equal(processor.process(np.asfortranarray(x)), expected)


def test_result_belongs_to_the_caller() -> None:
    x = noise(1000, 2, "float32")
    processor = Processor([], GEOMETRY)
    for blocks in ([x], blocks_of(x, [48] * 20)):
        processor.reset()
        results = [(y, y.copy()) for y in map(processor.process, blocks)]
        assert all(np.array_equal(y, copy) for y, copy in results)
        assert all(y.flags.writeable and y.flags.c_contiguous for y, _ in results)


def test_input_is_left_as_it_was() -> None:
    x = noise(1000, 2, "float32")
    x.flags.writeable = False
    before = x.copy()
    Processor(colour, GEOMETRY).process(x)
    assert np.array_equal(x, before)


def test_mono_comes_back_in_the_shape_it_came() -> None:
    x = noise(500, None, "float32")
    flat, column = Processor([], GEOMETRY, channels=1), Processor([], GEOMETRY, channels=1)
    y = flat.process(x)
    assert y.shape == (500,)
    assert np.array_equal(column.process(x[:, np.newaxis]), y[:, np.newaxis])
    tail = flat.flush()
    assert tail.shape == (flat.latency,)
    assert np.array_equal(column.flush(), tail[:, np.newaxis])


def test_reset_forgets_the_shape_of_the_blocks() -> None:
    processor = Processor([], GEOMETRY, channels=1)
    processor.process(np.zeros(10, "float32"))
    processor.reset()
    assert processor.flush().shape == Processor([], GEOMETRY, channels=1).flush().shape


@pytest.mark.parametrize("dtype", ["float16", "float64", "longdouble", ">f4"])
def test_other_floats_are_converted(dtype: str) -> None:
    x = noise(500, 2, "float32").astype(dtype)
    one, other = Processor([], GEOMETRY), Processor([], GEOMETRY)
    y = one.process(x)
    assert y.dtype == np.float32
    assert np.array_equal(y, other.process(x.astype("float32")))


def test_interleaved_processors_do_not_meet() -> None:
    x, z = noise(3000, 2, "float32", 1), noise(3000, 2, "float32", 2)
    expected = [streamed(Processor(colour, GEOMETRY), signal) for signal in (x, z)]
    one, other = Processor(colour, GEOMETRY), Processor(colour, GEOMETRY)
    pairs = [
        (one.process(a), other.process(b)) for a, b in zip(blocks_of(x, [60] * 50), blocks_of(z, [60] * 50))
    ]
    assert np.array_equal(np.concatenate([*(y for y, _ in pairs), one.flush()]), expected[0])
    assert np.array_equal(np.concatenate([*(y for _, y in pairs), other.flush()]), expected[1])


@given(geometry=geometries(longest=100), before=st.integers(0, 1000), flushed=st.booleans())
def test_reset_is_as_good_as_new(geometry: STFT, before: int, flushed: bool) -> None:
    x = noise(700, 2, "float32")
    processor = Processor(colour, geometry)
    processor.process(noise(before, 2, "float32", 1))
    if flushed:
        processor.flush()
    processor.reset()
    assert np.array_equal(streamed(processor, x), streamed(Processor(colour, geometry), x))


def test_another_thread_computes_the_same_bits() -> None:
    x = noise(5000, 2, "float32")
    expected = streamed(Processor(colour, GEOMETRY), x)
    made_here = Processor(colour, GEOMETRY)
    results: list[Any] = []

    def work() -> None:
        results.append(streamed(made_here, x))
        results.append(streamed(Processor(colour, GEOMETRY), x))

    threads = [threading.Thread(target=work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    assert all(np.array_equal(y, expected) for y in results)


def test_processors_planned_and_run_at_the_same_time_compute_the_same_bits() -> None:
    x = noise(5000, 2, "float32")
    expected = streamed(Processor(colour, GEOMETRY), x)
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(streamed(Processor(colour, GEOMETRY), x)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(np.array_equal(y, expected) for y in results)


PLANNERS = """
import hashlib, threading
import numpy as np
from rtstft import STFT, Processor

x = np.random.default_rng(0).uniform(-1, 1, (3000, 1)).astype("float32")

def digest(size, effort="estimate"):
    processor = Processor([], STFT(size, size // 4), channels=1, planner_effort=effort)
    return hashlib.sha256(processor.process(x).tobytes()).hexdigest()

sizes = (256, 500, 512, 600, 1024)
expected = [digest(size) for size in sizes]
differing = []

def plan(effort):
    for _ in range(4):
        found = [digest(size, effort) for size in sizes]
        if effort == "estimate" and found != expected:
            differing.append(found)

threads = [threading.Thread(target=plan, args=(e,)) for e in ("estimate", "estimate", "measure")]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("differing", len(differing))
"""


def test_planning_in_one_thread_leaves_the_bits_of_another_alone(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "none")}
    (tmp_path / "none").write_text("no folder: every measurement is a real one")
    ended = subprocess.run(
        [sys.executable, "-c", PLANNERS], env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "differing 0\n"), ended.stderr


DIGEST = """
import hashlib
import numpy as np
from rtstft import STFT, Processor

def digest():
    bits = hashlib.sha256()
    x = np.random.default_rng(0).uniform(-1, 1, (5000, 2))
    for sizes in ((256, 48, 200), (1024, 256, 1024), (1000, 250, 1000), (331, 80, 331)):
        for dtype in ("float32", "float64"):
            processor = Processor([], STFT(*sizes, "hamming"), channels=2, dtype=dtype)
            bits.update(processor.process(x.astype(dtype)).tobytes())
            bits.update(processor.flush().tobytes())
    return bits.hexdigest()
"""

PLAN_LIKE_A_PROGRAM_OF_ITS_OWN = """
import pyfftw

def plan():
    for n in (256, 1024):
        for real, full in (("float32", "complex64"), ("float64", "complex128")):
            x, X = pyfftw.empty_aligned(n, real, n=64), pyfftw.empty_aligned(n // 2 + 1, full, n=64)
            pyfftw.FFTW(x, X, flags=("FFTW_MEASURE",))
            pyfftw.FFTW(X, x, direction="FFTW_BACKWARD", flags=("FFTW_MEASURE", "FFTW_DESTROY_INPUT"))

def wisdom():
    # FFTW reorders the entries whenever it reads them.
    return sorted(b"".join(pyfftw.export_wisdom()).splitlines())
"""


def run(script: str) -> list[str]:
    command = [sys.executable, "-W", "error::UserWarning:rtstft", "-c", dedent(script)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def digest_here() -> str:
    scope: dict[str, Any] = {}
    exec(DIGEST, scope)
    return str(scope["digest"]())


def test_another_process_computes_the_same_bits() -> None:
    assert run(DIGEST + "print(digest())") == [digest_here()]


def test_plans_and_wisdom_of_the_program_do_not_change_the_bits() -> None:
    script = PLAN_LIKE_A_PROGRAM_OF_ITS_OWN + "plan()\n" + DIGEST + "print(digest())"
    assert run(script) == [digest_here()]


def test_wisdom_of_the_program_is_left_as_it_was() -> None:
    script = (
        PLAN_LIKE_A_PROGRAM_OF_ITS_OWN
        + "plan()\nbefore = wisdom()\n"
        + DIGEST
        + "digest()\nprint(before == wisdom(), len(before) > 10)"
    )
    assert run(script) == ["True", "True"]


def test_program_may_import_pyfftw_after_rtstft_and_keep_its_own_wisdom() -> None:
    script = (
        DIGEST
        + "digest()\n"
        + PLAN_LIKE_A_PROGRAM_OF_ITS_OWN
        + "plan()\nbefore = wisdom()\nprint(digest(), before == wisdom())"
    )
    assert run(script) == [digest_here(), "True"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path / "cache")
    return tmp_path / "cache"


def measured(effort: str = "measure") -> Any:
    return streamed(Processor([], GEOMETRY, channels=1, planner_effort=effort), noise(3000, 1, "float32"))


@pytest.mark.parametrize("effort", ["measure", "patient"])
def test_searched_plans_are_kept_and_compute_the_same_bits_again(cache: Path, effort: str) -> None:
    first = measured(effort)
    assert len(list(cache.iterdir())) == 1
    assert np.array_equal(measured(effort), first)
    assert np.allclose(first, measured("estimate"), rtol=0, atol=1e-6)


@pytest.mark.parametrize("content", ["", "{", "[]", '["a"]', "[1, 2, 3]", '["", "", ""]', "5", '["\\u00e9"]'])
def test_damaged_wisdom_is_only_a_cache_miss(cache: Path, content: str) -> None:
    expected = measured("estimate")
    measured()
    (file,) = cache.iterdir()
    file.write_text(content)
    assert np.allclose(measured(), expected, rtol=0, atol=1e-6)


def test_cache_that_cannot_be_written_is_done_without(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    assert np.allclose(measured(), measured("estimate"), rtol=0, atol=1e-6)
