"""Writes the site: pages, assets, data for the browser, api/v1/. A folder that is whole, or the one that was there."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

import itables
from jinja2 import Environment, PackageLoader, StrictUndefined

from tfparity import paths
from tfparity.errors import UsageError
from tfparity.evidence.history import Change
from tfparity.evidence.query import Table
from tfparity.records.keys import Json
from tfparity.report.site import api, pages, phrases, search
from tfparity.report.site.collect import Facts
from tfparity.report.site.facts import Latencies
from tfparity.report.site.grid import Grid, grid

#: Stands in every site that was written here: nothing else is ever replaced.
MARK = ".tfparity-site"

#: The end of the grid library's bundle, an ES module, which no browser loads from a file.
_EXPORTS = re.compile(r"export\s*\{[^}]*?(\w+) as jQuery\b[^}]*\};?")


@dataclass(frozen=True)
class Built:
    """What was written: how many pages and files, and bytes of all."""

    pages: int
    files: int
    bytes: int


def build(table: Table, latencies: Mapping[str, Latencies], folder: Path, history: Sequence[Change] = ()) -> Built:
    """Write the site of a table into `folder`, replacing a site that is there. Raises UsageError where the folder holds
    something else, OSError."""
    folder = paths.real(folder)  # of a link, what it names
    refuse_to_replace(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _clear_unfinished(folder)
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}.{threading.get_ident()}")
    fresh.mkdir(mode=0o700)
    try:
        found = Facts(table, latencies, history)
        written = len(write_pages(found, fresh))
        write_data(found, fresh)
        write_assets(fresh)
        for file in sorted(table.project.lockfiles.glob("*.txt")):
            _write(fresh / "lockfiles" / file.name, paths.read_bytes(file))
        (fresh / MARK).touch()
        fresh.chmod(0o755)
        before = fresh.with_name(f"{fresh.name}.before")
        if folder.exists():
            folder.rename(before)
        try:
            fresh.rename(folder)
        except OSError:
            if before.exists():
                before.rename(folder)
            raise
        shutil.rmtree(before, ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return Built(written, len(sizes), sum(sizes))


def _clear_unfinished(folder: Path) -> None:
    """Remove what a build of that folder left beside it when it was killed."""
    named = re.compile(rf"\.{re.escape(folder.name)}\.(\d+)\.\d+(\.before)?")
    for beside in folder.parent.iterdir():
        match = named.fullmatch(beside.name)
        if match and not paths.is_running(int(match[1])):
            paths.discard(beside)


def refuse_to_replace(folder: Path) -> None:
    """Raises UsageError for a folder that has something in it and is no site."""
    if folder.exists() and not (folder.is_dir() and ((folder / MARK).is_file() or not any(folder.iterdir()))):
        raise UsageError(f"{folder}: holds something that is no site made here; name another folder with -o")


def environment() -> Environment:
    """The templates: what is not there is an error, and every value is escaped."""
    made = Environment(
        loader=PackageLoader("tfparity.report.site"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(phrases.FILTERS)
    made.globals.update(phrases.GLOBALS)
    return made


def write_pages(found: Facts, folder: Path) -> list[str]:
    """Every page; returns their paths."""
    templates = environment()
    written = []
    for page in pages.every(found):
        root = "../" * page.path.count("/")
        text = templates.get_template(page.template).render(page=page, root=root, **page.values)
        _write(folder / page.path, text.encode())
        written.append(page.path)
    return written


def write_data(found: Facts, folder: Path) -> None:
    """Pictures, api/v1/, and what the browser loads: a page that is a file may load scripts and no JSON."""
    for path, picture in pages.pictures(found).items():
        _write(folder / path, picture.encode())
    for path, content in api.files(found):
        _write(folder / path, content)
        if path.startswith(f"{api.ROOT}/cells/"):
            name = Path(path).stem
            _write(folder / "data" / "cells" / f"{name}.js", script(f"cells/{name}", content.decode()))
    write_grid(grid(found.table), folder)
    entries = [asdict(entry) for entry in search.entries(found)]
    _write(folder / "data" / "search.js", script("search", _json(entries)))


def write_grid(content: Grid, folder: Path) -> None:
    """data/grid.js."""
    _write(folder / "data" / "grid.js", script("grid", _json(asdict(content))))


def script(name: str, content: str) -> bytes:
    """JSON as a script that hands it over under a name; nothing in it can end the script."""
    safe = content.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f"tfparity.put({json.dumps(name)}, {safe});\n".encode()


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def write_assets(folder: Path) -> None:
    """Our own style and scripts, the grid library as a plain script, and its licences."""
    for name, content in (*_own(), *_library()):
        _write(folder / "assets" / name, content)


def _own() -> Iterator[tuple[str, bytes]]:
    for file in resources.files("tfparity.report.site").joinpath("static").iterdir():
        yield file.name, file.read_bytes()


def _library() -> Iterator[tuple[str, bytes]]:
    """DataTables and jQuery (both MIT), as the package itables bundles them; raises UsageError where a release of it
    has another form."""
    bundle = resources.files(itables).joinpath("html")
    source = bundle.joinpath("dt_bundle.js").read_text(encoding="utf-8")
    ends = list(_EXPORTS.finditer(source))
    if len(ends) != 1:
        raise UsageError("the bundle of itables has another form than expected: install requirements.txt")
    end = ends[0]
    plain = f"(function(){{{source[: end.start()]}\nwindow.jQuery={end[1]};{source[end.end() :]}\n}})();\n"
    yield "datatables.js", plain.encode()
    yield "datatables.css", bundle.joinpath("dt_bundle.css").read_bytes()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
