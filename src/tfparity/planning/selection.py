"""What a choice selects: the matrix, the zoo, toolchains, and the cells of a plan."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from tfparity import paths
from tfparity.environments import install, lock
from tfparity.errors import UsageError
from tfparity.inputs import case_sources, limitations, matrix, names, quarantine, yaml_input
from tfparity.inputs.limitations import Rules
from tfparity.inputs.matrix import Environment, Matrix
from tfparity.inputs.own_models import Where
from tfparity.inputs.quarantine import Listed, Quarantine
from tfparity.paths import Cache, Project
from tfparity.planning import case_choice, plan
from tfparity.planning.case_choice import CaseChoice
from tfparity.planning.keys import Keys
from tfparity.planning.options import DEFAULT, Choice
from tfparity.records.cells import PlannedCell
from tfparity.records.vocabulary import Tier
from tfparity.worker.declare import Case

#: Where to keep evidence of one's own, as a suggestion.
SUGGESTED = "my_results"


@dataclass(frozen=True)
class Idle:
    """An entry of flaky.yaml that is of no cell, and why."""

    listed: Listed
    why: str


def _unknown(kind: str, glob: str, known: Collection[str]) -> str:
    meant = names.closest(glob, known)
    listed = f"; there are {', '.join(known)}" if len(known) <= plan.FEW else ""
    return f"there is no {kind} {glob!r}{f', did you mean {meant!r}?' if meant else listed}"


class Selection:
    """The matrix, the zoo and the plan for a choice. Everything is read when first asked for.

    Raises the InputErrors of the files it reads, UsageError for a choice of what is not there.
    """

    def __init__(
        self,
        choice: Choice,
        project: Project | None = None,
        cache: Cache | None = None,
        declared: Matrix | None = None,
    ) -> None:
        """`declared`: the matrix to take instead of the project's own, as one with unnamed toolchains."""
        self.choice, self._declared = choice, declared
        self.project = replace(project or paths.project(), own_results=choice.results)
        self.cache = cache or paths.cache()

    def read(self) -> None:
        """Read all that the choice needs now: what is wrong with a file is said before anything runs."""
        if self.choice.record:
            self.refuse_to_mix()
        if self.choice.try_remedies and not self.choice.sources:
            raise UsageError("--try-remedies is for models of your own: name them with --cases")
        for need in self.choice.needs:
            if need.level > (self.choice.level or need.level):
                raise UsageError(f"--need {need} is of level {need.level}: leave out --level {self.choice.level}")
        for folder in self.choice.path:
            if not folder.is_dir():
                raise UsageError(f"--path {folder}: is no folder")
        _ = self.limitations, self.quarantine

    def refuse_to_mix(self) -> None:
        """Raises UsageError where evidence of a person's own would go among that of the zoo, or into a package."""
        foreign = (
            self.choice.sources or self.choice.path or self.choice.limitations or self.project.root == paths.INSTALLED
        )
        if foreign and not self.has_own_results:
            raise UsageError(f"evidence of your own needs a place of its own: --results {SUGGESTED}")

    @property
    def has_own_results(self) -> bool:
        """Whether evidence goes to a folder of a person's own."""
        return self.choice.results is not None and paths.real(self.choice.results) != self.project.root / "results"

    def refuse_unknown_runtimes(self) -> None:
        """Raises UsageError where the choice names a runtime that the matrix does not have."""
        for id in self.choice.runtimes:
            self.matrix.runtime(id)

    @cached_property
    def matrix(self) -> Matrix:
        return self._declared or matrix.load(self.project.matrix)

    @cached_property
    def cases(self) -> dict[str, Case]:
        where = Where(self.choice.path, self._packages)
        return case_sources.load(self.choice.sources, self.choice.declared, self.project, self.cache, where)

    def _packages(self) -> set[str]:
        """The names of the packages that any of the chosen toolchains' environments holds."""
        return {name for one in self.environments for name in lock.status(self.project, one).packages}

    def is_own(self, case: str) -> bool:
        """Whether the case of that id is a user's own: one that was chosen, or one of evidence of one's own."""
        return case in self.keys.own or (case not in self.cases and self.project.own_results is not None)

    @cached_property
    def limitations(self) -> Rules:
        file = self.choice.limitations
        own = limitations.load(file, limitations.UsersLimitation) if file else Rules()
        return Rules([*own, *limitations.load(self.project.limitations)])

    @cached_property
    def quarantine(self) -> Quarantine:
        """The cells that are known to be flaky: of one's own, then of the project."""
        files = [*([self.choice.quarantine] if self.choice.quarantine else [])]
        files += [self.project.flaky] if paths.stands(self.project.flaky) else []
        return functools.reduce(Quarantine.added, map(quarantine.load, files), Quarantine(day=quarantine.today()))

    def idle_quarantine(self) -> list[Idle]:
        """The entries of cells that there are none of, or that cannot be, as far as the chosen toolchains tell. Where
        cases of one's own are chosen, nothing is known of the entries of the project's flaky.yaml."""
        own = self.choice.sources
        known = [one for one in self.quarantine.current() if not (own and one.file == self.project.flaky)]
        return [Idle(one, why) for one in known if (why := self._idle(one))]

    def _idle(self, one: Listed) -> str | None:
        entry = one.entry
        cases = [id for id in self.cases if fnmatch.fnmatchcase(id, entry.case)]
        ways = [(toolchain.id, route) for toolchain in self.matrix.toolchains.values() for route in toolchain.routes]
        places = [(id, case, route) for id, route in ways for case in cases if entry.holds((id, case, route))]
        toolchains = {place[0] for place in places}
        none = f"no toolchain has such a cell ({entry.case})"
        if not places:
            routes = dict.fromkeys(route for _, route in ways)
            unknown = [
                _unknown(kind, glob, known)
                for kind, glob, known in (
                    ("toolchain", entry.toolchain, self.matrix.toolchains),
                    ("route", entry.route, routes),
                    ("case", entry.case, self.cases),
                )
                if not any(fnmatch.fnmatchcase(name, glob) for name in known)
            ]
            return "; ".join(unknown) or none
        if not toolchains <= {*self.toolchains}:
            return None
        return None if any(cell.applicable for cell in self.every_cell(sorted(toolchains), places)) else none

    @cached_property
    def keys(self) -> Keys:
        return Keys(self.project, self.matrix, self.cases, self.limitations, self.choice.path)

    @cached_property
    def toolchains(self) -> list[str]:
        """The ids chosen, in matrix order."""
        asked = self.choice.toolchains
        if "all" in asked:
            return list(self.matrix.toolchains)
        ids = {self.matrix.default if name == DEFAULT else name for name in asked}
        for name in sorted(ids - set(self.matrix.toolchains)):
            meant = self._meant(name)
            guess = f", did you mean {meant!r}?" if meant else yaml_input.did_you_mean(name, self.matrix.toolchains)
            raise UsageError(f"no toolchain {name!r} in matrix.yaml{guess}")
        return [name for name in self.matrix.toolchains if name in ids]

    def _meant(self, name: str) -> str | None:
        """The toolchain that such a name most likely means: of those whose ids begin so, as all of a TensorFlow do, the
        default, else that of most smoke cases (or of one's own), then the newest."""
        begin = [id for id in self.matrix.toolchains if name and id.startswith(name)]
        if not begin:
            return names.closest(name, self.matrix.toolchains)

        def fitness(id: str) -> tuple[bool, int, str, int]:
            tier = Tier.ALL if self.choice.sources else Tier.SMOKE
            planned = plan.plan(self.matrix, self.cases, self.project, toolchains=[id], tier=tier)
            smoke = {cell.case for cell in planned if cell.applicable}
            newest = max(self.matrix.environments[one].as_of for one in self.matrix.toolchains[id].environments())
            return id == self.matrix.default, len(smoke), str(newest), begin.index(id)

        return max(begin, key=fitness)

    @cached_property
    def environments(self) -> list[Environment]:
        """The environments of the chosen toolchains, each once."""
        ids = dict.fromkeys(id for name in self.toolchains for id in self.matrix.toolchains[name].environments())
        return [self.matrix.environments[id] for id in ids]

    @property
    def tier(self) -> Tier:
        """The tier asked for: smoke where nothing is said, all where cases are named, full where a sample is."""
        if self.choice.tier:
            if self.choice.tier not in list(Tier):
                raise UsageError(f"no tier {self.choice.tier!r}; there are {', '.join(Tier)}")
            return Tier(self.choice.tier)
        if self.named_cases.globs or self.choice.sources:
            return Tier.ALL
        return Tier.FULL if self.named_cases.sample else Tier.SMOKE

    @property
    def everything(self) -> bool:
        """Whether the choice leaves out no toolchain, case or route."""
        choice = self.choice
        narrowed = choice.case_globs or choice.sources or choice.routes or choice.shard or choice.budget is not None
        return not narrowed and self.tier is Tier.ALL and len(self.toolchains) == len(self.matrix.toolchains)

    @cached_property
    def named_cases(self) -> CaseChoice:
        """What --case names. Raises UsageError for a file that cannot be read."""
        return case_choice.read(self.choice.case_globs)

    @cached_property
    def planned(self) -> list[PlannedCell]:
        """The planned cells, toolchain by toolchain; of a shard, its share of them."""
        return self._share(self.whole)

    @cached_property
    def whole(self) -> list[PlannedCell]:
        """The planned cells of all shards together."""
        return self._planned(None)

    def planned_of(self, only: Collection[tuple[str, str, str]]) -> list[PlannedCell]:
        """Those of the planned cells that are at these places."""
        if self.choice.shard is None:
            return self._planned(only)
        return [cell for cell in self.planned if cell.place in only]

    def _share(self, planned: list[PlannedCell]) -> list[PlannedCell]:
        return self.choice.shard.share(planned) if self.choice.shard else planned

    def _planned(self, only: Collection[tuple[str, str, str]] | None) -> list[PlannedCell]:
        planned = plan.plan(
            self.matrix,
            self.cases,
            self.project,
            toolchains=self.toolchains,
            tier=self.tier,
            routes=self.choice.routes or None,
            case_globs=self.named_cases.globs or None,
            only=only,
        )
        return self.named_cases.of(planned) if self.choice.case_globs else planned

    def every_cell(
        self, toolchains: Sequence[str], only: Collection[tuple[str, str, str]] | None = None
    ) -> list[PlannedCell]:
        """Every cell of those toolchains, whatever is chosen of them; of `only` these places, if given."""
        return plan.plan(self.matrix, self.cases, self.project, toolchains=toolchains, only=only)

    def declared(self, recorded: Collection[tuple[str, str, str]]) -> set[tuple[str, str, str]] | None:
        """Those of the recorded places that are a cell of the chosen toolchains, whatever is chosen of them; None where
        cases of a person's own go without evidence of their own."""
        if self.choice.sources and self.choice.results is None:
            return None
        return {cell.place for cell in self.every_cell(self.toolchains, recorded)}

    def installed(self, environment: Environment) -> bool:
        """Whether its locked packages are already in the cache."""
        return (install.place(environment, self.keys.locked(environment), self.cache) / install.COMPLETE).is_file()
