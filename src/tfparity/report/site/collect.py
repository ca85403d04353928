"""From the evidence to the facts that every page and file tells, each made once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from packaging.version import Version

from tfparity.evidence.claims import Answer, Found
from tfparity.evidence.claims import answers as answers_to
from tfparity.evidence.history import Change
from tfparity.evidence.query import Standing, Table, counted
from tfparity.inputs import claims as claims_file
from tfparity.inputs.matrix import Toolchain
from tfparity.planning.routes import route
from tfparity.records.cells import CellId
from tfparity.report import claims, zoo
from tfparity.report.site import answers, changes, facts
from tfparity.report.site.facts import (
    AskFacts,
    CaseFacts,
    CellFacts,
    CellsFile,
    ClaimFacts,
    EnvironmentFacts,
    ErrorFacts,
    Latencies,
    LimitationFacts,
    Past,
    Recommendation,
    Recorded,
    RouteFacts,
    ToolchainFacts,
    WayFacts,
)
from tfparity.report.site.text import plain

NOTHING: Latencies = {}


class Facts:
    """All facts of a table, made when first asked for. latencies: by toolchain; history: of the evidence, the oldest
    change first."""

    def __init__(self, table: Table, latencies: Mapping[str, Latencies], history: Sequence[Change] = ()) -> None:
        self.table = table
        self.latencies = latencies
        self.history = history

    @cached_property
    def changes(self) -> tuple[Recorded, ...]:
        """The newest first."""
        return changes.recorded(self.history)

    @cached_property
    def claims(self) -> list[ClaimFacts]:
        """Of the project's claims.yaml; none where it has none."""
        return [_claim(one) for one in answers_to(claims_file.load(self.table.project.claims), self.table)]

    @cached_property
    def _past(self) -> dict[CellId, list[Past]]:
        found: dict[CellId, list[Past]] = {}
        for change in self.history:
            found.setdefault(change.cell, []).append(Past(change.when, change.now))
        return found

    @cached_property
    def toolchains(self) -> list[ToolchainFacts]:
        return [self._toolchain(chain) for chain in self.table.toolchains]

    def _toolchain(self, chain: Toolchain) -> ToolchainFacts:
        table = self.table
        packages = table.packages(chain)
        environments = tuple(self._environment(id) for id in chain.environments())
        return ToolchainFacts(
            id=chain.id,
            default=chain.id == table.default,
            tensorflow=answers.tensorflow(packages),
            python=table.pythons(chain),
            packages=packages,
            shims=tuple(table.shims(chain)),
            note=chain.note,
            source=chain.source,
            routes=chain.routes,
            environments=environments,
            counts=table.counts(chain.id),
            install=tuple(line for one in environments for line in _install(one)),
        )

    def _environment(self, id: str) -> EnvironmentFacts:
        one = self.table.selection.matrix.environments[id]
        file = f"lockfiles/{id}.txt"
        there = (self.table.project.lockfiles / f"{id}.txt").is_file()
        return EnvironmentFacts(id, one.python, one.as_of.isoformat(), one.pins, one.shims, file if there else None)

    @cached_property
    def cells_of_case(self) -> dict[str, list[Standing]]:
        found: dict[str, list[Standing]] = {id: [] for id in self.table.selection.cases}
        for cells in self.table.cells.values():
            for cell in cells:
                found[cell.planned.case].append(cell)
        return found

    @cached_property
    def cases(self) -> list[CaseFacts]:
        made = []
        for entry in zoo.listed(self.table.query):
            case, cells = entry.case, self.cells_of_case[entry.case.id]
            best = answers.best(cells, self.table.default, self.ages)
            made.append(
                CaseFacts(
                    id=case.id,
                    family=case.id.partition("/")[0],
                    tags=tuple(case.tags),
                    requires=case.requires,
                    about=plain(" ".join((case.factory.__doc__ or "").split()), 500),
                    operators=entry.model.operators if entry.model else tuple(case.operators),
                    parameters=entry.model.parameters if entry.model else None,
                    best=WayFacts.of(best) if best else None,
                    counts=counted(cells),
                )
            )
        return made

    @cached_property
    def versions(self) -> list[str]:
        """The minor versions of TensorFlow that the toolchains have, the newest first."""
        return sorted({chain.tensorflow for chain in self.toolchains if chain.tensorflow}, key=Version, reverse=True)

    @cached_property
    def ages(self) -> dict[str, int]:
        return answers.age(self.table)

    @cached_property
    def by_version(self) -> dict[str, dict[str, Standing]]:
        """Case → TensorFlow → the recommended cell of those that work with it."""
        version_of = {chain.id: chain.tensorflow for chain in self.toolchains}
        found: dict[str, dict[str, Standing]] = {}
        for case, cells in self.cells_of_case.items():
            works: dict[str, list[Standing]] = {}
            for cell in cells:
                version = version_of[cell.planned.toolchain]
                if version and cell.verdict.works:
                    works.setdefault(version, []).append(cell)
            chosen = {
                version: answers.best(works.get(version, ()), self.table.default, self.ages)
                for version in self.versions
            }
            found[case] = {version: cell for version, cell in chosen.items() if cell}
        return found

    @cached_property
    def recommendations(self) -> list[Recommendation]:
        """Of every case that was run anywhere."""
        made = []
        for case in self.cases:
            if answers.share(case.counts)[1]:
                made.append(Recommendation(case.id, None, case.best))
                on = self.by_version[case.id]
                made += [
                    Recommendation(case.id, version, WayFacts.of(on[version]))
                    for version in self.versions
                    if version in on
                ]
        return made

    @cached_property
    def limitations(self) -> list[LimitationFacts]:
        failing, cured = answers.by_rule(self.table), answers.cures(self.table)
        made = []
        for rule in self.table.limitations:
            mine = failing.get(rule.id, [])
            made.append(
                LimitationFacts(
                    id=rule.id,
                    when=rule.when,
                    stage=rule.stage,
                    matches=tuple(rule.matches),
                    operators=rule.operators,
                    cause=rule.cause,
                    link=rule.link,
                    remedy=rule.advice,
                    remedies=rule.remedies,
                    shown=rule.shown,
                    investigated=rule.investigated,
                    cells=len(mine),
                    cases=tuple(dict.fromkeys(cell.planned.case for cell in mine)),
                    cures=tuple(cured.get(rule.id, ())),
                    elsewhere=tuple(answers.elsewhere(self.table, rule.id)[1]) if mine else (),
                )
            )
        return made

    @cached_property
    def routes(self) -> list[RouteFacts]:
        names = dict.fromkeys(name for chain in self.table.toolchains for name in chain.routes)
        return [self._route(name) for name in names]

    def _route(self, name: str) -> RouteFacts:
        declared = route(name, self.table.project)
        gives = declared.gives
        return RouteFacts(
            name=name,
            needs=declared.requires,
            targets=gives.targets,
            dynamic=gives.dynamic,
            layout=gives.layout,
            integers=gives.integers,
            trainable=gives.trainable,
            toolchains=tuple(chain.id for chain in self.table.toolchains if name in chain.routes),
            counts=self.table.counts(chosen=lambda cell: cell.route == name),
        )

    @cached_property
    def cells(self) -> dict[str, CellsFile]:
        """By toolchain."""
        return {id: self._cells(id, cells) for id, cells in self.table.cells.items()}

    def _cells(self, id: str, cells: Iterable[Standing]) -> CellsFile:
        every = list(cells)
        latency = self.latencies.get(id, NOTHING)
        made = tuple(
            facts.cell(
                one, latency.get((one.planned.case, one.planned.route), {}), self._past.get(one.planned.place, ())
            )
            for one in every
            if one.cell is not None
        )
        content = self.table.query.recorded.get(id)
        named = {name for one in made for name in _errors(one)}
        errors = {
            name: ErrorFacts(error.stage, plain(error.type, 200), plain(error.message))
            for name, error in sorted(content.errors.items() if content else ())
            if name in named
        }
        return CellsFile(facts.VERSION, id, errors, made, facts.rest(every))

    @cached_property
    def index(self) -> facts.Index:
        days = [cell.ran_at for one in self.cells.values() for cell in one.cells if cell.ran_at]
        return facts.Index(facts.VERSION, max(days, default=None), self.table.default, self.table.counts(), {})


def _errors(cell: CellFacts) -> Iterable[str]:
    """The fingerprints that a cell names."""
    entries = (*cell.probes.values(), *cell.targets.values(), *cell.runtimes.values())
    named = (cell.error, *(attempt.error for attempt in cell.attempts), *(entry.error for entry in entries))
    return (name for name in named if name)


def _install(environment: EnvironmentFacts) -> list[str]:
    if environment.lockfile is None:
        return []
    return [
        f"uv venv --python {environment.python} {environment.id}",
        f"uv pip install --python {environment.id}/bin/python --require-hashes -r {environment.lockfile}",
    ]


def _claim(answer: Answer) -> ClaimFacts:
    claim = answer.claim
    asks = tuple(map(_ask, answer.found))
    return ClaimFacts(claim.id, claim.says, claim.source, answer.word, claim.nothing, asks)


def _ask(found: Found) -> AskFacts:
    def backticks(value: object) -> str:
        return f"`{value}`"

    def first(cells: Sequence[Standing]) -> tuple[CellId, ...]:
        return tuple(cell.planned.place for cell in cells[: claims.NAMED])

    return AskFacts(
        claims.asked(found.ask, backticks),
        claims.how(found.ask, backticks),
        len(found.agree),
        len(found.against),
        found.planned,
        first(found.agree),
        first(found.against),
    )
