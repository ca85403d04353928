"""A run in shares, one of which is killed and begun again: merged, the evidence of one run."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from folders import LIMITATIONS, Folder, several

NAMES = ("net", "net_two", "net_three")


def test_a_run_in_shares_is_one_run(small: Folder, tmp_path: Path) -> None:
    (small.root / "cases" / "planted_cases.py").write_text(several(NAMES), encoding="utf-8")
    (small.root / "limitations.yaml").write_text(LIMITATIONS.replace("[planted/net]", '["planted/*"]'))
    whole = small.run("run", "--record")
    assert whole.returncode == 0, whole.stderr
    parts = [tmp_path / f"part-{number}" for number in (1, 2)]
    asked = [
        ("run", "--shard", f"{number}/2", "--again", "--record", "--results", str(part))
        for number, part in enumerate(parts, 1)
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "tfparity", *asked[0]],
        env=small.environment,
        cwd=small.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as killed:
        assert killed.stderr is not None
        assert any("[1/" in line for line in killed.stderr)  # a cell has ended, others have not
        killed.send_signal(signal.SIGKILL)
    refused = small.run("merge", *map(str, parts))
    assert refused.returncode != 0
    assert "part-2/shards/shard.json: there is no such file" in refused.stderr
    assert small.run(*asked[1]).returncode == 0
    refused = small.run("merge", *map(str, parts))
    assert refused.returncode != 0
    assert "part-1: shard 1/2 has no result of small/planted/" in refused.stderr
    done = small.run(*asked[0])
    assert done.returncode == 0, done.stderr
    into = tmp_path / "into"
    merged = small.run("merge", *map(str, reversed(parts)), "--results", str(into))
    assert merged.returncode == 0, merged.stderr
    assert (into / "small.json").read_bytes() == (small.root / "results" / "small.json").read_bytes()
