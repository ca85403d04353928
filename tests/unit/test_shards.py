"""Shares of a plan: every cell in one, and merged the bytes of one run."""

import itertools
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import small_project
from builders import attempt, broken
from small_project import current, record

from tfparity.cli import main
from tfparity.errors import EvidenceError, UsageError
from tfparity.features import shards as features
from tfparity.features.session import Session
from tfparity.paths import Project
from tfparity.planning import shards
from tfparity.planning.needs import Need
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.planning.shards import Shard
from tfparity.records.cells import CellRecord
from tfparity.records.vocabulary import Verdict

#: Of a run over everything: what each cell of the small project comes to.
MADE = {
    ("old", "add"): (attempt(),),
    ("old", "gelu"): (broken(), attempt(12)),
    ("old", "gru"): (broken(),),
    ("old", "mish"): (attempt(max_abs=3.4e-6),),
    ("new", "add"): (attempt(),),
    ("new", "gelu"): (broken("of the new one"),),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return small_project.make(tmp_path, monkeypatch)


def records() -> list[CellRecord]:
    """Of every planned cell that can be."""
    made = {one.place: one for one in current(*(record(case, *MADE[id, case], toolchain=id) for id, case in MADE))}
    planned = Selection(Choice(toolchains=("all",), tier="all")).planned
    return [
        made.get(cell.place) or CellRecord(*cell.place, Verdict.NOT_APPLICABLE, "the route does not take it")
        for cell in planned
        if cell.applicable
    ]


def session(results: Path | None, shard: Shard | None = None) -> Session:
    return Session(Choice(toolchains=("all",), tier="all", results=results, shard=shard, record=True))


def shares(root: Path, of: int, made: Sequence[CellRecord]) -> list[Path]:
    """Folders with what each share recorded."""
    folders = []
    for number in range(1, of + 1):
        asked = session(root / f"part-{number}", Shard(number, of))
        asked.read()
        mine = {cell.place for cell in asked.cells}
        asked.keep([one for one in made if one.place in mine])
        folders.append(root / f"part-{number}")
    return folders


def merged(folders: Sequence[Path], into: Path) -> dict[str, bytes]:
    features.merge(folders, Selection(Choice(toolchains=("all",), tier="all", results=into)))
    return content(into)


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.json"))}


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_every_cell_is_in_one_share_and_a_case_stays_whole(project: Project, of: int) -> None:
    whole = session(None).cells
    parts = [session(None, Shard(number + 1, of)).cells for number in range(of)]
    assert sorted(cell.id for part in parts for cell in part) == sorted(cell.id for cell in whole)
    cases = [{cell.case for cell in part} for part in parts]
    assert all(not one & other for one, other in itertools.combinations(cases, 2))
    assert max(map(len, cases)) - min(map(len, cases)) <= 1


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_shares_merge_in_any_order_to_what_one_run_writes(project: Project, tmp_path: Path, of: int) -> None:
    made = records()
    one = tmp_path / "one"
    asked = session(one)
    asked.read()
    asked.keep(made)
    folders = shares(tmp_path, of, made)
    for number, order in enumerate((folders, folders[::-1], folders[1:] + folders[:1])):
        assert merged(order, tmp_path / f"merged-{number}") == content(one)


def test_what_was_recorded_before_is_replaced_as_by_one_run(project: Project, tmp_path: Path) -> None:
    before = current(record("add", broken()), record("mish", attempt(12)))
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        session(folder).keep(before)
    made = [
        CellRecord(*kept.place, Verdict.NOT_APPLICABLE, "not this time") if kept.case == "zoo/mish" else kept
        for kept in records()
    ]
    session(one).keep(made)
    assert merged(shares(tmp_path, 3, made), two) == content(one)


def test_a_share_that_ran_again_is_merged_as_if_nothing_had_been(project: Project, tmp_path: Path) -> None:
    made = records()
    folders = shares(tmp_path, 2, made)
    whole = merged(folders, tmp_path / "before")
    asked = session(folders[0], Shard(1, 2))
    mine = [one for one in made if one.place in {cell.place for cell in asked.cells}]
    asked.keep(mine[:1])  # ended early
    with pytest.raises(UsageError, match=r"part-1: shard 1/2 has no result of .* run it again"):
        merged(folders, tmp_path / "half")
    asked.keep(mine)
    assert merged(folders, tmp_path / "after") == whole


def test_shares_that_do_not_make_one_run_are_refused_and_nothing_is_written(project: Project, tmp_path: Path) -> None:
    made = records()
    first, second, third = shares(tmp_path, 3, made)
    again = tmp_path / "again"
    shutil.copytree(second, again)
    other = tmp_path / "other"
    (tmp_path / "of-two").mkdir()
    (two, _) = shares(tmp_path / "of-two", 2, made)
    shutil.copytree(third, other)
    manifest = other / "shards" / "shard.json"
    manifest.write_text(manifest.read_text().replace('"plan": "', '"plan": "0'))
    lost = tmp_path / "lost"
    shutil.copytree(third, lost)
    for file in lost.glob("*.json"):
        file.unlink()
    into = tmp_path / "into"
    for folders, said in (
        ([first, third], r"shard 2/3 is missing"),
        ([second], r"shard 1/3, 3/3 is missing"),
        ([first, second, third, again], r"again and .*part-2 are both shard 2/3"),
        ([first, second, other], r"other and .*part-1 are no shards of one run"),
        ([first, second, two], r"part-1 and .*part-1 are no shards of one run"),
        ([first, second, lost], r"lost: is not what shard 3/3 recorded"),
    ):
        with pytest.raises(UsageError, match=said):
            merged(folders, into)
    assert not into.exists()


def test_shares_of_runs_in_which_nothing_can_be_are_told_apart(project: Project, tmp_path: Path) -> None:
    """As of two toolchains that cannot be resolved: that nothing was run of either makes them no one run."""
    for number, route in ((1, "onnx-tf"), (2, "onnx-tf-dynamo")):
        folder, shard = tmp_path / f"part-{number}", Shard(number, 2)
        asked = Session(
            Choice(toolchains=("never",), tier="all", routes=(route,), results=folder, shard=shard, record=True)
        )
        asked.read()
        asked.keep([])
    with pytest.raises(UsageError, match="are no shards of one run"):
        merged([tmp_path / "part-1", tmp_path / "part-2"], tmp_path / "into")
    assert not (tmp_path / "into").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no such file: merge takes folders"),
        ("{", "Invalid JSON"),
        ("[]", "the file: "),
        ('{"schema": 1}', "shard: "),
    ],
)
def test_a_folder_of_no_share_is_told_by_its_file(
    project: Project, tmp_path: Path, text: str | None, said: str
) -> None:
    (tmp_path / "part" / "shards").mkdir(parents=True)
    if text is not None:
        (tmp_path / "part" / "shards" / "shard.json").write_text(text)
    with pytest.raises(EvidenceError, match=said):
        merged([tmp_path / "part"], tmp_path / "into")


def test_a_later_schema_is_refused(project: Project, tmp_path: Path) -> None:
    (folder,) = shares(tmp_path, 1, records())
    file = folder / "shards" / "shard.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema": 2}))
    with pytest.raises(EvidenceError, match="has schema 2, this tfparity reads 1"):
        merged([folder], tmp_path / "into")


def test_a_share_is_recorded_into_a_folder_of_its_own(project: Project, tmp_path: Path) -> None:
    for results in (None, project.root / "results"):
        with pytest.raises(UsageError, match=r"--shard 1/2 --record: name a folder of its own"):
            session(results, Shard(1, 2)).read()
    (first, _) = shares(tmp_path, 2, records())
    with pytest.raises(UsageError, match=r"part-1: has shard 1/2 of another run already"):
        session(first, Shard(2, 2)).read()
    whole = tmp_path / "whole"
    session(whole).keep(records())
    with pytest.raises(UsageError, match="whole: has results that are no shard's"):
        session(whole, Shard(1, 2)).read()
    session(first, Shard(1, 2)).read()


def rewritten(part: Path, **changed: object) -> None:
    """A manifest by another hand."""
    file = part / "shards" / "shard.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changed}))


def told_anew(part: Path, **changed: object) -> None:
    """A manifest by another hand, of the files that are there."""
    rewritten(part, files=features._written(part), **changed)


def test_what_a_share_did_not_record_is_never_merged(project: Project, tmp_path: Path) -> None:
    made = records()
    first, second = shares(tmp_path, 2, made)
    into = tmp_path / "into"
    foreign = second / "adhoc_0123456789ab.json"
    foreign.write_bytes(
        (second / "old.json").read_bytes().replace(b'"toolchain": "old"', b'"toolchain": "adhoc_0123456789ab"')
    )
    with pytest.raises(UsageError, match="part-2: is not what shard 2/2 recorded"):
        merged([first, second], into)
    told_anew(second)
    with pytest.raises(UsageError, match=r"adhoc_0123456789ab/zoo/.* stands not once in"):
        merged([first, second], into)
    foreign.unlink()
    told_anew(second)
    merged([first, second], tmp_path / "fine")
    session(second).keep(made)  # a whole run into a part
    with pytest.raises(UsageError, match="part-2: is not what shard 2/2 recorded"):
        merged([first, second], into)
    told_anew(second)
    with pytest.raises(UsageError, match=r"stands not once in"):
        merged([first, second], into)
    assert not into.exists()


def test_what_a_manifest_names_twice_or_no_plan_has_takes_nothing_away(project: Project, tmp_path: Path) -> None:
    first, second = shares(tmp_path, 2, records())
    mine = json.loads((first / "shards" / "shard.json").read_text())
    into = tmp_path / "into"
    for none, said in (
        ([*mine["not_applicable"], mine["recorded"][0]], "stands not once in"),
        ([*mine["not_applicable"], ["old", "zoo/none", "onnx-tf"]], "of other packages, cases or code"),
        ([*mine["not_applicable"], ["none", "zoo/add", "onnx-tf"]], "of other packages, cases or code"),
    ):
        rewritten(first, not_applicable=none)
        with pytest.raises(UsageError, match=said):
            merged([first, second], into)
    assert not into.exists()


def test_a_share_of_other_code_is_not_merged_here(project: Project, tmp_path: Path) -> None:
    made = [record("add", key="of older code"), *(one for one in records() if one.place != record("add").place)]
    folders = shares(tmp_path, 2, made)
    with pytest.raises(UsageError, match="old/zoo/add/onnx-tf: of other packages, cases or code than are here"):
        merged(folders, tmp_path / "into")


def test_evidence_of_a_package_under_test_is_not_merged(project: Project, tmp_path: Path) -> None:
    made = [
        replace(one, cell=replace(one.cell, unlocked=True)) if one.place == record("add").place and one.cell else one
        for one in records()
    ]
    with pytest.raises(UsageError, match="old/zoo/add/onnx-tf: of other packages"):
        merged(shares(tmp_path, 2, made), tmp_path / "into")


def test_a_share_is_not_merged_into_one_of_them(project: Project, tmp_path: Path) -> None:
    first, second = shares(tmp_path, 2, records())
    before = content(first)
    with pytest.raises(UsageError, match="part-1: is a shard; merge into another folder"):
        merged([first, second], first)
    assert content(first) == before


@pytest.mark.parametrize("shard", [{"number": 0, "of": 0}, {"number": 9, "of": -3}, {"number": 1, "of": 10**40}])
def test_a_number_that_no_share_has_is_told(project: Project, tmp_path: Path, shard: dict[str, int]) -> None:
    (folder,) = shares(tmp_path, 1, records())
    rewritten(folder, shard=shard)
    with pytest.raises(EvidenceError, match=r"shard: .*; run that shard again"):
        merged([folder], tmp_path / "into")


def test_only_part_of_a_share_is_not_recorded_as_one(project: Project, tmp_path: Path) -> None:
    asked = session(tmp_path / "part", Shard(1, 2)).choice
    for narrowed in (replace(asked, needs=(Need.STALE,)), replace(asked, recorded=True)):
        with pytest.raises(UsageError, match="leave out --need and --recorded"):
            Session(narrowed).read()
    assert not (tmp_path / "part").exists()


def test_shares_with_other_options_are_of_other_runs(project: Project, tmp_path: Path) -> None:
    (first, _), made = shares(tmp_path, 2, records()), records()
    asked = Session(replace(session(tmp_path / "other", Shard(2, 2)).choice, level=2))
    asked.read()
    asked.keep([one for one in made if one.place in {cell.place for cell in asked.cells}])
    with pytest.raises(UsageError, match="are no shards of one run"):
        merged([first, tmp_path / "other"], tmp_path / "into")


def test_all_shares_are_of_one_draw(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--toolchain", "all", "--case", "random-2", "--shard", "1/2"]) == 2
    assert "name the seed" in capsys.readouterr().err
    assert main(["plan", "--toolchain", "all", "--case", "random-2:7", "--shard", "1/2"]) == 0


def test_a_share_that_was_ended_before_it_had_a_result_is_one_that_has_none(project: Project, tmp_path: Path) -> None:
    first, second = tmp_path / "part-1", tmp_path / "part-2"
    for number, folder in enumerate((first, second), 1):
        session(folder, Shard(number, 2)).read()
    with pytest.raises(UsageError, match=r"part-1: shard 1/2 has no result of .* more: run it again"):
        merged([first, second], tmp_path / "into")
    assert shares(tmp_path, 2, records()) == [first, second]
    merged([first, second], tmp_path / "into")


@pytest.mark.parametrize("text", ["", "0/2", "3/2", "1", "1/0", "a/b", "1/2/3", "-1/2", "1 / 2", "10000/10000"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write which of how many, such as 1/4"):
        shards.read(text)


def test_the_commands_say_what_they_do(project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--toolchain", "all", "--tier", "all", "--shard", "1/5"]) == 0
    assert {line.split("/")[2] for line in capsys.readouterr().out.splitlines() if "/zoo/" in line} == {"add"}
    folders = shares(tmp_path, 2, records())
    assert main(["merge", *map(str, folders), "--results", str(tmp_path / "into")]) == 0
    assert "into/old.json: written" in capsys.readouterr().out
    assert main(["merge", str(folders[0]), "--results", str(tmp_path / "into")]) == 2
    assert "shard 2/2 is missing" in capsys.readouterr().err
