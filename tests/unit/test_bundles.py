"""Bundles on disk: described, kept and read as they were made; what is damaged is none; the oldest go first."""

import copy
import errno
import json
import os
import pickle
import shutil
import signal
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest
from builders import case
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as np_st

from tfparity import paths
from tfparity.engine import bundles
from tfparity.engine.bundles import BundleFacts, Exported, ExportFacts, prune
from tfparity.errors import MachineFault, TfparityError
from tfparity.inputs import arrays_file
from tfparity.paths import Bounds, Cache
from tfparity.records.cells import Model, Problem, StageReply
from tfparity.records.vocabulary import Outcome
from tfparity.worker import machine_errors

# The model


def exported(bundle: BundleFacts, *operators: str) -> Exported:
    return Exported((), bundle, ExportFacts(13, operators), Path(), Path())


def test_a_model_is_told_by_its_weights_and_not_by_its_inputs_and_outputs() -> None:
    sensitivity = {"input:x": (0.1, 0.0), "output:y": (0.2, 0.0), "a": (0.0, 0.5), "b": (0.01234, 0.0)}
    found = exported(BundleFacts(sensitivity, parameters=3), "Conv").model
    assert found == Model(parameters=3, weights=2, least="b", change=0.012, operators=("Conv",))


def test_a_model_without_weights_has_none_that_moves_least() -> None:
    found = exported(BundleFacts({"input:x": (0.1,), "output:y": (0.1,)}, parameters=0)).model
    assert found == Model(parameters=0, weights=0, least=None, change=None, operators=())


def test_a_model_that_was_not_built_is_not_told() -> None:
    assert exported(BundleFacts()).model is None


# Described and kept

FACTS = BundleFacts({"a.weight": (0.5, 1e-9)}, "ulp", "TypeError: no float64", 12)
EXPORT = ExportFacts(13, ("Conv", "Relu"))


@pytest.fixture
def made(tmp_path: Path) -> Exported:
    """An export that is described and kept."""
    folder = tmp_path / "onnx-legacy-13-today---"
    bundles.begin(folder)
    folder.mkdir()
    (folder / "weights").mkdir()
    for name in ("model.onnx", "weights/1", "referee.npz"):
        (folder / name).write_bytes(b"onnx")
    numpy.savez(tmp_path / bundles.IO, **{"input/0/x": numpy.ones(2)})
    bundles.describe(tmp_path, case(), {"environment": "old"}, FACTS)
    stages = tuple(StageReply(name, Outcome.PASS, 1.25, 512.0) for name in ("build", "export", "check"))
    found = Exported(stages, FACTS, EXPORT, folder, tmp_path / bundles.IO, folder / "referee.npz")
    return bundles.keep(found, {"3": "bad size"})


def keep(made: Exported) -> Exported:
    """Keep an export in the place of the one that is there."""
    (made.folder / "export.json").unlink()
    return bundles.keep(made, {})


def kept(made: Exported) -> Exported | None:
    return bundles.kept_export(made.folder, made.folder.parent)


def test_what_is_kept_comes_back(made: Exported) -> None:
    assert bundles.facts_of(made.folder.parent) == FACTS
    assert kept(made) == made
    assert made.passed


def test_an_export_without_a_referee_comes_back_with_the_reason(made: Exported) -> None:
    (made.folder / "referee.npz").unlink()
    without = replace(made, referee=None, referee_error="Fail: no kernel")
    now = keep(without)
    assert kept(made) == now


def test_a_failure_comes_back_with_its_error(made: Exported) -> None:
    failed = replace(made.stages[-1], outcome=Outcome.FAIL, error=Problem("CheckerError", "no graph"))
    keep(replace(made, stages=(*made.stages[:-1], failed)))
    found = kept(made)
    assert found is not None
    assert (found.passed, found.stages[-1]) == (False, failed)


@pytest.mark.parametrize("name", ["bundle.json", "io.npz"])
def test_an_export_of_a_bundle_that_is_not_whole_is_none(made: Exported, name: str) -> None:
    (made.folder.parent / name).unlink()
    assert kept(made) is None


@pytest.mark.parametrize("name", ["export.json", "model.onnx", "weights/1", "referee.npz"])
def test_an_export_that_lost_a_file_is_none(made: Exported, name: str) -> None:
    (made.folder / name).unlink()
    assert kept(made) is None


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("export.json", '"file_opset": 13', '"file_opset": null'),
        ("export.json", '"file_opset": 13', '"file_opset": 14'),
        ("export.json", '"operators": ["Conv", ', '"operators": ['),
        ("export.json", '"seconds": 1.25', '"seconds": 9'),
        ("export.json", '{"seal": "', '{"seal": "0'),
        ("export.json", '{"seal": "', '{"seal": null, "was": "'),
        ("bundle.json", '"floor": "ulp"', '"floor": "float64"'),
        ("bundle.json", '"parameters": 12', '"parameters": null'),
        ("bundle.json", '"a.weight": [0.5', '"a.weight": [0.7'),
    ],
)
def test_what_was_changed_and_has_the_right_form_still_is_none(made: Exported, name: str, old: str, new: str) -> None:
    file = next(made.folder.parent.rglob(name))
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    assert kept(made) is None


@pytest.mark.parametrize("name", ["export.json", "bundle.json"])
def test_what_has_no_seal_is_taken_as_it_is(made: Exported, name: str) -> None:
    file = next(made.folder.parent.rglob(name))
    content = json.loads(file.read_text())
    del content["seal"]
    file.write_text(json.dumps(content))
    assert kept(made) == made


def test_an_export_that_is_begun_again_is_none(made: Exported) -> None:
    bundles.begin(made.folder)
    made.folder.mkdir()
    assert kept(made) is None
    assert list(made.folder.iterdir()) == []


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"{}",
        b"null",
        b"[]",
        b"\xff",
        nested(1000),
        b'{"facts": []}',
        b'{"facts": {"sensitivity": {"a": 1}}}',
    ],
)
def test_a_description_that_is_none_counts_as_absent(made: Exported, content: bytes) -> None:
    (made.folder.parent / "bundle.json").write_bytes(content)
    assert bundles.facts_of(made.folder.parent) is None
    assert kept(made) is None


STAGE = {"stage": "build", "outcome": "pass", "seconds": 1.0, "error": None}


@pytest.mark.parametrize(
    "changed",
    [
        {"stages": []},
        {"stages": {}},
        {"stages": [STAGE | {"stage": "transmute"}]},
        {"stages": [STAGE | {"outcome": "fine"}]},
        {"stages": [STAGE | {"outcome": "fail"}]},
        {"stages": [STAGE | {"outcome": "fail", "error": {"message": "m"}}]},
        {"stages": [STAGE | {"outcome": "fail", "error": "it broke"}]},
        {"stages": [{"stage": "build"}]},
        {"facts": None},
        {"facts": {"file_opset": "new"}},
        {"files": ["model.onnx"]},
        {"files": {"model.onnx": "large"}},
        {"files": {"no such file": 4}},
        {"files": {"\0": 4}},
        {"files": {"model.onnx": 5}},
    ],
)
def test_an_export_that_another_wrote_wrongly_is_none(made: Exported, changed: dict[str, Any]) -> None:
    path = made.folder / "export.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    assert kept(made) is None


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"null", b"[]", b"\xff", nested(1000)])
def test_an_export_whose_description_is_none_is_none(made: Exported, content: bytes) -> None:
    (made.folder / "export.json").write_bytes(content)
    assert kept(made) is None


def test_an_export_without_a_digest_is_made_again(made: Exported) -> None:
    path = made.folder / "export.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "sha256": ""}))
    assert kept(made) is None


@pytest.mark.parametrize("name", ["../io.npz", "model.onnx", "weights/1", "referee.npz", "weights/2"])
def test_what_is_no_more_what_it_was_counts_no_more(made: Exported, name: str) -> None:
    """Of the same size too; a file that was not there is a change."""
    file = made.folder / name
    content = file.read_bytes() if file.exists() else b"x"
    assert not bundles.changed(made)
    file.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    assert bundles.changed(made)
    assert kept(made) is None


def test_what_is_gone_has_changed(made: Exported) -> None:
    made.io.unlink()
    assert bundles.changed(made)


@pytest.mark.parametrize("linked", [True, False])
def test_what_is_read_apart_outlives_its_bundle(
    made: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: bool
) -> None:
    def unsupported(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    if not linked:
        monkeypatch.setattr(os, "link", unsupported)
    seen = bundles.apart(made, tmp_path / "run" / "own")
    assert (seen.seal, seen.own) == (made.seal, tmp_path / "run" / "own")
    assert (made.folder / "model.onnx").samefile(seen.folder / "model.onnx") == linked
    bundles.begin(made.folder)
    made.folder.mkdir()
    (made.folder / "model.onnx").write_bytes(b"made again")
    made.io.unlink()
    assert not bundles.changed(seen)
    assert seen.referee is not None
    assert (seen.referee.read_bytes(), (seen.folder / "weights" / "1").read_bytes()) == (b"onnx", b"onnx")
    assert list(bundles.read_arrays(seen.io)) == ["input/0/x"]
    (seen.folder / "model.onnx").write_bytes(b"evil")
    assert bundles.changed(seen)


@pytest.mark.parametrize("name", ["io.npz", "onnx-legacy-13-today---"])
@pytest.mark.parametrize("to", [None, "nowhere", "/dev/zero"])
def test_what_was_taken_away_cannot_be_read_apart(made: Exported, tmp_path: Path, name: str, to: str | None) -> None:
    place = made.io.parent / name
    assert place.exists()
    place.rename(tmp_path / "away")
    if to:
        place.symlink_to(to)
    with pytest.raises(bundles.Odd):
        bundles.apart(made, tmp_path / "run" / "own")


def test_what_is_forgotten_counts_no_more_whatever_its_descriptions_say(made: Exported) -> None:
    (made.folder / "model.onnx").write_bytes(b"evil")
    made = bundles.keep(made, {})
    bundles.forget(made.folder, made.folder.parent)
    assert kept(made) is None
    assert bundles.facts_of(made.folder.parent) is None


# Read


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.from_regex(r"(input|float32|output)/[0-9]/[a-z.]{1,8}", fullmatch=True),
        np_st.arrays(st.sampled_from(["float32", "int64", "bool", "complex64"]), np_st.array_shapes(min_dims=0)),
        min_size=1,
    )
)
def test_arrays_are_read_as_they_were_written(tmp_path: Path, arrays: dict[str, Any]) -> None:
    numpy.savez(tmp_path / "io.npz", **arrays)
    found = bundles.read_arrays(tmp_path / "io.npz")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        numpy.testing.assert_array_equal(found[name], array)


def test_where_there_is_no_file_there_are_no_arrays(tmp_path: Path) -> None:
    assert bundles.read_arrays(None) == bundles.read_arrays(tmp_path / "none.npz") == {}


@pytest.mark.parametrize("number", [*sorted(machine_errors.NUMBERS), errno.EACCES, errno.ENOENT])
def test_an_export_that_this_machine_cannot_read_is_not_changed(
    made: Exported, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(*_: object) -> tuple[str, str]:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(bundles, "seal", refused)
    if number in machine_errors.NUMBERS:
        with pytest.raises(MachineFault, match="cannot be read"):
            bundles.changed(made)
    else:
        assert bundles.changed(made)


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.ENOMEM, errno.ENOSPC])
@pytest.mark.parametrize("where", [(zipfile, "ZipFile"), (arrays_file, "_array")], ids=["sizes", "arrays"])
def test_arrays_that_this_machine_cannot_read_are_its_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, where: tuple[Any, str]
) -> None:
    numpy.savez(tmp_path / "io.npz", a=numpy.ones(3))

    def refused(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(*where, refused)
    with pytest.raises(MachineFault, match=r"io\.npz cannot be read"):
        bundles.read_arrays(tmp_path / "io.npz")


def test_what_a_converter_left_instead_of_a_file_has_no_arrays(tmp_path: Path) -> None:
    (tmp_path / "folder.npz").mkdir()
    assert bundles.read_arrays(tmp_path / "folder.npz") == {}


class Trap:
    """Does what nobody asked for where it is unpickled."""

    def __reduce__(self) -> Any:
        return pytest.fail, ("the file was unpickled",)


def test_an_array_of_objects_is_not_unpickled_and_spoils_the_file(tmp_path: Path) -> None:
    numpy.savez(tmp_path / "io.npz", right=numpy.zeros(2), trap=numpy.array([Trap()], dtype=object))
    assert bundles.read_arrays(tmp_path / "io.npz") == {}
    (tmp_path / "io.npz").write_bytes(pickle.dumps(Trap()))
    assert bundles.read_arrays(tmp_path / "io.npz") == {}


# numpy leaves it to the garbage collector to close a file that is no archive.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.99])
def test_a_file_that_was_cut_off_has_no_arrays(tmp_path: Path, part: float) -> None:
    path = tmp_path / "io.npz"
    numpy.savez(path, a=numpy.arange(1000.0), b=numpy.arange(1000))
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    assert bundles.read_arrays(path) == {}


def test_a_file_with_a_flipped_bit_has_no_arrays(tmp_path: Path) -> None:
    path = tmp_path / "io.npz"
    numpy.savez(path, a=numpy.arange(1000.0))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert bundles.read_arrays(path) == {}


@pytest.mark.parametrize("kind", ["compressed", "overlapping", "longer than it is", "an array twice"])
def test_an_archive_that_holds_more_than_the_file_has_no_arrays(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "io.npz"
    numpy.savez(path, a=numpy.zeros(2**20))
    if kind == "compressed":
        numpy.savez_compressed(path, a=numpy.zeros(2**20))
    elif kind == "longer than it is":
        content = path.read_bytes()
        path.write_bytes(content.replace(b"(1048576,)", b"(9048576,)"))
    elif kind == "an array twice":
        with zipfile.ZipFile(path) as archive:
            array = archive.read("a.npy")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.npy", array)
            with pytest.warns(UserWarning, match="Duplicate name"):
                archive.writestr("a.npy", array)
    else:
        with zipfile.ZipFile(path, "a") as archive:
            for name in ("b.npy", "c.npy"):
                again = copy.copy(archive.infolist()[0])
                again.filename = name
                archive.filelist.append(again)
                archive.NameToInfo[name] = again
            archive._didModify = True  # type: ignore[attr-defined]
    assert bundles.read_arrays(path) == {}


def test_arrays_that_take_more_than_they_may_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "outputs.npz"
    numpy.savez(path, a=numpy.zeros(100), b=numpy.zeros(100))
    assert len(bundles.read_arrays(path, 1600)) == 2
    monkeypatch.setattr(arrays_file, "_array", lambda *_: pytest.fail("the arrays were read"))
    with pytest.raises(bundles.TooLarge):
        bundles.read_arrays(path, 1599)


def member(name: str) -> zipfile.ZipInfo:
    """One that an archive lists and that is not there."""
    found = zipfile.ZipInfo(name)
    found.header_offset = found.CRC = 0
    return found


def many_names(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.filelist += [member(f"output/{number}/{'y' * 60}.npy") for number in range(50_000)]
        archive._didModify = True  # type: ignore[attr-defined]


def a_long_name(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.filelist += [member(f"{number}{'y' * 60_000}") for number in range(100)]
        archive._didModify = True  # type: ignore[attr-defined]


def a_hole(path: Path) -> None:
    """A file of which nearly nothing lies on the disk, and that says that its list is as long as it."""
    size = 2**30
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(size)
        file.write(struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, size, 0, 0))


@pytest.mark.parametrize("made", [many_names, a_long_name, a_hole])
def test_a_list_of_arrays_without_end_is_not_read(tmp_path: Path, made: Callable[[Path], None]) -> None:
    made(tmp_path / "outputs.npz")
    tracemalloc.start()
    try:
        assert bundles.read_arrays(tmp_path / "outputs.npz") == {}
        assert bundles.room(tmp_path / "outputs.npz") == bundles.ALLOWANCE
        assert tracemalloc.get_traced_memory()[1] < 4 * arrays_file.AT_ONCE
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("other", [b"(9999999,)", b"(-000001,)", b"(00, 000,)"])
def test_what_is_written_over_an_array_once_it_was_looked_at_takes_no_more_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: bytes
) -> None:
    path = tmp_path / "outputs.npz"
    numpy.savez(path, a=numpy.zeros(1000000))
    looked = arrays_file._exchanged

    def changed(opened: zipfile.ZipFile) -> dict[str, arrays_file.Head]:
        found = looked(opened)
        content = path.read_bytes()
        assert b"(1000000,)" in content
        with path.open("r+b") as file:
            file.write(content.replace(b"(1000000,)", other))
        return found

    monkeypatch.setattr(arrays_file, "_exchanged", changed)
    assert {name: array.shape for name, array in bundles.read_arrays(path).items()} in ({}, {"a": (1000000,)})


def test_answers_have_room_by_what_torch_answered(tmp_path: Path) -> None:
    io = tmp_path / "io.npz"
    numpy.savez(io, **{"input/0/x": numpy.zeros(999), "float32/0/y": numpy.zeros(100), "float64/0/y": numpy.zeros(100)})
    assert bundles.room(io) - bundles.ALLOWANCE == 4 * 800
    assert bundles.room(io, turns=3) - bundles.ALLOWANCE == 3 * 4 * 800
    io.write_bytes(b"damaged")
    assert bundles.room(io) == bundles.ALLOWANCE


# Pruned


def bundle(root: Path, name: str, *, used: int, size: int = 1000) -> Path:
    folder = root / "bundles" / name[:2] / name
    (folder / "onnx-legacy-13-today---").mkdir(parents=True)
    for file, seconds in (("io.npz", used), ("onnx-legacy-13-today---/model.onnx", 1)):
        (folder / file).write_bytes(b"x" * (size // 2))
        os.utime(folder / file, (seconds, seconds))
    return folder


def left(root: Path) -> set[str]:
    return {path.name for path in root.glob("bundles/*/*")}


@pytest.mark.parametrize(
    ("limit", "names"),
    [
        (10000, {"old", "new", "mid"}),
        (3000, {"old", "new", "mid"}),
        (2999, {"new", "mid"}),
        (1000, {"new"}),
        (0, set()),
    ],
)
def test_bundles_used_longest_ago_go_first_and_no_more_than_needed(tmp_path: Path, limit: int, names: set[str]) -> None:
    for name, used in (("new", 300), ("old", 100), ("mid", 200)):
        bundle(tmp_path, name, used=used)
    prune(Cache(tmp_path), limit)
    assert left(tmp_path) == names


def test_a_cache_that_is_not_there_needs_no_pruning(tmp_path: Path) -> None:
    prune(Cache(tmp_path / "none"), 0)
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_that_another_run_removes_meanwhile_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, used in (("aa", 100), ("bb", 200)):
        bundle(tmp_path, name, used=used)
    below = paths.below

    def vanishing(folder: Path) -> Iterator[Path]:
        yield from below(folder)
        if folder.name == "aa":
            yield folder / "io.npz.gone"

    monkeypatch.setattr(paths, "below", vanishing)
    prune(Cache(tmp_path), 0)
    monkeypatch.undo()
    assert left(tmp_path) == {"aa"}


def test_a_bundle_of_folders_in_one_another_is_pruned_as_any(tmp_path: Path) -> None:
    made = bundle(tmp_path, "aa", used=100)
    deep = os.open(made, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("m", dir_fd=deep)
        below = os.open("m", os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = below
    os.close(deep)
    prune(Cache(tmp_path), 0)
    assert left(tmp_path) == set()


def test_a_bundle_of_a_time_to_come_is_no_bundle_in_use(tmp_path: Path) -> None:
    made = bundle(tmp_path, "aa", used=100)
    os.utime(made / "io.npz", (2**33, 2**33))
    prune(Cache(tmp_path), 0)
    assert left(tmp_path) == set()


def test_a_bundle_that_is_locked_stays(tmp_path: Path) -> None:
    for name in ("aa", "bb"):
        bundle(tmp_path, name, used=100)
    with bundles.lock(Cache(tmp_path), tmp_path / "bundles" / "aa" / "aa"):
        prune(Cache(tmp_path), 0)
    assert left(tmp_path) == {"aa"}
    prune(Cache(tmp_path), 0)
    assert left(tmp_path) == set()


@pytest.mark.parametrize("place", ["aa", "aa/aa"])
def test_what_a_link_in_a_bundles_place_leads_to_is_nobodys_bundle(tmp_path: Path, place: str) -> None:
    kept = bundle(tmp_path / "home", "aa", used=100)
    (tmp_path / "bundles" / place).parent.mkdir(parents=True)
    (tmp_path / "bundles" / place).symlink_to(tmp_path / "home" / "bundles" / place)
    bundle(tmp_path, "bb", used=100)
    prune(Cache(tmp_path), 0)
    assert (kept / "io.npz").is_file()
    assert "bb" not in left(tmp_path)


def linked(file: Path) -> None:
    file.symlink_to("/nowhere")


@pytest.mark.parametrize("put", [linked, Path.mkdir, os.mkfifo])
def test_a_lock_lies_where_no_exporter_writes_and_what_is_none_is_replaced(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    cache, folder = Cache(tmp_path), tmp_path / "bundles" / "aa" / "aa"
    file = Path(bundles.lock(cache, folder).lock_file)
    assert not file.is_relative_to(cache.bundles)
    put(file)
    with bundles.lock(cache, folder):
        assert file.is_file()


def test_a_bundle_that_was_just_used_stays(tmp_path: Path) -> None:
    now = int(time.time())
    for name, used in (("aa", 100), ("bb", now - 60), ("cc", now - 2 * int(bundles.IN_USE))):
        bundle(tmp_path, name, used=used)
    prune(Cache(tmp_path), 0)
    assert left(tmp_path) == {"bb"}


def test_what_describes_a_bundle_is_written_over_no_link(tmp_path: Path) -> None:
    other, file = tmp_path / "other", tmp_path / "export.json"
    other.write_text("a file of somebody's")
    file.symlink_to(other)
    bundles._write(file, {"facts": 1})
    assert other.read_text() == "a file of somebody's"
    assert not file.is_symlink()


# What an exporter may leave

HUGE = 2**42


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(HUGE)


def socket_file(path: Path) -> None:
    os.mknod(path, 0o140644)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def to_a_file(path: Path) -> None:
    path.symlink_to(Path(__file__))


def to_a_folder(path: Path) -> None:
    path.symlink_to("/")


ODD = [os.mkfifo, socket_file, endless, to_a_file, to_a_folder, sparse]


@pytest.fixture
def soon() -> Iterator[None]:
    """Whatever hangs ends in a failure."""

    def late(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("put", ODD)
@pytest.mark.parametrize("place", ["more", "below/more", "model.onnx", "export.json", "referee.npz", ""])
def test_an_export_with_what_is_no_plain_file_or_too_large_is_odd_and_never_read(
    made: Exported, put: Callable[[Path], None], place: str
) -> None:
    path = made.folder / place
    path.parent.mkdir(exist_ok=True)
    paths.discard(path)
    put(path)
    with pytest.raises(bundles.Odd):
        bundles.look_at(made.folder, made.io)
    assert kept(made) is None
    if place != "export.json":  # written by us, beside what is sealed
        assert bundles.changed(made)
        with pytest.raises(bundles.Odd):
            bundles.keep(made, {})


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("put", ODD)
@pytest.mark.parametrize("name", ["io.npz", "bundle.json"])
def test_a_bundles_own_files_are_read_only_where_they_are_plain(
    made: Exported, put: Callable[[Path], None], name: str
) -> None:
    path = made.io.with_name(name)
    path.unlink()
    put(path)
    assert bundles.facts_of(path.parent) is None
    assert kept(made) is None
    assert bundles.changed(made) == (name == "io.npz")
    if name == "io.npz":
        assert bundles.lacking(case(), path) is not None
        with pytest.raises(bundles.Odd):
            bundles.describe(path.parent, case(), {}, FACTS)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("put", ODD)
@pytest.mark.parametrize("name", ["probe.npz", "probe.json"])
def test_torchs_answers_are_read_only_where_they_are_plain(
    tmp_path: Path, put: Callable[[Path], None], name: str
) -> None:
    io = tmp_path / "probe.npz"
    io.write_bytes(b"answers")
    bundles.keep_answers(io, {})
    (tmp_path / name).unlink()
    put(tmp_path / name)
    assert bundles.kept_answers(io) is None
    if name == "probe.npz":
        assert not bundles.same_answers(io, None)
        with pytest.raises(bundles.Odd):
            bundles.keep_answers(io, {})


def test_a_name_that_is_not_utf_8_is_odd(made: Exported) -> None:
    Path(os.fsdecode(os.fsencode(made.folder) + b"/\xff")).touch()
    with pytest.raises(bundles.Odd, match="UTF-8"):
        bundles.look_at(made.folder, made.io)


def test_more_files_than_an_export_may_have_are_odd(made: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "MOST_FILES", 5)
    for number in range(5):
        (made.folder / str(number)).mkdir()
    with pytest.raises(bundles.Odd, match="more than 5 files"):
        bundles.look_at(made.folder, made.io)


def test_what_is_allowed_is_read_and_hashed_until_the_run_is_to_end(made: Exported) -> None:
    """One that is written while it is read, after a look, has no end either."""
    size = 3 * 2**30
    with (made.folder / "big").open("wb") as file:
        file.truncate(size)
    looked = 0

    def going() -> None:
        nonlocal looked
        looked += 1
        if looked > 3:
            raise TfparityError("the run was interrupted")

    bounds = Bounds(8 * 2**30, going)
    bundles.look_at(made.folder, made.io, bounds)
    with pytest.raises(TfparityError, match="interrupted"):
        bundles.seal(made, bounds)
    with pytest.raises(bundles.Odd, match="2 GiB"):
        bundles.look_at(made.folder, made.io, bounds._replace(at_most=2 * 2**30))


def test_a_bundles_folder_that_was_replaced_is_odd_and_is_put_back(tmp_path: Path) -> None:
    other, folder = tmp_path / "other", tmp_path / "cache" / "bundles" / "aa" / "aa"
    other.mkdir()
    for place in (folder.parent, folder):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(other)
        with pytest.raises(bundles.Odd):
            bundles.stays(folder)
        bundles.in_place(folder, tmp_path / "cache")
        bundles.stays(folder)
        assert list(other.iterdir()) == []
        shutil.rmtree(tmp_path / "cache")
