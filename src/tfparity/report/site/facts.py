"""What the site and `api/v1/` tell, as dataclasses: one declaration gives pages, JSON files and their schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tfparity.evidence.claims import Word
from tfparity.evidence.query import Standing
from tfparity.evidence.schema import Agreement, StageRun
from tfparity.records.cells import Artifact, AttemptLine, CellId, Entry, Said
from tfparity.records.vocabulary import Grade, Stage, Verdict
from tfparity.report import probing
from tfparity.report.site.text import plain
from tfparity.report.why import why

#: Of the shape of the files under api/v1/: additions keep it, a key that changes its meaning raises it.
VERSION = 1


@dataclass(frozen=True)
class Latency:
    """How many times as long as torch a converted model takes: the median of paired samples, its 95 % interval."""

    median: float | None
    low: float | None
    high: float | None
    verdict: str


#: Case and route → subject ("saved-model") → its latency, of one toolchain.
Latencies = Mapping[tuple[str, str], Mapping[str, Latency]]


@dataclass(frozen=True)
class ErrorFacts:
    """An error's stage, type and text: control characters and direction marks replaced, cut to 4,000 characters."""

    stage: Stage
    type: str
    message: str


@dataclass(frozen=True)
class Past:
    """What a cell was recorded as from a time on, ISO 8601; null where it was removed."""

    when: str
    verdict: Verdict | None


@dataclass(frozen=True)
class CellFacts:
    """A recorded cell. error, and those of attempts and entries: fingerprints, see `errors` beside the cells.

    max_abs: as measured where a run tells it, else the next power of ten. why: in a line. command: runs it again.
    history: its verdicts by results/' git log, the oldest first; empty where the site was built without one.
    """

    toolchain: str
    case: str
    route: str
    verdict: Verdict
    grade: Grade | None
    opset: int | None
    attempts: tuple[AttemptLine, ...]
    remedies: tuple[str, ...]
    error: str | None
    limitation: str | None
    untried: tuple[str, ...]
    why: str
    max_abs: float | None
    floor: float | None
    axes: Mapping[str, bool]
    signature: bool | None
    level: int
    probes: Mapping[str, Entry]
    targets: Mapping[str, Entry]
    runtimes: Mapping[str, Entry]
    ran_at: str | None
    host: str | None
    seconds: float | None
    stages: Mapping[str, StageRun]
    agreement: Agreement | None
    answer: Said | None
    artifact: Artifact | None
    latency: Mapping[str, Latency]
    command: str
    history: tuple[Past, ...]


@dataclass(frozen=True)
class Rest:
    """Planned cells of a route that nothing is recorded of: their verdict, why where that is known, and the cases."""

    route: str
    verdict: Verdict
    reason: str | None
    cases: tuple[str, ...]


@dataclass(frozen=True)
class CellsFile:
    """api/v1/cells/<toolchain>.json: every planned cell of a toolchain is in `cells` or in `rest`."""

    version: int
    toolchain: str
    errors: Mapping[str, ErrorFacts]
    cells: tuple[CellFacts, ...]
    rest: tuple[Rest, ...]


@dataclass(frozen=True)
class WayFacts:
    """A way that works: on which toolchain, by which route, at which opset, with which remedies, how exactly."""

    toolchain: str
    route: str
    verdict: Verdict
    grade: Grade | None
    opset: int | None
    remedies: tuple[str, ...]

    @classmethod
    def of(cls, cell: Standing) -> WayFacts:
        kept = cell.cell
        return cls(
            cell.planned.toolchain,
            cell.planned.route,
            cell.verdict,
            kept.grade if kept else None,
            kept.opset if kept else None,
            kept.remedies if kept else (),
        )


@dataclass(frozen=True)
class EnvironmentFacts:
    """An environment: python, the day of the index, pins, shims, and its lockfile below the site's root."""

    id: str
    python: str
    as_of: str
    pins: Mapping[str, str]
    shims: tuple[str, ...]
    lockfile: str | None


@dataclass(frozen=True)
class ToolchainFacts:
    """A toolchain. tensorflow: its minor version; counts: verdict → cells; install: the lines to type."""

    id: str
    default: bool
    tensorflow: str | None
    python: str
    packages: Mapping[str, str]
    shims: tuple[str, ...]
    note: str | None
    source: str
    routes: Mapping[str, str]
    environments: tuple[EnvironmentFacts, ...]
    counts: Mapping[Verdict, int]
    install: tuple[str, ...]


@dataclass(frozen=True)
class CaseFacts:
    """A model or operator of the zoo. best: the recommended way; counts: verdict → cells; of a model that was made
    anywhere: the operators of its exported file and its number of parameters."""

    id: str
    family: str
    tags: tuple[str, ...]
    requires: Mapping[str, str]
    about: str
    operators: tuple[str, ...]
    parameters: int | None
    best: WayFacts | None
    counts: Mapping[Verdict, int]


@dataclass(frozen=True)
class Cure:
    """Remedies that together are recorded to work where a rule's error was met first: in how many cases, one of them,
    and where."""

    remedies: tuple[str, ...]
    cases: int
    example: str
    toolchain: str
    route: str


@dataclass(frozen=True)
class Elsewhere:
    """A way by which cases that fail by a rule convert: how many."""

    toolchain: str
    route: str
    cases: int


@dataclass(frozen=True)
class LimitationFacts:
    """A rule of limitations.yaml, the cells that fail by it, and what is recorded to work instead."""

    id: str
    when: Mapping[str, str]
    stage: tuple[str, ...]
    matches: tuple[str, ...]
    operators: tuple[str, ...]
    cause: str
    link: str
    remedy: str
    remedies: tuple[str, ...]
    shown: tuple[str, ...]
    investigated: str | None
    cells: int
    cases: tuple[str, ...]
    cures: tuple[Cure, ...]
    elsewhere: tuple[Elsewhere, ...]


@dataclass(frozen=True)
class RouteFacts:
    """A route: what it needs on each side, what it gives by its design, and how many cells it has by verdict."""

    name: str
    needs: Mapping[str, Mapping[str, str]]
    targets: tuple[str, ...]
    dynamic: bool | None
    layout: str | None
    integers: str | None
    trainable: bool | None
    toolchains: tuple[str, ...]
    counts: Mapping[Verdict, int]


@dataclass(frozen=True)
class Recommendation:
    """What to take for a case on a TensorFlow, of those with which it works; on any (null), null where on none."""

    case: str
    tensorflow: str | None
    way: WayFacts | None


@dataclass(frozen=True)
class Moved:
    """A cell whose verdict changed."""

    case: str
    route: str
    was: Verdict
    now: Verdict


@dataclass(frozen=True)
class Recorded:
    """What a commit changed of a toolchain's evidence: cells added, removed, and those whose verdict is another."""

    when: str
    commit: str
    toolchain: str
    added: int
    removed: int
    moved: tuple[Moved, ...]


@dataclass(frozen=True)
class AskFacts:
    """What would show a claim: of which cells it says what (identifiers in backticks), how many cells are as it says
    and how many are not, of so many planned, with the first of each."""

    cells: str
    says: str
    agree: int
    against: int
    planned: int
    agreeing: tuple[CellId, ...]
    otherwise: tuple[CellId, ...]


@dataclass(frozen=True)
class ClaimFacts:
    """What guides say (identifiers in backticks), by whom, what recorded cells show of it. note: why nothing can."""

    id: str
    says: str
    source: str
    answer: Word
    note: str | None
    asks: tuple[AskFacts, ...]


@dataclass(frozen=True)
class Index:
    """api/v1/index.json: what there is, and how many cells of each verdict. newest_run: when the last cell ran."""

    version: int
    newest_run: str | None
    default_toolchain: str
    counts: Mapping[Verdict, int]
    files: Mapping[str, str]


def again(toolchain: str, case: str, route: str) -> str:
    """The command that runs a cell again."""
    return f'python -m nox -s "compat({toolchain})" -- --case {case} --route {route} --again'


def cell(standing: Standing, latency: Mapping[str, Latency], history: Iterable[Past] = ()) -> CellFacts:
    """A recorded cell's facts."""
    kept, run, place = standing.cell, standing.run, standing.planned
    assert kept is not None
    said = "; ".join(
        part for part in (why(kept, standing.error, standing.limitation), probing.found(kept, standing.beside)) if part
    )
    answer = run.answer if run else None
    return CellFacts(
        toolchain=place.toolchain,
        case=place.case,
        route=place.route,
        verdict=standing.verdict,
        grade=kept.grade,
        opset=kept.opset,
        attempts=kept.attempts,
        remedies=kept.remedies,
        error=kept.error,
        limitation=standing.limitation.id if standing.limitation else None,
        untried=standing.untried,
        why=plain(said, 1000),
        max_abs=standing.max_abs,
        floor=run.floor if run and run.floor is not None else kept.floor,
        axes=kept.dynamic,
        signature=kept.signature,
        level=kept.level,
        probes=kept.probes,
        targets=kept.targets,
        runtimes=kept.runtimes,
        ran_at=run.ran_at if run else None,
        host=plain(run.host, 200) if run and run.host else None,
        seconds=run.seconds if run else None,
        stages=run.stages if run else {},
        agreement=run.agreement if run else None,
        answer=Said(_said(answer.torch), _said(answer.tensorflow)) if answer else None,
        artifact=run.artifact if run else None,
        latency=latency,
        command=again(place.toolchain, place.case, place.route),
        history=tuple(history),
    )


def _said(text: str | None) -> str | None:
    return None if text is None else plain(text, 1000)


def rest(cells: Iterable[Standing]) -> tuple[Rest, ...]:
    """What is recorded of none, by route, verdict and reason."""
    found: dict[tuple[str, Verdict, str | None], list[str]] = {}
    for one in cells:
        if one.cell is None:
            reason = plain(one.reason, 1000) if one.reason else None
            found.setdefault((one.planned.route, one.verdict, reason), []).append(one.planned.case)
    return tuple(Rest(*key, tuple(cases)) for key, cases in found.items())
