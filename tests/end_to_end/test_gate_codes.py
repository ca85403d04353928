"""The gate from the command line: each planted change under its own word and exit code, silence on a clean re-run."""

import copy
import shutil
import xml.etree.ElementTree as ET

import pytest
from folders import Folder


@pytest.fixture
def recorded(small: Folder) -> Folder:
    """The small project with its evidence committed."""
    done = small.run("run", "--record")
    assert done.returncode == 0, done.stderr
    return small


def cells(content):
    return {cell["route"]: cell for cell in content["cells"]}


def test_a_clean_re_run_is_silent(recorded):
    done = recorded.run("gate", "--junit", "out/gate.xml", "--summary", "out/summary.md")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing moved in" in done.stdout
    suite = ET.parse(recorded.root / "out" / "gate.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("failures"), len(suite)) == ("0", int(suite.get("tests", "0")))
    assert "planted/net" in (recorded.root / "out" / "summary.md").read_text()


def regressed(content):
    """The swapped route is recorded as one that worked."""
    by_route = cells(content)
    by_route["swap-outputs.py"].update({**by_route["faithful.py"], "route": "swap-outputs.py"})


def fails_otherwise(content, route):
    """The route is recorded as failing for a reason that no rule explains."""
    wrong = cells(content)[route]
    content["errors"]["0123456789ab"] = {
        "stage": "parity",
        "type": "Diverged",
        "message": "another reason than that",
    }
    wrong.update(error="0123456789ab", limitation=None)
    for attempt in wrong["attempts"]:
        attempt["error"] = "0123456789ab"


def changed_failure(content):
    """The swapped route is recorded as failing for another reason."""
    fails_otherwise(content, "swap-outputs.py")


def fails_as(route, *, explained):
    """The faithful route is recorded as failing the way `route` does."""

    def change(content):
        by_route = cells(content)
        by_route["faithful.py"].update({**copy.deepcopy(by_route[route]), "route": "faithful.py"})
        if not explained:
            fails_otherwise(content, "faithful.py")

    return change


def missing(content):
    content["cells"] = [cell for cell in content["cells"] if cell["route"] != "faithful.py"]


@pytest.mark.parametrize(
    ("change", "kind", "code"),
    [
        (regressed, "regressed", 30),
        (missing, "missing", 31),
        (changed_failure, "changed-failure", 32),
        (fails_as("swap-outputs.py", explained=True), "unexpected-pass", 34),
        (fails_as("swap-outputs.py", explained=False), "fixed", 35),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_planted_change_has_its_word_and_code(recorded, change, kind, code):
    recorded.evidence(change)
    done = recorded.run("gate")
    assert done.returncode == code, done.stdout + done.stderr
    assert f"{kind} (1)" in done.stdout
    assert done.stdout.splitlines()[-1].startswith(f"gate: 1 finding, exit code {code}, {kind}: ")


def test_a_failure_that_no_rule_explains_is_unexplained(recorded):
    recorded.replace("limitations.yaml", "converted model's answer is wrong", "converted model has another fault")
    done = recorded.run("gate")
    assert done.returncode == 33, done.stdout + done.stderr
    assert "unexplained (1)" in done.stdout


def test_updating_makes_the_gate_silent_again(recorded):
    recorded.evidence(regressed)
    done = recorded.run("gate", "--update")
    assert done.returncode == 0
    shown, written = done.stdout.index("regressed (1)"), done.stdout.index("has what came out of")
    assert shown < written
    assert "exit code" not in done.stdout
    assert recorded.run("gate").returncode == 0


def test_a_second_run_gives_the_same_bytes(recorded):
    path = recorded.root / "results" / "small.json"
    before = path.read_bytes()
    assert recorded.run("run", "--record", "--again").returncode == 0
    assert path.read_bytes() == before


@pytest.mark.parametrize(("change", "code"), [(lambda content: None, 21), (regressed, 30)], ids=["same", "regressed"])
def test_what_the_machine_ended_is_told_unless_something_regressed(recorded, change, code):
    """A cell that a full disk ended is no missing result: nothing is known of it."""
    recorded.evidence(change)
    shutil.copy(recorded.root / "freeze-batch.py", recorded.root / "disk-full.py")
    recorded.replace("matrix.yaml", "freeze-batch.py", "disk-full.py")
    done = recorded.run("gate", "--sandbox", "off")  # the planted converter counts beside itself how often it ran
    assert done.returncode == code, done.stdout + done.stderr
    if code == 21:
        assert "disk-full" in done.stderr
        assert "the disk is full" in done.stderr
