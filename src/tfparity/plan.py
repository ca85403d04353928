"""Which cells there are, which of them can exist, in what order they tell most, and how long they take."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tfparity.environments import lock
from tfparity.errors import CaseError, LockError, UsageError
from tfparity.matrix import Environment, Matrix
from tfparity.paths import Project
from tfparity.worker import plugins
from tfparity.worker.declare import Case

SMOKE = "smoke"
CORE = "core"
FULL = "full"

#: A case too large for any tier but "all".
HEAVY = "heavy"

#: Each holds the one before it; "all" adds what is heavy.
TIERS = (SMOKE, CORE, FULL, "all")

#: The framework and the exporter of cases that are ONNX files.
ONNX_FILE = "onnx-file"

#: What our side reads of a route.
DECLARATIONS = ("REVISION", "SIDES", "FRAMEWORK", "EXPORTER", "OPSETS", "REQUIRES", "IMPORTS")

#: Verdicts that no run gave: they say nothing of how a case fares.
NOT_RUN = ("untested", "stale", "not-applicable", "unresolvable")

#: Seconds assumed for a cell and for an environment of which no run is recorded.
CELL_SECONDS = 15.0
WARM_SECONDS = 15.0
INSTALL_SECONDS = 90.0


@dataclass(frozen=True)
class PlannedCell:
    """A cell of the plan. `verdict` is set where it is known without a run: "not-applicable" or
    "unresolvable", and `reason` says why."""

    toolchain: str
    case: str
    route: str
    verdict: str | None = None
    reason: str | None = None

    @property
    def id(self) -> str:
        return f"{self.toolchain}/{self.case}/{self.route}"

    @property
    def applicable(self) -> bool:
        return self.verdict is None


def locate(name: str, project: Project) -> str:
    """A module as the worker finds it: a name stays, a path counts from the project's root."""
    return str(project.root / name) if name.endswith(".py") else name


def route(name: str, project: Project) -> ModuleType:
    """A route's declarations, by name or path. Raises UsageError for an unknown or a broken one."""
    try:
        module = plugins.load(locate(name, project), "tfparity.worker.routes")
    except (ImportError, OSError) as unknown:
        raise UsageError(f"no route {name!r}: {unknown}") from None
    except Exception as broken:  # noqa: BLE001 - whatever a person's own file raises
        raise UsageError(f"the route {name!r} raises {type(broken).__name__} when imported: {broken}") from None
    missing = [declared for declared in DECLARATIONS if not hasattr(module, declared)]
    if missing:
        raise UsageError(f"the route {name!r} lacks {', '.join(missing)}; see src/tfparity/worker/routes/__init__.py")
    return module


def layout(module: ModuleType) -> str:
    """The layout of what gets across by a route: "kept", or "channels-last" where the route turns images to and fro for
    the check. Parity is held on the user's own, so that other outputs in another layout are broken."""
    return "channels-last" if getattr(module, "GIVES", {}).get("layout") == "channels-last" else "kept"


@dataclass(frozen=True)
class Way:
    """How a case gets to a route: the framework that runs it, the exporter, the opsets in the order of trying."""

    framework: str
    exporter: str
    opsets: tuple[int, ...]


def way(module: ModuleType, case: Case) -> Way:
    """A model goes as the route says; an ONNX file as it is, and then at the route's opsets."""
    if not case.onnx_opset:
        return Way(module.FRAMEWORK, module.EXPORTER, tuple(module.OPSETS))
    opsets = (case.onnx_opset, *(opset for opset in module.OPSETS if opset != case.onnx_opset))
    return Way(ONNX_FILE, ONNX_FILE, opsets)


def plan(
    matrix: Matrix,
    cases: Mapping[str, Case],
    project: Project,
    *,
    toolchains: Sequence[str],
    tier: str = "all",
    routes: Sequence[str] | None = None,
    case_globs: Sequence[str] | None = None,
) -> list[PlannedCell]:
    """Every cell that the selection names, toolchain by toolchain in matrix order.

    Raises UsageError for an unknown toolchain, tier, a glob that no case matches, or a route that none of
    the toolchains has; LockError where an environment has no lockfile that fits its pins.
    """
    if tier not in TIERS:
        raise UsageError(f"no tier {tier!r}; there are {', '.join(TIERS)}")
    for name in toolchains:
        if name not in matrix.toolchains:
            raise UsageError(f"no toolchain {name!r} in matrix.yaml; there are {', '.join(matrix.toolchains)}")
    known = dict.fromkeys(route for name in toolchains for route in matrix.toolchains[name].routes)
    for name in routes or ():
        if name not in known:
            raise UsageError(f"no route {name!r} in the chosen toolchains; there are {', '.join(known)}")
    chosen = [case for case in cases.values() if in_tier(case, tier)]
    if not chosen:
        raise UsageError(f"no case is in the tier {tier!r}")
    for glob in case_globs or ():
        if not fnmatch.filter((case.id for case in chosen), glob):
            raise UsageError(
                f"no case{f' of the tier {tier!r}' if fnmatch.filter(cases, glob) else ''} matches {glob!r}"
            )
    if case_globs:
        chosen = [case for case in chosen if any(fnmatch.fnmatch(case.id, glob) for glob in case_globs)]
    needed = {name for id in toolchains for name in matrix.toolchains[id].environments()}
    packages = {name: _packages(project, matrix.environments[name]) for name in sorted(needed)}
    cells = []
    for toolchain in (matrix.toolchains[name] for name in matrix.toolchains if name in toolchains):
        for case in chosen:
            for name, target in toolchain.routes.items():
                if routes is None or name in routes:
                    verdict, reason = _applicability(
                        route(name, project),
                        case,
                        packages[toolchain.source],
                        packages[target],
                        toolchain.source,
                        target,
                    )
                    if toolchain.cases and not any(fnmatch.fnmatch(case.id, glob) for glob in toolchain.cases):
                        verdict, reason = "not-applicable", f"{toolchain.id} is for {', '.join(toolchain.cases)} alone"
                    cells.append(PlannedCell(toolchain.id, case.id, name, verdict, reason))
    return cells


def in_tier(case: Case, tier: str) -> bool:
    """Whether the case is in that tier."""
    if tier == SMOKE:
        return SMOKE in case.tags
    if tier == CORE:
        return SMOKE in case.tags or CORE in case.tags
    return tier != FULL or HEAVY not in case.tags


def _packages(project: Project, environment: Environment) -> Mapping[str, str] | str:
    """The locked packages, or the reason why the environment cannot be resolved."""
    status = lock.status(project, environment)
    if status.kind == "locked":
        return dict(status.packages)
    if status.kind == "unresolvable":
        return status.reason or "unresolvable"
    raise LockError(f"{status.path}: the lockfile of {environment.id} is {status.kind}; run: nox -s lock")


def _applicability(
    module: ModuleType,
    case: Case,
    source: Mapping[str, str] | str,
    target: Mapping[str, str] | str,
    source_id: str,
    target_id: str,
) -> tuple[str | None, str | None]:
    if module.SIDES == "together" and source_id != target_id:
        return "not-applicable", "needs both sides in one environment"
    for packages in (source, target):
        if isinstance(packages, str):
            return "unresolvable", packages
    assert not isinstance(source, str) and not isinstance(target, str)
    refusal = module.refusal(case.id) if hasattr(module, "refusal") else None
    if refusal:
        return "not-applicable", refusal
    if case.onnx_opset and not getattr(module, "ONNX_FILES", False):
        return "not-applicable", "takes models of torch, no ONNX files"
    framework = plugins.load(ONNX_FILE, "tfparity.worker.frameworks").REQUIRES if case.onnx_opset else {}
    for needs, packages, where in (
        ({**module.REQUIRES["source"], **framework}, source, source_id),
        (module.REQUIRES["target"], target, target_id),
    ):
        missing = _unmet(needs, packages, where)
        if missing:
            return "not-applicable", missing
    try:
        missing = _unmet(case.requires, source, source_id)
    except InvalidSpecifier as wrong:
        raise CaseError(f"case {case.id!r}: {wrong}", file=case.file, line=case.line) from None
    return ("not-applicable", missing) if missing else (None, None)


def _unmet(needs: Mapping[str, str], packages: Mapping[str, str], where: str) -> str | None:
    for package, specifier in needs.items():
        version = packages.get(canonicalize_name(package))
        if version is None:
            return f"needs {package}, which {where} has not"
        if not SpecifierSet(specifier, prereleases=True).contains(Version(version)):
            return f"needs {package}{specifier}, {where} has {version}"
    return None


def order(
    cells: Iterable[PlannedCell], cases: Mapping[str, Case], verdicts: Mapping[tuple[str, str, str], str]
) -> list[PlannedCell]:
    """Most informative first, for a run that may not reach its end.

    `verdicts` are those recorded, by (toolchain, case, route); "stale" counts as not recorded. First what
    was never run, then the rest; in each, smoke before the other cases, and then cases whose verdict differs
    among toolchains.
    """
    seen: dict[tuple[str, str], set[str]] = {}
    for (_, case, name), verdict in verdicts.items():
        if verdict not in NOT_RUN:
            seen.setdefault((case, name), set()).add(verdict)

    def rank(cell: PlannedCell) -> tuple[int, int, int]:
        recorded = verdicts.get((cell.toolchain, cell.case, cell.route), "untested")
        new = recorded in ("untested", "stale")
        varies = len(seen.get((cell.case, cell.route), set())) > 1
        return (0 if new else 1, 0 if SMOKE in cases[cell.case].tags else 1, 0 if varies else 1)

    return sorted(cells, key=rank)


def estimate(
    cells: Sequence[PlannedCell],
    seconds: Mapping[tuple[str, str, str], float],
    *,
    jobs: int,
    to_install: int,
    toolchains: int,
) -> float:
    """Seconds that a run of `cells` will take: recorded seconds where there are any, shared among `jobs`,
    and the time to install and to import environments."""
    each = [seconds.get((cell.toolchain, cell.case, cell.route), CELL_SECONDS) for cell in cells]
    return sum(each) / max(1, jobs) + toolchains * WARM_SECONDS + to_install * INSTALL_SECONDS


def recorded_seconds(runs: Mapping[str, Any]) -> dict[tuple[str, str, str], float]:
    """Seconds per cell out of `results/runs/<toolchain>.json` files, given as {toolchain: their content}."""
    found = {}
    for toolchain, content in runs.items():
        for cell in content.get("cells", []):
            if cell.get("seconds") is not None:
                found[(toolchain, cell["case"], cell["route"])] = float(cell["seconds"])
    return found
