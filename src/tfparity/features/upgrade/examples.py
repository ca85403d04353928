"""docs/upgrades/: reports on recorded toolchains, made again with the tables. A file's name says of which two."""

from __future__ import annotations

from pathlib import Path

from tfparity import paths
from tfparity.errors import EvidenceError
from tfparity.features.session import Session
from tfparity.features.upgrade import markdown, sides
from tfparity.features.upgrade.upgrade import upgrade
from tfparity.records.vocabulary import Tier

#: Between the two ids: no id has an underscore.
TO = "_to_"


def write(session: Session, *, check: bool = False) -> list[Path]:
    """Write the reports that are out of date; those files (with `check`, only told). session: of all toolchains and
    cases. Raises EvidenceError for a file whose name is of no two toolchains."""
    stale = []
    for path in sorted((session.selection.project.docs / "upgrades").glob("*.md")):
        base, _, head = path.stem.partition(TO)
        known = session.selection.matrix.toolchains
        if base not in known or head not in known:
            raise EvidenceError(f"is named after no two toolchains of matrix.yaml (BASE{TO}HEAD.md)", file=path)
        made = markdown.page(upgrade(session, sides.named(base, head), tier=Tier.SMOKE))
        if paths.read_text(path) != made:
            stale.append(path)
            if not check:
                paths.write_text(path, made)
    return stale
