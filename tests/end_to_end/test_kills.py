"""Processes killed at random moments; kills.py is the program for more of them."""

from __future__ import annotations

from pathlib import Path

import kills


def test_a_kill_changes_no_evidence_and_leaves_nothing(tmp_path: Path) -> None:
    wanted = {"requests": 6, "parents": 4, "runs": 6}
    counts, wrong = kills.counted(tmp_path, wanted, 0, print)
    assert wrong == []
    assert {kind: found.total() for kind, found in counts.items()} == wanted
