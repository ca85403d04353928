"""The words of evidence are spelt once."""

import ast
from pathlib import Path

import pytest

from tfparity.engine import worker_client
from tfparity.paths import PACKAGE
from tfparity.records.vocabulary import Outcome, Stage, Verdict

#: What people read may be the same word.
SHOWN = ("report", "words.py")

#: Rooms with words of their own: a lockfile is "locked", "unresolvable", "missing" or "outdated" (environments.lock);
#: the worker imports nothing of ours.
ELSEWHERE = {"environments", "worker"}


def literals(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_other_module_spells_a_verdict(path: Path) -> None:
    parts = path.relative_to(PACKAGE).parts
    if parts[0] in ELSEWHERE or parts in (("records", "vocabulary.py"), SHOWN):
        return
    assert literals(path) & {verdict.value for verdict in Verdict} == set()


def test_the_words_are_found_where_they_are_spelt() -> None:
    assert {verdict.value for verdict in Verdict} <= literals(PACKAGE / "records" / "vocabulary.py")
    assert "unresolvable" in literals(PACKAGE / "environments" / "lock.py")


def test_verdicts_say_what_they_are() -> None:
    assert [verdict for verdict in Verdict if verdict.works] == ["works", "works-with-remedy"]
    assert [verdict for verdict in Verdict if verdict.failing] == ["partial", "broken"]
    assert [verdict for verdict in Verdict if not verdict.ran] == [
        *("not-applicable", "unresolvable", "untested", "stale"),
    ]


def test_stages_know_their_order_and_their_side() -> None:
    assert [stage.position for stage in Stage] == list(range(len(Stage)))
    assert [stage for stage in Stage if stage.of_source] == ["build", "export", "check"]
    assert [stage for stage in Stage if stage.before_export] == ["resolve", "install", "import", "build"]
    assert [stage for stage in Stage if stage.of_attempt] == [
        stage for kind in ("source", "convert", "execute") for stage in worker_client.STAGES[kind]
    ]
    assert [outcome for outcome in Outcome if outcome.passed] == ["pass"]
