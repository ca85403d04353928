"""The commands that write generated files: table, schema."""

from __future__ import annotations

import argparse
import json

from tfparity import paths
from tfparity.cli.commands import Commands
from tfparity.errors import EvidenceError


def declare(to: Commands) -> None:
    """Declare the commands."""
    tables = to.add("table", table)
    tables.add_argument("--check", action="store_true", help="write nothing; fail where a table is not up to date")
    described = to.add("schema", schema)
    described.add_argument("--check", action="store_true", help="write nothing; fail where the file is not up to date")


def table(given: argparse.Namespace) -> int:
    """Write the generated tables of README.md and docs/ from results/, and into results/ which rule explains what."""
    from tfparity.evidence import explain, rule_faults
    from tfparity.evidence.query import Table
    from tfparity.features.session import Session
    from tfparity.features.upgrade import examples
    from tfparity.planning import options
    from tfparity.report import pages, words

    asked = options.Choice(toolchains=("all",), tier="all")
    session = Session(asked)
    everything, query = session.selection, session.query
    unplanned = query.unplanned()
    if not given.check:
        for place in unplanned:
            print(f"{place}: is planned no more: taken out of results/")
        written = [*session.recorder.drop(unplanned), *session.recorder.explain_recorded()]
        fresh = Session(asked)  # of what is recorded now
        for path in [*written, *pages.write(fresh.query), *examples.write(fresh)]:
            print(f"{path}: written")
        return 0
    table = Table(query)
    for id in (toolchain.id for toolchain in table.toolchains):
        waiting = words.untried(table.untried(id))
        if waiting:
            print(f"{id}: {waiting}")
    for place in unplanned:
        print(f"{place}: is recorded, and planned no more: run `nox -s table`")
    stale = [*pages.write(query, check=True), *examples.write(session, check=True)]
    for path in stale:
        print(f"{path}: is not what results/ says: run `nox -s table`")
    recorded = list(query.recorded.values())
    faults = explain.dishonest(recorded, everything.limitations)
    faults += rule_faults.faults(everything.limitations, recorded, everything.project.root)
    for fault in faults:
        print(fault)
    return 1 if faults or stale or unplanned else 0


def schema(given: argparse.Namespace) -> int:
    """Write docs/*.schema.json from the models: of the YAML files, which editors read, and of what --json writes."""
    from tfparity.features import score
    from tfparity.features.upgrade import artifact_outputs, outputs
    from tfparity.inputs import limitations, matrix, quarantine

    described = (
        ("matrix", matrix),
        ("limitations", limitations),
        ("flaky", quarantine),
        ("upgrade", outputs),
        ("upgrade-artifact", artifact_outputs),
        ("score", score),
    )
    for name, content in ((name, module.json_schema()) for name, module in described):
        path = paths.project().docs / f"{name}.schema.json"
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        if not given.check:
            paths.write_text(path, text)
        elif not path.is_file() or path.read_bytes() != text.encode():
            raise EvidenceError("is not what the models say: run `nox -s tfparity -- schema`", file=path)
    return 0
