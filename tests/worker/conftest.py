"""Real worker processes on every Python that is here, over a numpy "framework": no torch, no TensorFlow."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tfparity import paths
from tfparity.engine import sandbox
from tfparity.engine.context import Context, Options
from tfparity.engine.engine import Engine
from tfparity.engine.sandbox import Sandbox
from tfparity.environments import install, interpreters
from tfparity.inputs import case_files as cases
from tfparity.inputs import matrix
from tfparity.inputs.matrix import Limits, Maker, Runtime
from tfparity.planning import plan
from tfparity.records.cells import CellRecord, PlannedCell
from tfparity.records.observer import Observer
from tfparity.worker.targets import OF_TFLITE

HERE = Path(__file__).parent
MATRIX = matrix.load(HERE / "matrix.yaml")
#: Each environment as a runtime, too.
RUNTIMES = {
    id: Runtime.model_construct(**{**dict(one), "runs": ("saved-model",)}) for id, one in MATRIX.environments.items()
}
#: Where targets are made that take an environment of their own.
MAKER = Maker.model_construct(**{**dict(MATRIX.environments["numpy-py3.12"]), "makes": OF_TFLITE})
PYTHONS = sorted(interpreters.found(), key=lambda version: tuple(map(int, version.split("."))))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "python" in metafunc.fixturenames:
        metafunc.parametrize("python", PYTHONS)


def pytest_report_header() -> list[str]:
    absent = [version for version in matrix.PYTHONS if version not in PYTHONS]
    return [f"worker on Python {', '.join(PYTHONS)}" + (f"; absent: {', '.join(absent)}" if absent else "")]


@pytest.fixture(scope="session", autouse=True)
def every_python() -> None:
    """In CI an absent interpreter is an error: a test that did not run must not look passed."""
    absent = [version for version in matrix.PYTHONS if version not in PYTHONS]
    if os.environ.get("CI", "").lower() in ("1", "true", "yes") and absent:
        pytest.fail(f"no Python {', '.join(absent)} here; install them (pyenv install, uv python install)")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> paths.Cache:
    """Environments are shared with other runs, everything else is this session's own."""
    root = tmp_path_factory.mktemp("cache")
    shared = paths.cache().environments
    shared.mkdir(parents=True, exist_ok=True)
    (root / "environments").symlink_to(shared)
    return paths.Cache(root)


@pytest.fixture
def interpreter(cache: paths.Cache) -> Callable[[str], Path]:
    """The interpreter of the numpy environment of a Python version."""

    def made(version: str) -> Path:
        environment = MATRIX.environments[f"numpy-py{version}"]
        return install.ensure(paths.project(HERE), environment, cache, progress=print).python

    return made


@pytest.fixture
def named_way() -> Callable[[str], Sandbox]:
    """A way to a sandbox by its name; one that this machine denies or lacks is skipped with its reason."""

    def named(name: str) -> Sandbox:
        program = shutil.which("bwrap")
        if name == "bubblewrap" and program is None:
            pytest.skip("bubblewrap (bwrap) is not installed")
        way = Sandbox(name, program if name == "bubblewrap" else None)
        refused = sandbox.tried(way)
        if refused:
            pytest.skip(f"{name}: {refused}")
        return way

    return named


@pytest.fixture(autouse=True)
def tidy(cache: paths.Cache) -> Iterator[None]:
    """No test leaves a folder of work to the next."""
    yield
    assert not cache.work.is_dir() or list(cache.work.iterdir()) == []


def _compiler(file: Path | None) -> dict[str, Runtime]:
    """The environment of Python 3.12 as that of a compiler in a file."""
    one = MATRIX.environments["numpy-py3.12"]
    more = {"runs": ("tflite-int8-io",), "compiler": str(file)}
    return {one.id: Runtime.model_construct(**{**dict(one), **more})} if file else {}


Converters = Callable[..., list[CellRecord]]


@pytest.fixture
def planned(tmp_path: Path, cache: paths.Cache) -> Callable[..., tuple[Context, list[PlannedCell]]]:
    """Cells of cases by the planted converter of that fault, and what an engine for them needs."""
    project = paths.project(HERE)
    zoo = cases.load([HERE / "cases"])

    def of(
        fault: str,
        *globs: str,
        python: str = "3.11",
        seconds: float = 60,
        memory_gib: float = 2,
        observer: Observer | None = None,
        compiler: Path | None = None,
        **options: bool | int | tuple[str, ...],
    ) -> tuple[Context, list[PlannedCell]]:
        route = tmp_path / f"{fault}.py"
        if not route.exists():
            shutil.copy(HERE / "planted.py", route)
        own = MATRIX.toolchains[f"numpy-py{python}"].model_copy(update={"routes": {str(route): f"numpy-py{python}"}})
        changed = MATRIX.model_copy(
            update={
                "toolchains": {own.id: own},
                "limits": Limits(seconds=seconds, memory_gib=memory_gib),
                "runtimes": {**RUNTIMES, **_compiler(compiler)},
                "makers": {MAKER.id: MAKER},
            }
        )
        cells = plan.plan(changed, zoo, project, toolchains=[own.id], case_globs=globs)
        assert cells
        assert all(cell == PlannedCell(own.id, cell.case, str(route)) for cell in cells)
        return Context(project, changed, zoo, cache, Options(**options), observer), cells  # type: ignore[arg-type]

    return of


@pytest.fixture
def convert_all(planned: Callable[..., tuple[Context, list[PlannedCell]]]) -> Converters:
    """Run cases through the planted converter of that fault, for real: convert_all("hang", "planted/*", seconds=3)."""

    def crossed(fault: str, *globs: str, **given: object) -> list[CellRecord]:
        context, cells = planned(fault, *globs, **given)
        with Engine(context) as engine:
            return list(engine.run(cells))

    return crossed


Converter = Callable[..., CellRecord]


@pytest.fixture
def convert(convert_all: Converters) -> Converter:
    """Run one case so: convert("hang", seconds=3)."""

    def crossed(fault: str, *, case: str = "planted/net", **given: object) -> CellRecord:
        (record,) = convert_all(fault, case, **{"jobs": 1, "again": True, **given})
        return record

    return crossed
