"""Bundles written by one run and judged by another, which has no source side."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest

from tfparity import paths
from tfparity.engine import bundles
from tfparity.engine.worker_client import Side
from tfparity.environments import install
from tfparity.errors import InputError, UsageError
from tfparity.features import bundle_exchange as exchange
from tfparity.features.session import Session
from tfparity.inputs import case_files as cases
from tfparity.inputs import matrix
from tfparity.inputs.limitations import Rules
from tfparity.planning import routes
from tfparity.planning.options import Choice
from tfparity.records.cells import CellRecord

HERE = Path(__file__).parent
MATRIX = matrix.load(HERE / "matrix.yaml")
TOOLCHAIN = "numpy-py3.11"


def session(choice: Choice, cache: paths.Cache) -> Session:
    """Of this folder's project, which has no limitations."""
    made = Session(choice, paths.project(HERE), cache)
    made.selection.limitations = Rules()
    return made


@pytest.fixture
def handed_on(tmp_path: Path, cache: paths.Cache) -> Path:
    """A folder with the planted network's bundle."""
    files = [str(shutil.copy(HERE / "planted.py", tmp_path / f"{name}.py")) for name in ("faithful", "another")]
    own = MATRIX.toolchains[TOOLCHAIN].model_copy(update={"routes": dict.fromkeys(files, TOOLCHAIN)})
    choice = Choice(toolchains=(TOOLCHAIN,), tier="all", case_globs=("planted/net",))
    asked = session(choice, cache)
    asked.selection.matrix = MATRIX.model_copy(update={"toolchains": {TOOLCHAIN: own}})
    (tmp_path / "bundles" / "planted" / "net" / "exporter-9").mkdir(parents=True)  # of an earlier run
    told = []
    assert exchange.export(asked, tmp_path / "bundles", lambda _, opset, error: told.append((opset, error))) == 4
    assert told == [(13, None), (12, None)] * 2
    assert not (tmp_path / "bundles" / "planted" / "net" / "exporter-9").exists()
    return tmp_path / "bundles"


def judged(folder: Path, cache: paths.Cache, fault: str) -> CellRecord:
    """The planted network's bundle, by the planted converter of that fault."""
    route = folder.parent / f"{fault}.py"
    if not route.exists():
        text = (HERE / "planted.py").read_text()
        route.write_text(text.replace("os.path.abspath(__file__)", repr(str(folder.parent / "faithful.py"))))
    project = paths.project(HERE)
    installed = install.ensure(project, MATRIX.environments[TOOLCHAIN], cache)
    declared = routes.route(str(route), project)
    side = Side(installed.python, (), tuple(declared.imports["target"]))
    shared = exchange.read(folder)
    (record,) = exchange.run(session(Choice(), cache), shared, "mine", str(route), side)
    assert list(cache.work.iterdir()) == []
    return record


@pytest.mark.parametrize(
    ("fault", "verdict", "stage"),
    [
        ("faithful", "works", "signature"),
        ("drop-an-op", "broken", "parity"),
        ("freeze-batch", "partial", "dynamic-shape"),
        ("die-by-signal", "broken", "convert"),
    ],
)
def test_a_bundle_is_judged_as_the_cell_was(
    handed_on: Path, cache: paths.Cache, fault: str, verdict: str, stage: str
) -> None:
    record = judged(handed_on, cache, fault)
    assert (record.verdict, record.attempts[0].stage) == (verdict, stage)


class Trap:
    """Makes a folder where it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize(
    ("torch", "kind"),
    [("2.6.0", None), ("2.10.1", None), ("2.5.1", "UnsafeCheckpoint"), ("1.13.1", "UnsafeCheckpoint")],
)
def test_nothing_of_a_bundle_is_unpickled(
    handed_on: Path, cache: paths.Cache, tmp_path: Path, torch: str, kind: str | None
) -> None:
    for one in exchange.read(handed_on)[0].exports.values():
        (one.folder / "weights.pt").write_bytes(pickle.dumps(Trap(tmp_path / "unpickled")))
        (one.folder / "export.json").unlink()
        bundles.keep(one, {})
    error = judged(handed_on, cache, f"unpickle-{torch}").attempts[0].error
    assert (error.type if error else None) == kind
    assert not (tmp_path / "unpickled").exists()


@pytest.mark.parametrize("name", ["input/0/images", "float32/4/attention"])
def test_a_bundle_that_lacks_what_its_case_declares_is_told(handed_on: Path, name: str) -> None:
    (one, *_) = exchange.read(handed_on)[0].exports.values()
    arrays = bundles.read_arrays(one.io)
    del arrays[name]
    numpy.savez(one.io, **arrays)  # type: ignore[arg-type] # numpy's own stub of **kwds
    description = one.io.with_name("bundle.json")
    told = {**json.loads(description.read_text()), "io_sha256": paths.digest([one.io])}
    del told["seal"]  # as another author writes one
    description.write_text(json.dumps(told))
    with pytest.raises(InputError, match=r"bundle\.json: is no bundle: io\.npz lacks"):
        exchange.read(handed_on)


def test_a_bundle_tells_its_case_and_where_it_is_from(handed_on: Path) -> None:
    (shared,) = exchange.read(handed_on, ["planted/*"])
    zoo = cases.load([HERE / "cases"])
    assert shared.case.declaration() == zoo["planted/net"].declaration()
    assert shared.origin == TOOLCHAIN
    assert sorted(shared.exports) == [("another", 12), ("another", 13), ("faithful", 12), ("faithful", 13)]


def test_an_export_that_lost_a_file_is_none(handed_on: Path, cache: paths.Cache) -> None:
    for made in (handed_on / "planted" / "net").iterdir():
        if made.is_dir():
            next(file for file in made.iterdir() if file.name != "export.json").unlink()
    assert judged(handed_on, cache, "faithful").verdict == "not-applicable"


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 2, "case": {"id": 1}, "origin": {}}', '{"format": 2}'])
def test_a_description_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "bundle.json").write_text(text)
    with pytest.raises(InputError, match=r"bundle\.json: is no bundle"):
        exchange.read(tmp_path)


@pytest.mark.parametrize("id", ["../../escape/x", "planted/\x1b[2J", "planted", 7])
def test_an_id_that_is_none_is_told(handed_on: Path, id: object) -> None:
    description = handed_on / "planted" / "net" / "bundle.json"
    value = json.loads(description.read_text())
    description.write_text(json.dumps({**value, "case": {**value["case"], "id": id}}))
    with pytest.raises(InputError, match="is no id of a case"):
        exchange.read(handed_on)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**42)


@pytest.mark.parametrize("put", [os.mkfifo, sparse, lambda path: path.symlink_to("/dev/zero")])
@pytest.mark.parametrize("name", ["bundle.json", "io.npz", "faithful-13/export.json", "faithful-13/more"])
def test_what_is_no_plain_file_or_has_no_end_is_told(handed_on: Path, put: Callable[[Path], object], name: str) -> None:
    path = handed_on / "planted" / "net" / name
    paths.discard(path)
    put(path)
    with pytest.raises(InputError, match=r"export it again"):
        exchange.read(handed_on)


def test_another_format_is_told(handed_on: Path) -> None:
    description = handed_on / "planted" / "net" / "bundle.json"
    description.write_text('{"format": 99, "of another": "shape"}')
    with pytest.raises(InputError, match="has format 99"):
        exchange.read(handed_on)


def test_no_bundle_is_told(handed_on: Path, tmp_path: Path) -> None:
    for folder, globs in ((tmp_path / "empty", []), (handed_on, ["other/*"])):
        with pytest.raises(UsageError, match="no bundle"):
            exchange.read(folder, globs)


def test_a_folder_that_one_may_only_read_is_read(handed_on: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "utime", refused)
    assert exchange.read(handed_on)[0].exports


def test_bundles_run_on_one_toolchain(cache: paths.Cache) -> None:
    asked = session(Choice(toolchains=("all",)), cache)
    with pytest.raises(UsageError, match="takes one toolchain"):
        exchange.target(asked, "onnx-tf", print)
