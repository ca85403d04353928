"""Enumerates cells, decides which can exist, orders them by information value."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from packaging.specifiers import InvalidSpecifier
from packaging.utils import canonicalize_name

from tfparity.environments import lock
from tfparity.errors import CaseError, LockError, UsageError
from tfparity.inputs import names, specifiers
from tfparity.inputs.matrix import Environment, Matrix, Toolchain
from tfparity.paths import Project
from tfparity.planning.routes import ONNX_FILE, framework, route
from tfparity.records.cells import CellId, PlannedCell
from tfparity.records.vocabulary import HEAVY, Tier, Verdict
from tfparity.worker.declare import Case
from tfparity.worker.routes import Route

#: So many cases, as a file of a user's own has, are all named where none is meant.
FEW = 12


def plan(
    matrix: Matrix,
    cases: Mapping[str, Case],
    project: Project,
    *,
    toolchains: Sequence[str],
    tier: Tier = Tier.ALL,
    routes: Sequence[str] | None = None,
    case_globs: Sequence[str] | None = None,
    only: Collection[tuple[str, str, str]] | None = None,
) -> list[PlannedCell]:
    """Every cell that the selection names, toolchain by toolchain in matrix order; of `only` these places, if given.

    Raises UsageError for an unknown toolchain, a tier without a case, a glob that no case matches, or a route that none
    of the toolchains has; LockError where an environment has no lockfile that fits its pins.
    """
    for name in toolchains:
        if name not in matrix.toolchains:
            raise UsageError(f"no toolchain {name!r} in matrix.yaml; there are {', '.join(matrix.toolchains)}")
    known = dict.fromkeys(route for name in toolchains for route in matrix.toolchains[name].routes)
    for name in routes or ():
        if name not in known:
            raise UsageError(f"no route {name!r} in the chosen toolchains; there are {', '.join(known)}")
    chosen = [case for case in cases.values() if in_tier(case, tier)]
    if not chosen:
        raise UsageError(f"no case is in the tier {tier.value!r}")
    for glob in case_globs or ():
        if not fnmatch.filter((case.id for case in chosen), glob):
            raise UsageError(_no_case(glob, tier, cases))
    if case_globs:
        chosen = [case for case in chosen if any(fnmatch.fnmatch(case.id, glob) for glob in case_globs)]
    needed = {name for id in toolchains for name in matrix.toolchains[id].environments()}
    sides = {name: _Side(name, _packages(project, matrix.environments[name])) for name in sorted(needed)}
    kinds = [_Kind(bool(case.onnx_opset), tuple(case.requires.items())) for case in chosen]
    wanted = None if only is None else _by_case(only)
    own = {case.id for case in chosen if project.is_own(case.file)}
    refusals: dict[str, list[str | None]] = {}
    cells: list[PlannedCell] = []
    for toolchain in (matrix.toolchains[name] for name in matrix.toolchains if name in toolchains):
        columns = {}
        for name, target in toolchain.routes.items():
            if routes is None or name in routes:
                declared = route(name, project)
                if name not in refusals:
                    refusals[name] = [_refusal(declared, case, case.id in own) for case in chosen]
                source = sides[toolchain.source]
                columns[name] = _column(declared, kinds, refusals[name], source, sides[target], project)
        cells += _cells(toolchain, chosen, columns, None if wanted is None else wanted.get(toolchain.id, {}))
    return cells


def _no_case(glob: str, tier: Tier, cases: Iterable[str]) -> str:
    """What is said of a glob that no chosen case matches."""
    elsewhere = fnmatch.filter(cases, glob)
    if elsewhere:
        return f"no case of the tier {tier.value!r} matches {glob!r}; --tier all has {elsewhere[0]!r}"
    meant = names.closest(glob, cases)
    known = list(cases)
    listed = f"; there are {', '.join(known)}" if len(known) <= FEW else "; `nox -s tfparity -- cases` lists them"
    return f"no case matches {glob!r}{f', did you mean {meant!r}?' if meant else listed}"


def _cells(
    toolchain: Toolchain,
    cases: Sequence[Case],
    columns: Mapping[str, Sequence[_Answer]],
    wanted: Mapping[str, set[str]] | None,
) -> list[PlannedCell]:
    """The cells of a toolchain, case by case, of what is known by route; with `wanted`, of these cases by these routes.
    Raises CaseError."""
    ids = [case.id for case in cases]
    meant = {id for glob in toolchain.cases or ("*",) for id in fnmatch.filter(ids, glob)}
    apart = (Verdict.NOT_APPLICABLE, f"{toolchain.id} is for {', '.join(toolchain.cases)} alone")
    cells = []
    for place, case in enumerate(cases):
        if wanted is not None and case.id not in wanted:
            continue
        for name, column in columns.items():
            if wanted is not None and name not in wanted[case.id]:
                continue
            answer = column[place]
            if isinstance(answer, InvalidSpecifier):
                raise CaseError(f"case {case.id!r}: {answer}", file=case.file, line=case.line)
            verdict, reason = answer if case.id in meant else apart
            cells.append(PlannedCell(toolchain.id, case.id, name, verdict, reason))
    return cells


def _by_case(places: Iterable[tuple[str, str, str]]) -> dict[str, dict[str, set[str]]]:
    """Toolchain → case → routes."""
    found: dict[str, dict[str, set[str]]] = {}
    for toolchain, case, name in places:
        found.setdefault(toolchain, {}).setdefault(case, set()).add(name)
    return found


def _refusal(route: Route, case: Case, own: bool) -> str | None:
    """Why the route does not take a case, as far as is known before it is built. `own`: it is a user's."""
    known = route.of_zoo(case.id) if route.of_zoo and not own else None
    return known or (route.refusal(case) if route.refusal else None)


def in_tier(case: Case, tier: Tier) -> bool:
    """Whether the case is in that tier."""
    if tier is Tier.SMOKE:
        return Tier.SMOKE in case.tags
    if tier is Tier.CORE:
        return Tier.SMOKE in case.tags or Tier.CORE in case.tags
    return tier is not Tier.FULL or HEAVY not in case.tags


def _packages(project: Project, environment: Environment) -> Mapping[str, str] | str:
    """The locked packages, or the reason why the environment cannot be resolved."""
    status = lock.status(project, environment)
    if status.kind == "locked":
        return dict(status.packages)
    if status.unresolvable:
        return status.reason or Verdict.UNRESOLVABLE.value
    raise LockError(f"{status.path}: the lockfile of {environment.id} is {status.kind}; run: nox -s lock")


class _Kind(NamedTuple):
    """What a cell's applicability asks of a case beside its id: few cases differ in it."""

    is_onnx_file: bool
    requires: tuple[tuple[str, str], ...]


class _Side:
    """An environment with its locked packages, or with the reason why it cannot be resolved."""

    def __init__(self, id: str, packages: Mapping[str, str] | str) -> None:
        self.id = id
        self.packages = packages if not isinstance(packages, str) else {}
        self.unresolvable = packages if isinstance(packages, str) else None
        self._unmet: dict[tuple[tuple[str, str], ...], str | None] = {}

    def unmet(self, needs: Iterable[tuple[str, str]]) -> str | None:
        """The first need (package, specifier) that the packages do not meet, in words; None where all are met."""
        asked = tuple(needs)
        if asked not in self._unmet:
            self._unmet[asked] = next(filter(None, (self._why_not(*need) for need in asked)), None)
        return self._unmet[asked]

    def _why_not(self, package: str, specifier: str) -> str | None:
        version = self.packages.get(canonicalize_name(package))
        if version is None:
            return f"needs {package}, which {self.id} has not"
        if not specifiers.allows(specifier, version):
            return f"needs {package}{specifier}, {self.id} has {version}"
        return None


#: A verdict known without a run and its reason, (None, None) where the cell can run; or what is wrong with a specifier
#: of the case.
_Answer = tuple[Verdict | None, str | None] | InvalidSpecifier


def _column(
    route: Route,
    kinds: Sequence[_Kind],
    refusals: Sequence[str | None],
    source: _Side,
    target: _Side,
    project: Project,
) -> list[_Answer]:
    """What is known of a route's cells in one toolchain, case by case: of what kind each is, why the route refuses
    it."""
    if route.sides == "together" and source.id != target.id:
        return [(Verdict.NOT_APPLICABLE, "needs both sides in one environment")] * len(kinds)
    unresolvable = source.unresolvable or target.unresolvable
    if unresolvable:
        return [(Verdict.UNRESOLVABLE, unresolvable)] * len(kinds)
    lacks = {is_file: _lacks(route, is_file, source, target, project) for is_file in {kind[0] for kind in kinds}}
    of_kind = {kind: _applicability(lacks[kind.is_onnx_file], kind, source) for kind in set(kinds)}
    return [
        (Verdict.NOT_APPLICABLE, refusal) if refusal else of_kind[kind]
        for kind, refusal in zip(kinds, refusals, strict=True)
    ]


def _lacks(route: Route, is_onnx_file: bool, source: _Side, target: _Side, project: Project) -> str | None:
    """What a route lacks in these environments, whatever the case."""
    if is_onnx_file and not route.onnx_files:
        return "takes models of torch, no ONNX files"
    needed = framework(ONNX_FILE if is_onnx_file else route.framework, project).requires
    return source.unmet({**route.requires["source"], **needed}.items()) or target.unmet(
        route.requires["target"].items()
    )


def _applicability(lacks: str | None, kind: _Kind, source: _Side) -> _Answer:
    try:
        missing = lacks or source.unmet(kind.requires)
    except InvalidSpecifier as wrong:
        return wrong
    return (Verdict.NOT_APPLICABLE, missing) if missing else (None, None)


def order(
    cells: Iterable[PlannedCell], cases: Mapping[str, Case], verdicts: Mapping[CellId, Verdict]
) -> list[PlannedCell]:
    """Most informative first, for a run that may not reach its end.

    `verdicts` are those recorded; "stale" counts as not recorded. First what was never run, then the rest; in each,
    smoke before the other cases, and then cases whose verdict differs among toolchains.
    """
    seen: dict[tuple[str, str], set[Verdict]] = {}
    for (_, case, name), verdict in verdicts.items():
        if verdict.ran:
            seen.setdefault((case, name), set()).add(verdict)

    def rank(cell: PlannedCell) -> tuple[int, int, int]:
        recorded = verdicts.get(cell.place, Verdict.UNTESTED)
        new = recorded in (Verdict.UNTESTED, Verdict.STALE)
        varies = len(seen.get((cell.case, cell.route), set())) > 1
        return (0 if new else 1, 0 if Tier.SMOKE in cases[cell.case].tags else 1, 0 if varies else 1)

    return sorted(cells, key=rank)
