"""What an upgrade of an artifact tells: one declaration gives each form of the report and its schema."""

from __future__ import annotations

from dataclasses import dataclass

from tfparity.features.upgrade.kinds import Kind
from tfparity.features.upgrade.report import Package, Side
from tfparity.records.vocabulary import Grade

#: Raised when a key is taken away or changes its meaning; additions don't raise it.
SCHEMA = 1

MEANINGS = {
    Kind.ENVIRONMENT_BROKEN: "HEAD's packages cannot be resolved, installed or imported",
    Kind.REGRESSED: "right on BASE, and not on HEAD",
    Kind.LESS_EXACT: "right on both, at a lower grade on HEAD and with a larger error",
    Kind.FLAKY: "differed, and did not when both sides ran again",
    Kind.CHANGED_FAILURE: "not right on either side, for another reason on HEAD",
    Kind.FIXED: "right on HEAD, and not on BASE",
    Kind.SAME: "no difference",
}


@dataclass(frozen=True)
class Result:
    """What came of the artifact on one side. state: pass, fail, crash, timeout, out-of-memory, "turns with ..."
    (docs/runtimes.md), or no-environment; note: why, in a line."""

    state: str
    right: bool
    max_abs: float | None = None
    grade: Grade | None = None
    note: str = ""

    @property
    def broken(self) -> bool:
        """Whether the environment failed, so that the artifact was never looked at."""
        return self.state == NO_ENVIRONMENT


NO_ENVIRONMENT = "no-environment"


@dataclass(frozen=True)
class ArtifactUpgrade:
    """The whole report. command: what makes it again; artifact, golden: their names; megabytes: 10^6 bytes; verdict:
    one sentence; exit_code: as that of an upgrade of toolchains."""

    schema: int
    command: str
    artifact: str
    kind: str
    megabytes: float
    golden: str
    base: Side
    head: Side
    on_base: Result
    on_head: Result
    packages: tuple[Package, ...]
    change: Kind
    message: str
    verdict: str
    exit_code: int
