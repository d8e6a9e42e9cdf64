"""The package as a whole: what importing it loads, what it exports, which way its imports point."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import rtstft

ROOT = Path(rtstft.__file__).parent
OPTIONAL = [
    "soundfile",
    "sounddevice",
    "rtmixer",
    "scipy",
    "typer",
    "rich",
    "platformdirs",
    "librosa",
    "matplotlib",
]

# The engine from the ground up: a module may import those of the lines above its own.
BUILD_ORDER = [
    ["errors", "types"],
    ["windows", "latency"],
    ["reconstruction"],
    ["fftw"],
    ["arrays", "readable"],
    ["analysis"],
    ["synthesis"],
    ["whole"],
    ["geometry"],
    ["automation", "callbacks", "delay", "places", "returned"],
    ["params"],
    ["documented", "paths", "values"],
    ["plugin"],
    ["crossfade"],
    ["runner"],
    ["chain", "occupant"],
    ["stage"],
    ["handover", "inflight", "matching", "presets"],
    ["row"],
    ["loading", "processor"],
]
LEVEL = {f"rtstft.{name}": level for level, names in enumerate(BUILD_ORDER) for name in names}
# What stands on the engine, each layer on those before it.
LAYERS = ["rtstft.plugins", "rtstft.stretch", "rtstft.file", "rtstft.live", "rtstft.cli"]

MODULES = {
    ".".join(["rtstft", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}


def imports_of(name: str) -> Iterator[str]:
    """Modules of this package that a module imports, at its top or anywhere within."""
    for node in ast.walk(ast.parse(MODULES[name].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "rtstft")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            module = node.module or ""
            if module.split(".")[0] == "rtstft":
                members = (f"{module}.{alias.name}" for alias in node.names)
                yield from (member if member in MODULES else module for member in members)


def layer_of(name: str) -> int:
    return next((i for i, layer in enumerate(LAYERS) if f"{name}.".startswith(f"{layer}.")), -1)


@pytest.mark.parametrize("name", LEVEL)
def test_engine_module_imports_only_what_was_built_before_it(name: str) -> None:
    assert not [imported for imported in imports_of(name) if LEVEL.get(imported, 99) >= LEVEL[name]]


@pytest.mark.parametrize("name", sorted(set(MODULES) - set(LEVEL) - {"rtstft", "rtstft.__main__"}))
def test_module_on_top_of_the_engine_imports_nothing_above_its_layer(name: str) -> None:
    assert not [imported for imported in imports_of(name) if layer_of(imported) > layer_of(name)]
    assert "rtstft" not in imports_of(name)


@pytest.mark.parametrize("name", sorted(set(MODULES) - {"rtstft.__main__"}))
def test_only_the_command_line_imports_the_command_line(name: str) -> None:
    if layer_of(name) != LAYERS.index("rtstft.cli"):
        assert not [imported for imported in imports_of(name) if imported.startswith("rtstft.cli")]


def test_build_order_names_modules_that_exist() -> None:
    assert set(LEVEL) <= set(MODULES)


def test_exports_are_sorted_and_exist() -> None:
    constants = [name for name in rtstft.__all__ if name.isupper()]
    classes = [name for name in rtstft.__all__ if not name.isupper() and name[0].isupper()]
    functions = [name for name in rtstft.__all__ if name[0].islower()]
    assert rtstft.__all__ == sorted(constants) + sorted(classes) + sorted(functions)
    assert len(set(rtstft.__all__)) == len(rtstft.__all__)
    assert all(hasattr(rtstft, name) for name in rtstft.__all__)


def test_everything_public_at_the_top_is_exported() -> None:
    defined = {name for name, value in vars(rtstft).items() if hasattr(value, "__module__")}
    assert {name for name in defined if not name.startswith("_")} <= set(rtstft.__all__)


def test_every_error_of_the_package_has_the_root() -> None:
    errors = [value for name in rtstft.__all__ if name.endswith("Error") for value in [getattr(rtstft, name)]]
    assert len(errors) >= 7
    assert all(issubclass(error, rtstft.RtstftError) for error in errors)
    for error, builtin in [
        (rtstft.GeometryError, ValueError),
        (rtstft.AudioError, ValueError),
        (rtstft.FileError, OSError),
        (rtstft.StreamError, RuntimeError),
        (rtstft.MissingExtraError, ImportError),
    ]:
        assert issubclass(error, builtin)


def loaded_by(script: str) -> set[str]:
    code = f"import sys\n{script}\nprint(*sorted(sys.modules))"
    command = [sys.executable, "-W", "error", "-c", code]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


def test_importing_and_running_the_engine_loads_no_optional_package() -> None:
    script = (
        "import numpy, rtstft\n"
        "x = numpy.zeros((2000, 2), 'float32')\n"
        "rtstft.Processor([], rtstft.STFT(), channels=2).process(x)"
    )
    loaded = loaded_by(script)
    assert "rtstft.processor" in loaded
    assert not loaded & set(OPTIONAL)


def test_importing_what_not_every_program_needs_is_left_to_those_that_do() -> None:
    later = (
        "rtstft.cli",
        "rtstft.live",
        "rtstft.file",
        "rtstft.presets",
        "rtstft.stretch",
        "rtstft.plugins.",
    )
    elsewhere = ("multiprocessing", "tempfile", "json", "tomllib", "secrets", "importlib.metadata")
    engine = "import rtstft; rtstft.Processor(rtstft.Plugin(), rtstft.STFT()); dir(rtstft); rtstft.__all__"
    assert not [name for name in loaded_by(engine) if name.startswith((*later, *elsewhere))]
    assert not loaded_by("import rtstft; rtstft.Stream") & set(OPTIONAL)
    with pytest.raises(AttributeError, match="no attribute 'stream'"):
        _ = rtstft.stream  # type: ignore[attr-defined]  # which is the point


@pytest.mark.parametrize("name", rtstft.__all__)
def test_every_export_can_be_had_either_way_and_first(name: str) -> None:
    script = f"""
import rtstft
assert {name!r} in dir(rtstft)
by_attribute = rtstft.{name}
from rtstft import {name}
assert {name} is by_attribute is vars(rtstft)[{name!r}]
assert type({name}).__name__ != "module"
"""
    loaded_by(script)
    loaded_by(f"from rtstft import {name}; assert type({name}).__name__ != 'module'")


def test_package_is_typed() -> None:
    assert (ROOT / "py.typed").is_file()
