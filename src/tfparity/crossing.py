"""One cell under way: its attempts, opset by opset, each from the store or made now."""

from __future__ import annotations

import datetime
import fnmatch
import platform
import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from tfparity import bundles, judge, paths, plan, referee, revisions
from tfparity import cases as zoo
from tfparity.arrival import Arrival
from tfparity.errors import InstallError, MachineFault, TfparityError
from tfparity.plan import PlannedCell
from tfparity.setting import Setting
from tfparity.sides import Sides, Where
from tfparity.store import key
from tfparity.worker import plugins
from tfparity.worker.remedies import at_source, revision
from tfparity.workers import Answer

#: The oldest opset of the window that --all-opsets fills.
OLDEST_OPSET = 9

#: How many remedies an attempt may take together.
MOST_REMEDIES = 3

#: What a source worker imports ahead where it is locked: most cases need it.
PRELOAD = ("torchvision", "transformers")


class Crossing:
    """One cell under way: its attempts, opset by opset."""

    def __init__(self, setting: Setting, planned: PlannedCell, sides: Sides) -> None:
        self.setting, self.planned, self.sides = setting, planned, sides
        self.case = setting.cases[planned.case]
        self.route: ModuleType = plan.route(planned.route, setting.project)
        toolchain = setting.matrix.toolchains[planned.toolchain]
        self.way = plan.way(self.route, self.case)
        exporter = plugins.load(plan.locate(self.way.exporter, setting.project), "tfparity.worker.exporters")
        framework = plan.locate(self.way.framework, setting.project)
        self.source = self._where("source", toolchain.source, (*PRELOAD, *getattr(exporter, "PRELOAD", ())))
        self.target = self._where("target", toolchain.routes[planned.route], ())
        self.arrival = Arrival(
            self.case,
            plan.locate(planned.route, setting.project),
            self._ask,
            sides.places,
            [str(folder) for folder in setting.options.path],
        )
        self.ran = False
        #: Whether nothing else of this run is on the machine: see _made.
        self.alone = setting.options.jobs == 1
        #: Where the artifact and the exported files of an attempt that works go; None where nobody wants them.
        self.wanted: Path | None = None
        digest = zoo.digest(self.case)
        self.bundle_key = key(
            "bundle",
            bundles.FORMAT,
            self.source.installed_key,
            digest,
            self.way.framework,
            revisions.STAGES["build"],
            *([paths.digest([Path(framework)])] if framework.endswith(".py") else []),  # one of a person's own
            *([setting.code] if setting.code else []),
        )
        #: The referee's version is in no cell's key: where an attempt is made again, a newer one answers anew.
        self.export_key = key(
            self.way.exporter,
            exporter.REVISION,
            [revisions.STAGES[stage] for stage in ("export", "check", "referee")],
            referee.version(),
        )
        self.key = key(
            "cell",
            self.bundle_key,
            self.source.key,
            self.target.key,
            planned.route,
            exporter.REVISION,
            self.route.REVISION,
            list(self.way.opsets),
            revisions.STAGES,
        )

    def _where(self, role: str, environment_id: str, ahead: Sequence[str]) -> Where:
        environment = self.setting.matrix.environments[environment_id]
        locked = self.setting.locked(environment)
        preload = tuple(name for name in ahead if name.partition(".")[0] in locked.packages)
        exporter = self.way.exporter if role == "source" else None
        return Where(role, environment, locked, tuple(self.route.IMPORTS[role]), preload, exporter)

    def attempts(self) -> list[dict[str, Any]]:
        """Attempts until one is right: in the order of opsets of route and case, as far as an opset can matter; then,
        where the toolchain tries remedies, by them."""
        made = []
        for opset in self.way.opsets:
            made.append(self.attempt(opset))
            if judge.settled(made[-1]):
                break
        if self.tries_remedies:
            self._try_remedies(made)
        return made

    def _try_remedies(self, made: list[dict[str, Any]]) -> None:
        """Add attempts by the remedies that the limitation of the failure names, at the opset of the failure and then
        at the others; where one comes further, by those of what bars the way then, in addition."""
        chain: tuple[str, ...] = ()
        best: Mapping[str, Any] | None = judge.decisive(made)
        while best and len(chain) < MOST_REMEDIES:
            further = None
            for name in (name for name in self._named(best) if name not in chain):
                for opset in dict.fromkeys((best["opset"], *self.way.opsets)):
                    made.append(self.attempt(opset, (*chain, name)))
                    if judge.verdict(made[-1]) == "works":
                        return
                    if judge.further(made[-1], best) and any(
                        more not in (*chain, name) for more in self._named(made[-1])
                    ):
                        chain, further = (*chain, name), made[-1]
                        break
                    if judge.settled(made[-1]):
                        break
                if further:
                    break
            best = further

    def _named(self, attempt: Mapping[str, Any]) -> tuple[str, ...]:
        """The remedies that the limitation of a failed attempt names. Of a model that is not of the zoo, those of every
        rule that would hold for some case: which cases a rule has been seen at says nothing of it."""
        error = attempt["error"]
        if error is None:
            return ()
        sides = [self.target, self.source] if error["stage"] in judge.SOURCE_STAGES else [self.source, self.target]
        packages: dict[str, str] = {}
        for side in sides:
            packages.update(side.locked.packages, python=side.environment.python)
        own = not Path(self.case.file).is_relative_to(self.setting.project.cases)
        held = (
            rule.remedies
            for rule in self.setting.limitations
            if rule.holds(
                packages=packages,
                opset=attempt["opset"],
                route=self.planned.route,
                toolchain=self.planned.toolchain,
                case=None if own else self.planned.case,
                stage=error["stage"],
                message=f"{error['type']}: {error['message']}",
                remedies=judge.named(attempt["remedies"]),
            )
        )
        return tuple(dict.fromkeys(name for names in held for name in names)) if own else next(held, ())

    @property
    def tries_remedies(self) -> bool:
        """Whether the toolchain asks for remedies where this case fails, or somebody wants the artifact."""
        globs = self.setting.matrix.toolchains[self.planned.toolchain].remedies
        return self.wanted is not None or any(fnmatch.fnmatchcase(self.case.id, glob) for glob in globs)

    def key_of(self, cell: Mapping[str, Any], error: Mapping[str, Any] | None) -> str:
        """The key of a cell that came out like that, `error` its error ({"stage", "type", "message"}): of one that got
        across, with the revisions of the remedies that it took; of one that failed where remedies are tried, with
        those of all that were tried and of all that its limitation names now."""
        if cell["verdict"] not in judge.FAILING:
            names = judge.named(cell["remedies"])
        elif self.tries_remedies:
            tried = [name for attempt in cell["attempts"] for name in attempt["remedies"]]
            names = sorted({*tried, *self._named({**cell, "error": error})})
        else:
            names = []
        return key(self.key, [(name, _revision(name)) for name in names]) if names else self.key

    def extra_attempts(self, made: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The rest of the window of opsets: recorded, with no say in the verdict."""
        if made[-1]["stage"] in ("install", "import", "build"):
            return []
        try:
            newest = self.sides.worker(self.source).facts.get("newest_opset")
        except InstallError:
            return []
        done = {attempt["opset"] for attempt in made}
        window = range(OLDEST_OPSET, int(newest or max(self.way.opsets)) + 1)
        return [self.attempt(opset) for opset in window if opset not in done]

    def attempt(self, opset: int, remedies: tuple[str, ...] = ()) -> dict[str, Any]:
        """One attempt at that opset by those remedies, from the store or made now."""
        name = "+".join([f"opset-{opset}", *(f"{remedy}-{_revision(remedy)}" for remedy in remedies)])
        kept = None if self.setting.options.again else self.setting.store.get(self.key, name)
        worked = kept is not None and judge.verdict(kept) == "works"
        if kept is not None and not self._limited(kept) and not (worked and self.wanted):
            return kept
        self.ran = True
        began = time.monotonic()
        made = self._made(opset, remedies)
        self._go_on()
        made["total_seconds"] = time.monotonic() - began
        made["ran_at"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        made["host"] = f"{platform.system()} {platform.machine()}"
        made["limits"] = [self.setting.limits.seconds, self.setting.limits.memory_mib]
        if not _unsettled(made):
            self.setting.store.put(self.key, name, made)
        return made

    def _go_on(self) -> None:
        if self.setting.aborted.is_set():
            raise TfparityError("the run was interrupted")

    def _made(self, opset: int, remedies: tuple[str, ...]) -> dict[str, Any]:
        """An attempt made now. What the system kills twice while it runs alone, with more than half of its memory limit
        in use, is out of memory: a model that the kernel always kills would else stay untested for ever.

        Raises MachineFault where this machine ended it otherwise.
        """
        try:
            return self._make(opset, remedies)
        except MachineFault as fault:
            if not (self.alone and self._fills_memory(fault)):
                raise
        try:
            return self._make(opset, remedies)
        except MachineFault as fault:
            if not self._fills_memory(fault):
                raise
            error = {"type": "OutOfMemory", "message": "killed twice by the system, with over half of the limit in use"}
            stage = {"stage": fault.stage, "outcome": "out-of-memory", "seconds": None, "error": error}
            return self._judged(opset, [{**stage, "peak_mib": fault.memory_mib}], remedies=remedies)

    def _fills_memory(self, fault: MachineFault) -> bool:
        return fault.stage is not None and (fault.memory_mib or 0.0) > self.setting.limits.memory_mib / 2

    def _limited(self, kept: Mapping[str, Any]) -> bool:
        """Whether a limit ended it that has been raised since."""
        if kept["outcome"] not in ("timeout", "out-of-memory"):
            return False
        seconds, memory = kept["limits"]
        return bool(self.setting.limits.seconds > seconds or self.setting.limits.memory_mib > memory)

    def _make(self, opset: int, remedies: tuple[str, ...]) -> dict[str, Any]:
        for where in (self.source, self.target):
            self._go_on()
            try:
                worker = self.sides.worker(where)
            except InstallError as wrong:
                failure = {"type": "InstallError", "message": str(wrong)}
                stage = {"stage": "install", "outcome": "fail", "seconds": None, "error": failure}
                return self._judged(opset, [stage], remedies=remedies)
            failed = worker.failed_import
            if failed:
                error = {**failed["error"], "message": f"import {failed['module']}: {failed['error']['message']}"}
                stage = {"stage": "import", "outcome": failed["outcome"], "seconds": failed["seconds"], "error": error}
                return self._judged(opset, [stage], remedies=remedies)
        exported = self.export(opset, remedies)
        self._go_on()
        if not exported.passed:
            return self._judged(opset, exported.stages, exported, remedies)
        folder = self.setting.folder / f"cell-{uuid.uuid4().hex[:12]}"
        folder.mkdir()
        try:
            made = self._told(self.arrival.attempt(opset, exported, folder, remedies), exported)
            if self.wanted and judge.verdict(made) == "works":
                shutil.copytree(folder, self.wanted)
            return made
        finally:
            if not self.setting.options.keep:
                shutil.rmtree(folder, ignore_errors=True)

    def export(self, opset: int, remedies: Sequence[str] = ()) -> bundles.Exported:
        """The source side at that opset, by those of the remedies that are its own, from its bundle or made now."""
        own = [name for name in remedies if at_source(name)]
        return bundles.export(
            self.setting.cache.bundles / self.bundle_key[:2] / self.bundle_key,
            self.case,
            lambda: self.sides.worker(self.source),
            framework=plan.locate(self.way.framework, self.setting.project),
            exporter=plan.locate(self.way.exporter, self.setting.project),
            opset=opset,
            remedies=own,
            path=[str(folder) for folder in self.setting.options.path],
            key=key(self.export_key, [(name, revision(name)) for name in own]) if own else self.export_key,
            again=self.setting.first_again,
            aborted=self.setting.aborted.is_set,
            limits=self.setting.limits,
            origin={"environment": self.source.environment.id, "packages": dict(self.source.locked.packages)},
            on_stage=lambda stage: self.setting.observer.cell_stage(self.planned, stage),
        )

    def _ask(self, kind: str, request: dict[str, Any]) -> Answer:
        return self.sides.worker(self.target).ask(
            kind,
            request,
            self.setting.limits,
            on_stage=lambda stage: self.setting.observer.cell_stage(self.planned, stage),
        )

    def _judged(
        self,
        opset: int,
        stages: Sequence[Mapping[str, Any]],
        exported: bundles.Exported | None = None,
        remedies: Sequence[str] = (),
    ) -> dict[str, Any]:
        return self._told(self.arrival.judged(opset, stages, exported, remedies=remedies), exported)

    def _told(self, judged: dict[str, Any], exported: bundles.Exported | None) -> dict[str, Any]:
        """The attempt with what the source side says of the model, and where a case that does not build is at fault."""
        here = f"{self.case.file}:{self.case.line}"
        where = ((exported and exported.facts.get("where")) or here) if judged["stage"] == "build" else None
        return {**judged, "model": _model(exported.facts) if exported else None, "where": where}


def _revision(name: str) -> int | None:
    """A remedy's revision; None of one that is no longer there."""
    try:
        return revision(name)
    except ImportError:
        return None


def _unsettled(made: Mapping[str, Any]) -> bool:
    """Whether another machine may come to another end, so that the store does not keep it: an install that failed, a
    referee that a limit ended."""
    limited = str((made["referee"] or {}).get("error", "")).startswith(referee.LIMITED)
    return made["stage"] == "install" or limited


def _model(facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the source side says of the model itself: how many parameters and weight tensors, the weight that moves the
    outputs least when it is moved by 1 %, and the operators of the exported file; None where it was not built."""
    if "sensitivity" not in facts:
        return None
    weights = {name: max(by) for name, by in facts["sensitivity"].items() if not name.startswith(("input:", "output:"))}
    least = min(weights, key=lambda name: weights[name], default=None)
    return {
        "parameters": facts.get("parameters"),
        "weights": len(weights),
        "least": least,
        "change": float(f"{weights[least]:.1e}") if least else None,
        "operators": facts.get("operators", []),
    }
