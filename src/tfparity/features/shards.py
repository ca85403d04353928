"""Shares of a run that were recorded into folders of their own, and merged: the same bytes as of one run."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
from tfparity.records.cells import CellId, CellRecord
from tfparity.records.readers import reader
from tfparity.records.vocabulary import Verdict

SCHEMA = 1
NAME = "shard.json"


@dataclass(frozen=True)
class Manifest:
    """What a share was: which of how many, of which plan (a digest), the cells that it recorded, those that are not
    applicable, those of which it has no result, as toolchain, case and route."""

    schema: int
    shard: Shard
    plan: str
    recorded: tuple[CellId, ...]
    not_applicable: tuple[CellId, ...]
    left: tuple[CellId, ...]


def check(selection: Selection) -> None:
    """Raises UsageError for a share that is to be recorded where another's, or a whole run's, results are."""
    shard = selection.choice.shard
    if shard is None:
        return
    if not selection.has_own_results:
        raise UsageError(f"--shard {shard} --record: name a folder of its own for its part, such as --results part-1")
    folder = selection.project.results
    if not folder.is_dir():
        return
    other = _file(folder)
    if other.is_file():
        there = _read(folder)
        if there.shard != shard or there.plan != _digest(selection):
            raise UsageError(f"{folder}: has shard {there.shard} already; name another folder, or remove it")
    elif any(folder.glob("*.json")):
        raise UsageError(f"{folder}: has results that are no shard's; name a folder of its own")


def record(selection: Selection, records: Sequence[CellRecord]) -> Path:
    """Write what a share came to, beside its results."""
    shard = selection.choice.shard
    assert shard is not None
    with_cell = tuple(sorted(one.place for one in records if one.cell is not None))
    none = tuple(sorted(one.place for one in records if one.verdict is Verdict.NOT_APPLICABLE))
    asked = {cell.place for cell in selection.planned if cell.applicable}
    left = tuple(sorted(asked - {*with_cell, *none}))
    manifest = Manifest(SCHEMA, shard, _digest(selection), with_cell, none, left)
    file = _file(selection.project.results)
    file.parent.mkdir(parents=True, exist_ok=True)
    paths.write_text(file, json.dumps(asdict(manifest), indent=1) + "\n")
    return file


def merge(folders: Sequence[Path], selection: Selection) -> list[Path]:
    """Write what the shares in those folders recorded into the selection's results; the files written.

    Raises UsageError where one is missing, doubled, of another plan than the others, or not whole; EvidenceError for a
    folder that is no share's.
    """
    found = [(folder, _read(folder)) for folder in folders]
    _refuse(found)
    found.sort(key=lambda pair: pair[1].shard)
    parts: dict[str, list[tuple[Evidence, Runs | None]]] = {}
    for folder, manifest in found:
        project = Project(selection.project.root, folder)
        contents = files.load_all(project)
        there = {CellId(name, *place) for name, content in contents.items() for place in content.by_place}
        lost = sorted(set(manifest.recorded) - there)
        if lost:
            raise UsageError(f"{folder}: lacks {lost[0]}{_more(lost)}, which its {NAME} names: run that shard again")
        for name, content in contents.items():
            parts.setdefault(name, []).append((content, files.load_runs_of(project, name)))
    gone = {place for _, manifest in found for place in manifest.not_applicable}
    return Recorder(selection).merge(parts, gone)


def _refuse(found: Sequence[tuple[Path, Manifest]]) -> None:
    """Raises UsageError where folders are not the shares of one plan, each once."""
    first, of = found[0]
    by_shard: dict[Shard, Path] = {}
    for folder, manifest in found:
        if manifest.plan != of.plan or manifest.shard.of != of.shard.of:
            raise UsageError(
                f"{folder} and {first} are no shards of one run: shard {manifest.shard} and {of.shard}, of other "
                "cells, packages or cases"
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
        raise UsageError(f"shard {', '.join(missing)} is missing: name its folder, too")


def _more(names: Sequence[CellId]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def _digest(selection: Selection) -> str:
    return shards.digest(selection.whole, selection.keys)


def _file(folder: Path) -> Path:
    return folder / "shards" / NAME


def _read(folder: Path) -> Manifest:
    file = _file(folder)
    try:
        manifest = reader(Manifest).validate_json(file.read_bytes())
    except FileNotFoundError:
        raise EvidenceError(
            "there is no such file: merge takes folders that `--shard --record` wrote", file=file
        ) from None
    except OSError as unreadable:
        raise EvidenceError(f"cannot be read: {unreadable.strerror}", file=file) from None
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise EvidenceError(f"{place or 'the file'}: {first['msg']}; run that shard again", file=file) from None
    if manifest.schema != SCHEMA:
        raise EvidenceError(f"has schema {manifest.schema}, this tfparity reads {SCHEMA}", file=file)
    return manifest
