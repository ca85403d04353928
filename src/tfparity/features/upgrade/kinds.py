"""The words for what an upgrade does to a cell, each with its meaning and its exit code."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What became of a cell from BASE to HEAD; the worst first."""

    ENVIRONMENT_BROKEN = "environment-broken"
    REGRESSED = "regressed"
    MISSING = "missing"
    LESS_EXACT = "less-exact"
    SLOWER = "slower"
    FLAKY = "flaky"
    QUARANTINED = "quarantined"
    CHANGED_FAILURE = "changed-failure"
    FIXED = "fixed"
    FASTER = "faster"
    NEW = "new"
    SAME = "same"

    @property
    def exit_code(self) -> int:
        """That of an upgrade that does nothing worse; 0 where nothing that worked is lost. A word that the gate has too
        has its code (features/gate/compare.py)."""
        return EXIT_CODES.get(self, 0)


EXIT_CODES = {
    Kind.REGRESSED: 30,
    Kind.MISSING: 31,
    Kind.ENVIRONMENT_BROKEN: 37,
    Kind.LESS_EXACT: 38,
    Kind.SLOWER: 39,
    Kind.FLAKY: 40,
}

#: Where no cell is known on both sides: no answer is no green light.
NO_ANSWER = 41

MEANINGS = {
    Kind.ENVIRONMENT_BROKEN: "HEAD's packages cannot be resolved, installed or imported, and BASE was not broken",
    Kind.REGRESSED: "converts on HEAD worse than on BASE: a lower verdict, a lost axis or name, a remedy needed",
    Kind.MISSING: "converts on BASE; HEAD has no such model or route",
    Kind.LESS_EXACT: "as before, with a lower grade and a larger error",
    Kind.SLOWER: "the converted model takes longer than on BASE",
    Kind.FLAKY: "differed, and did not when both sides ran again",
    Kind.QUARANTINED: "differs, and is flaky by flaky.yaml until a day: said, and not counted",
    Kind.CHANGED_FAILURE: "does not convert on either side, for another reason on HEAD",
    Kind.FIXED: "converts better on HEAD",
    Kind.FASTER: "the converted model takes less time than on BASE",
    Kind.NEW: "BASE has no such model or route",
    Kind.SAME: "no difference",
}
