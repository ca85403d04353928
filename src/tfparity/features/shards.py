"""Shares of a run that were recorded into folders of their own, and merged: the same bytes as of one run."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import ValidationError

from tfparity import paths
from tfparity.errors import EvidenceError, UsageError
from tfparity.evidence import files
from tfparity.evidence.recorder import Recorder
from tfparity.evidence.schema import Evidence, Runs
from tfparity.paths import Project
from tfparity.planning import shards
from tfparity.planning.selection import Selection
from tfparity.planning.shards import Shard
from tfparity.records.cells import CellId, CellRecord, PlannedCell
from tfparity.records.readers import reader
from tfparity.records.vocabulary import Verdict
from tfparity.report import words

SCHEMA = 1
NAME = "shard.json"


@dataclass(frozen=True)
class Manifest:
    """What a share was: which of how many, of which plan (a digest), the cells that it recorded, those that are not
    applicable, those of which it has no result, as toolchain, case and route; sha256 of what it wrote, by path."""

    schema: int
    shard: Shard
    plan: str
    recorded: tuple[CellId, ...]
    not_applicable: tuple[CellId, ...]
    left: tuple[CellId, ...]
    files: Mapping[str, str]


def check(selection: Selection) -> None:
    """Raises UsageError for a share that is to be recorded where another's, or a whole run's, results are."""
    choice, shard = selection.choice, selection.choice.shard
    if shard is None:
        return
    if not selection.has_own_results:
        raise UsageError(f"--shard {shard} --record: name a folder of its own for its part, such as --results part-1")
    if choice.needs or choice.recorded:
        raise UsageError("--shard --record records all of its share: leave out --need and --recorded")
    folder = selection.project.results
    if paths.stands(_file(folder)):
        there = _read(folder)
        if there.shard != shard or there.plan != run_digest(selection, selection.whole):
            raise UsageError(f"{folder}: has shard {there.shard} of another run already; name another folder")
        return
    if any(folder.glob("*.json")):
        raise UsageError(f"{folder}: has results that are no shard's; name a folder of its own")


def begin(selection: Selection) -> None:
    """Make the folder that of a share of which nothing has a result yet: what ends the run before its end leaves it."""
    if selection.choice.shard and not paths.stands(_file(selection.project.results)):
        record(selection, ())


def record(selection: Selection, records: Sequence[CellRecord]) -> Path:
    """Write what a share came to, beside its results."""
    shard, folder = selection.choice.shard, selection.project.results
    assert shard is not None
    with_cell = tuple(sorted(one.place for one in records if one.cell is not None))
    none = tuple(sorted(one.place for one in records if one.verdict is Verdict.NOT_APPLICABLE))
    asked = {cell.place for cell in selection.planned if cell.applicable}
    left = tuple(sorted(asked - {*with_cell, *none}))
    manifest = Manifest(SCHEMA, shard, run_digest(selection, selection.whole), with_cell, none, left, _written(folder))
    file = _file(folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    paths.write_text(file, json.dumps(asdict(manifest), indent=1) + "\n")
    return file


def merge(folders: Sequence[Path], selection: Selection) -> list[Path]:
    """Write what the shares in those folders recorded into the selection's results; the files written.

    Raises UsageError where one is missing, doubled, of another plan than the others, not whole, changed since, or of
    cells that are others now; EvidenceError for a folder that is no share's.
    """
    into = paths.real(selection.project.results)
    found = [(folder, _read(folder)) for folder in folders]
    for folder, _ in found:
        if paths.real(folder) == into:
            raise UsageError(f"{folder}: is a shard; merge into another folder")
    _refuse(found)
    found.sort(key=lambda pair: pair[1].shard)
    parts: dict[str, list[tuple[Evidence, Runs]]] = {}
    for folder, manifest in found:
        if _written(folder) != manifest.files:
            raise UsageError(f"{folder}: is not what shard {manifest.shard} recorded; run it again, into a new folder")
        project = Project(selection.project.root, folder)
        for name, content in files.load_all(project).items():
            parts.setdefault(name, []).append((content, files.load_runs_of(project, name) or Runs(name, ())))
    _refuse_other(parts, [manifest for _, manifest in found], selection)
    gone = {place for _, manifest in found for place in manifest.not_applicable}
    return Recorder(selection).merge(parts, gone)


def _refuse_other(
    parts: Mapping[str, Sequence[tuple[Evidence, Runs]]], manifests: Sequence[Manifest], selection: Selection
) -> None:
    """Raises UsageError where what is to be merged is not what the manifests tell of, each cell once, or not of the
    packages, cases and code that are here now."""
    told = Counter(place for one in manifests for place in (*one.recorded, *one.not_applicable))
    recorded = Counter(place for one in manifests for place in one.recorded)
    there = Counter(CellId(name, *at) for name, mine in parts.items() for part, _ in mine for at in part.by_place)
    ran = Counter(CellId(name, *at) for name, mine in parts.items() for _, runs in mine for at in runs.by_place)
    odd = {place for place, count in told.items() if count > 1}
    for found in (there, ran):
        odd |= {*(found - recorded), *(recorded - found)}
    if odd:
        first, *_ = names = sorted(odd)
        raise UsageError(
            f"{first}{_more(names)}: stands not once in {NAME}, evidence and runs alike; run its shard again"
        )
    known = set(selection.matrix.toolchains)
    here = selection.every_cell(sorted({place.toolchain for place in told} & known))
    planned = {cell.place: cell for cell in here}
    cells = {
        CellId(name, *place): cell
        for name, mine in parts.items()
        for content, _ in mine
        for place, cell in content.by_place.items()
    }

    def current(place: CellId) -> bool:
        if place not in planned or place not in cells:
            return place in planned
        cell = cells[place]
        return not cell.unlocked and selection.keys.cell(planned[place], cell) == cell.key

    other = sorted(place for place in told if not current(place))
    if other:
        raise UsageError(
            f"{other[0]}{_more(other)}: of other packages, cases or code than are here: merge where it ran, with the "
            "--cases that it had"
        )


def _refuse(found: Sequence[tuple[Path, Manifest]]) -> None:
    """Raises UsageError where folders are not the shares of one plan, each once."""
    first, of = found[0]
    by_shard: dict[Shard, Path] = {}
    for folder, manifest in found:
        if manifest.plan != of.plan or manifest.shard.of != of.shard.of:
            raise UsageError(
                f"{folder} and {first} are no shards of one run: shard {manifest.shard} and {of.shard}, of other "
                "cells, packages, cases or options"
            )
        if manifest.shard in by_shard:
            raise UsageError(f"{folder} and {by_shard[manifest.shard]} are both shard {manifest.shard}: merge one")
        by_shard[manifest.shard] = folder
        if manifest.left:
            raise UsageError(
                f"{folder}: shard {manifest.shard} has no result of {manifest.left[0]}{_more(manifest.left)}: run it "
                "again, with the same --results"
            )
    missing = [str(one) for number in range(of.shard.of) if (one := Shard(number + 1, of.shard.of)) not in by_shard]
    if missing:
        raise UsageError(f"shard {words.shortened(', '.join(missing), 200)} is missing: name its folder, too")


def _more(names: Sequence[CellId]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def run_digest(selection: Selection, planned: Sequence[PlannedCell]) -> str:
    """A digest of what a run of those cells would run and ask: the same on machines whose records go together."""
    choice = selection.choice
    asked = (choice.level, choice.all_opsets, choice.targets, choice.runtimes, choice.try_remedies, choice.calibration)
    return shards.digest(planned, selection.keys, repr([str(one) for one in asked]))


def _written(folder: Path) -> dict[str, str]:
    """sha256 of every file of evidence and of runs in a folder, by path."""
    found = sorted([*folder.glob("*.json"), *(folder / "runs").glob("*.json")])
    return {str(file.relative_to(folder)): hashlib.sha256(paths.read_bytes(file)).hexdigest() for file in found}


def _file(folder: Path) -> Path:
    return folder / "shards" / NAME


def _read(folder: Path) -> Manifest:
    file = _file(folder)
    try:
        manifest = reader(Manifest).validate_json(paths.read_bytes(file))
    except FileNotFoundError:
        raise EvidenceError(
            "there is no such file: merge takes folders that `--shard --record` wrote", file=file
        ) from None
    except OSError as unreadable:
        raise EvidenceError(f"cannot be read: {unreadable.strerror}", file=file) from None
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        raise EvidenceError(f"{place or 'the file'}: {said}; run that shard again", file=file) from None
    if manifest.schema != SCHEMA:
        raise EvidenceError(f"has schema {manifest.schema}, this tfparity reads {SCHEMA}", file=file)
    return manifest
