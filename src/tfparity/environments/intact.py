"""Whether an environment has the files that its packages brought, as their RECORDs list them: by size, so that a look
at tens of thousands takes a moment. https://packaging.python.org/en/latest/specifications/recording-installed-packages/"""

from __future__ import annotations

import csv
import os
import stat
from collections import defaultdict
from pathlib import Path


def damaged(folder: Path) -> list[str]:
    """The files of an environment, below its folder, that are gone, may not be read, or have another size than each
    package says that brought them; in order."""
    wrong = []
    sizes: dict[str, set[int]] = defaultdict(set)
    for record in folder.glob("lib/python*/site-packages/*.dist-info/RECORD"):
        try:
            brought = _brought(record)
        except (OSError, ValueError, csv.Error):
            wrong.append(str(record.relative_to(folder)))
            continue
        for name, size in brought:
            sizes[os.path.normpath(f"{record.parent.parent.relative_to(folder)}/{name}")].add(size)
    for name, known in sizes.items():
        try:
            there = os.stat(f"{folder}/{name}")  # noqa: PTH116 - of tens of thousands
        except OSError:
            wrong.append(name)
            continue
        if there.st_size not in known or not there.st_mode & stat.S_IRUSR:
            wrong.append(name)
    return sorted(wrong)


def _brought(record: Path) -> list[tuple[str, int]]:
    """The files of a RECORD that have a size: not what was compiled here, nor RECORD itself."""
    with record.open(newline="", encoding="utf-8") as file:
        return [(row[0], int(row[2])) for row in csv.reader(file) if len(row) == 3 and row[2]]
