"""The store: what was done and need not be done again, by content key, outside git.

A file per attempt, `<cell key>/<opset>.json`; a file per environment side, `imports/<key>.json`.
Safe to delete, and safe to share between processes: files appear whole.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tfparity.worker import messages


def key(*parts: Any) -> str:
    """sha256 (hex) of JSON values; equal for equal content in any order of mappings."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Store:
    """The folder of stored attempts and imports."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _file(self, folder: str, name: str) -> Path:
        return self.root / folder[:2] / folder / f"{name}.json"

    def get(self, folder: str, name: str) -> dict[str, Any] | None:
        """The stored value, None where there is none or where it cannot be read (it is then made again)."""
        try:
            value = json.loads(self._file(folder, name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def put(self, folder: str, name: str, value: dict[str, Any]) -> None:
        path = self._file(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        messages.write_json(str(path), value)
