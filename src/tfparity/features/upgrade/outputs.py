"""The files that an upgrade's report is written to, each whole or not at all."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Collection
from pathlib import Path

from pydantic import TypeAdapter

from tfparity import paths
from tfparity.features.upgrade import html, junit, markdown
from tfparity.features.upgrade.kinds import Kind
from tfparity.features.upgrade.report import Upgrade
from tfparity.inputs import quarantine, yaml_input
from tfparity.records.keys import Json

_UPGRADE = TypeAdapter(Upgrade)

#: Days that an entry for flaky.yaml lasts as it is written here.
QUARANTINE_DAYS = 30

#: A flaky.yaml without an entry.
NOTHING = "[]\n"


def as_json(report: Upgrade) -> str:
    """The document that docs/upgrade.schema.json describes. Ends with a line feed."""
    return _UPGRADE.dump_json(report, indent=1).decode() + "\n"


def json_schema() -> dict[str, Json]:
    """JSON schema of that document, derived from the dataclasses."""
    schema = _UPGRADE.json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "tfparity upgrade --json"}


def retry(report: Upgrade) -> str:
    """The cells that are worse or unsure, a line each as `--case` takes it ("case route"), most models first: run them
    again with `--case @FILE`."""
    asked = [cell for group in report.groups if group.kind.exit_code for cell in group.cells]
    lines = [f"{cell.case} {cell.route}" for cell in asked] + list(report.unknown)
    return f"# {report.base.label} → {report.head.label}: again with --case @THIS-FILE\n" + "".join(
        f"{line}\n" for line in dict.fromkeys(lines)
    )


def flaky(report: Upgrade, known: Collection[str] = ()) -> str:
    """The cells that came out otherwise, as entries for flaky.yaml, without those of `known` ids: the reason is to be
    made a person's own."""
    last = quarantine.today() + datetime.timedelta(days=QUARANTINE_DAYS)
    own = {"toolchain": report.base.id} if report.base.id == report.head.id else {}
    entries = [
        {
            "id": re.sub(r"[^a-z0-9.-]+", "-", f"{cell.case}-{cell.route}".lower()).strip("-."),
            "case": cell.case,
            "route": cell.route,
            **own,
            "reason": cell.message,
            "until": last,
        }
        for group in report.groups
        if group.kind is Kind.FLAKY
        for cell in group.cells
    ]
    entries = [entry for entry in entries if entry["id"] not in known]
    return yaml_input.dumped(entries) if entries else NOTHING


def _added(report: Upgrade, path: Path) -> str:
    """The flaky cells behind the entries that a file has, which stay as they are written. Raises QuarantineError where
    it is no such file."""
    listed = quarantine.load(path).listed if paths.stands(path) else ()
    if not listed:
        return flaky(report)
    before, found = paths.read_text(path), flaky(report, {one.entry.id for one in listed})
    return before if found == NOTHING else f"{before.rstrip()}\n\n{found}"


#: Option → what writes its file.
FORMATS: dict[str, Callable[[Upgrade], str]] = {
    "markdown": markdown.page,
    "json": as_json,
    "html": html.page,
    "junit": junit.junit,
    "retry": retry,
    "flaky": flaky,
}


def write(report: Upgrade, files: dict[str, Path]) -> None:
    """Write the files that were asked for, by option."""
    for option, path in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        paths.write_text(path, _added(report, path) if option == "flaky" else FORMATS[option](report))
