"""How much disk each package takes, as measured.

`python -m tfparity.environments.sizes ENVIRONMENT…` prints the lines of sizes.txt: those that it has, and those of the
environments (folders of the cache) that are named."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

FILE = Path(__file__).with_name("sizes.txt")

HEAD = """\
# Megabytes (10^6 bytes) of disk that packages take on Linux x86-64, by version.
# Made by: python -m tfparity.environments.sizes ENVIRONMENT...
"""


@cache
def measured() -> Mapping[tuple[str, str], float]:
    """Megabytes by name and version."""
    found = {}
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            package, megabytes = line.split()
            name, _, version = package.partition("==")
            found[name, version] = float(megabytes)
    return found


def measure(environment: Path) -> dict[tuple[str, str], float]:
    """Megabytes that each package of an installed environment takes, in whole blocks of the disk, with its folders and
    what bytecode Python has written for it."""
    found: dict[tuple[str, str], float] = {}
    for place in environment.glob("lib/python*/site-packages"):
        for one in distributions(path=[str(place)]):
            files = {Path(str(one.locate_file(file))) for file in one.files or ()}
            folders = {file.parent for file in files} - {place}
            bytecode = {path for folder in folders for path in folder.glob("__pycache__/*.pyc")}
            taken = sum(path.stat().st_blocks * 512 for path in files | folders | bytecode if path.exists())
            name = re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower()
            found[name, one.version] = max(0.1, round(taken / 1e6, 1))
    return found


def main(environments: Sequence[str]) -> None:
    """Print the lines of sizes.txt with those environments measured anew."""
    known = dict(measured() if FILE.is_file() else {})
    for environment in environments:
        known.update(measure(Path(environment)))
    print(HEAD + "\n".join(f"{name}=={version} {size:g}" for (name, version), size in sorted(known.items())))


if __name__ == "__main__":
    main(sys.argv[1:])
