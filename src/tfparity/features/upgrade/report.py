"""The report of an upgrade as plain values: what every output is written from, and what --json writes."""

from __future__ import annotations

from dataclasses import dataclass

from tfparity.features.upgrade.kinds import Kind

#: Raised when a key is taken away or changes its meaning; additions don't raise it.
SCHEMA = 1


@dataclass(frozen=True)
class Sides:
    """The ids of both toolchains, as they were asked for, and the command that compares them. asked: the packages that
    HEAD was asked to change, by name; of two toolchains of the matrix, none."""

    base: str
    head: str
    base_label: str
    head_label: str
    command: str
    asked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Side:
    """A toolchain that is compared. id: of matrix.yaml, or adhoc_… of one that it does not name; label: as it was asked
    for. refusal: the resolver's reason where its packages don't go together."""

    id: str
    label: str
    python: str
    shims: tuple[str, ...]
    refusal: str | None


@dataclass(frozen=True)
class Package:
    """A package whose locked versions differ; None on the side that lacks it."""

    name: str
    base: str | None
    head: str | None


@dataclass(frozen=True)
class Rests:
    """What the comparison rests on, in cells (models by routes). compared: both sides known; ran: of these, so many
    were run for this report; base_only, head_only: recorded on that side and not on the other; neither: on no side;
    stale: of these not compared, so many are recorded under an older revision. tier, runs: --run runs so many of those
    not compared, of the cases of that tier. no_environment: of those compared, so many that HEAD has no environment
    for."""

    compared: int
    ran: int
    base_only: int
    head_only: int
    neither: int
    stale: int
    tier: str
    runs: int
    no_environment: int

    @property
    def not_compared(self) -> int:
        return self.base_only + self.head_only + self.neither


@dataclass(frozen=True)
class Across:
    """What gets models of a group across, by evidence. how: "remedy" or "route", both on HEAD, or "toolchain"; models:
    how many of the group's `of` it gets across. Of another toolchain, shims, packages: what it has beside HEAD's;
    split: whether its torch side is an environment of its own. likely: of recorded models that fail alike, not of the
    group's own."""

    how: str
    name: str
    route: str | None
    models: int
    of: int
    shims: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    split: bool = False
    likely: bool = False


@dataclass(frozen=True)
class CellChange:
    """A cell of a group: both verdicts, and what changed in a line."""

    case: str
    route: str
    base: str
    head: str
    message: str


@dataclass(frozen=True)
class Group:
    """Cells that changed alike, for one reason. title: the reason in a line; worked: how many of its models convert on
    BASE. limitation: the rule that explains it, with its cause, link and remedy; fingerprint, error: of the first cell
    that failed."""

    kind: Kind
    title: str
    models: int
    worked: int
    limitation: str | None
    cause: str | None
    link: str | None
    remedy: str | None
    fingerprint: str | None
    error: str | None
    across: tuple[Across, ...]
    cells: tuple[CellChange, ...]


@dataclass(frozen=True)
class Upgrade:
    """The whole report. command: what makes it again; verdict: one sentence; exit_code: of the worst kind."""

    schema: int
    command: str
    base: Side
    head: Side
    verdict: str
    exit_code: int
    rests: Rests
    counts: dict[str, int]
    packages: tuple[Package, ...]
    groups: tuple[Group, ...]
    unknown: tuple[str, ...] = ()
