"""What `recommend` is asked: names of models and wishes made exact, and what is recorded of them."""

from __future__ import annotations

import fnmatch
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from tfparity import paths
from tfparity.errors import UsageError
from tfparity.evidence import operators
from tfparity.evidence.advice import Advice, Known, Own, Wishes, advise
from tfparity.evidence.operators import Outlook
from tfparity.evidence.query import Query, Standing
from tfparity.evidence.recommend import Way
from tfparity.inputs import case_sources, names, onnx_file, own_models
from tfparity.inputs.own_models import Declared
from tfparity.inputs.yaml_input import did_you_mean
from tfparity.paths import Cache, Project
from tfparity.planning import routes
from tfparity.planning.options import Choice
from tfparity.planning.selection import SUGGESTED, Selection
from tfparity.records.vocabulary import HEAVY, Target, Tier

#: Every toolchain and case.
EVERYTHING = Choice(toolchains=("all",), tier=Tier.ALL)


@dataclass(frozen=True)
class Asked:
    """The command line: cases of the zoo by globs or names, files of one's own (--onnx, --cases) with what is said of
    them, versions as typed."""

    cases: tuple[str, ...] = ()
    onnx: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    routes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    results: Path | None = None
    declared: Declared = field(default_factory=Declared)
    path: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Answer:
    """The advice, what it rests on, and what to say of how names were understood."""

    advice: Advice
    known: Known
    said: tuple[str, ...]


class Recommending:
    """One question. Raises UsageError for what no case, route or version has, and InputErrors of files."""

    def __init__(self, asked: Asked, project: Project | None = None, cache: Cache | None = None) -> None:
        self.asked = asked
        self._project, self._cache = project, cache
        self._said: list[str] = []
        self._owned: dict[str, list[Own]] = {}
        self._declared: dict[str, Declared] = {}
        self._typed: dict[str, str] = {}

    def _query(self, choice: Choice) -> Query:
        return Query(Selection(choice, self._project, self._cache))

    @cached_property
    def zoo(self) -> Query:
        return self._query(EVERYTHING)

    def answer(self) -> Answer:
        """The advice for all that is asked."""
        asked = self.asked
        if not (asked.cases or asked.onnx or asked.own):
            raise UsageError("name a model: --case torchvision/resnet50, --onnx model.onnx, or --cases my_cases.py")
        wishes = Wishes(
            versions={name: specifier(name, text) for name, text in asked.versions},
            routes=tuple(map(self._route, asked.routes)),
            targets=tuple(self._word("target", one, [target.value for target in Target]) for one in asked.targets),
            runtimes=tuple(self._word("runtime", one, self._runtimes()) for one in asked.runtimes),
        )
        if asked.declared != Declared() and not (asked.onnx or asked.own):
            raise UsageError(case_sources.NOTHING_DECLARED)
        cells: dict[str, list[Standing]] = {}
        files = list(asked.onnx)
        ids: list[str] = []
        for source in asked.own:
            if Path(source).suffix == ".onnx":
                files.append(source)
                self._typed[source] = shlex.join(["--cases", source])
            elif family := own_models.family(Path(source)):
                ids += [id for id in self._of_family(source, family) if id not in ids]
            else:
                cells |= self._own(source)
        elsewhere = [name for name in asked.cases if not fnmatch.filter(cells, name)]
        ids = list(dict.fromkeys([*(id for name in elsewhere for id in self._named(name)), *ids]))
        files = list(dict.fromkeys(files))
        for file in files:
            self._own_file(file)
        cells = self._standings(self.zoo, ids) | cells
        for name, wished in (("target", asked.targets), ("runtime", asked.runtimes)):
            self._said += [self._unknown(name, one) for one in wished if not self._recorded(f"{name}s", one)]
        models = {file: onnx_file.read(Path(file)).operators for file in files}
        gives = {name: self._gives(name) for name in self._routes}
        matrix, outlooks = self.zoo.selection.matrix, self._outlooks(models)
        known = Known(matrix, cells, gives, outlooks, routes.BY_HAND, self._owned, self._barren())
        wishes = replace(wishes, cases=tuple(cells), models=tuple(models), typed=self._typed)
        return Answer(advise(known, wishes), known, tuple(line for line in self._said if line))

    # Names

    def _runtimes(self) -> list[str]:
        """Those of matrix.yaml, and those that evidence of one's own may name."""
        recorded = {name for content in self.zoo.recorded.values() for cell in content.cells for name in cell.runtimes}
        return sorted({*self.zoo.selection.matrix.runtimes, *recorded})

    @staticmethod
    def _word(kind: str, name: str, known: Sequence[str]) -> str:
        if name not in known:
            raise UsageError(f"no {kind} {name!r}{did_you_mean(name, known)}")
        return name

    def _named(self, name: str) -> list[str]:
        """The cases that a glob or a name means: "resnet50" means torchvision/resnet50, not the
        heavy case of that name."""
        cases = self.zoo.selection.cases
        found = fnmatch.filter(cases, name)
        if found:
            return found
        alike = [id for id in cases if id.rpartition("/")[2] == name.lower().rpartition("/")[2].replace("_", "-")]
        alike = [id for id in alike if HEAVY not in cases[id].tags] or alike
        if len(alike) == 1:
            self._said.append(f"{name}: {alike[0]}")
            return alike
        meant = names.closest(name, cases)
        guess = f", did you mean {' or '.join(alike) or meant}?" if alike or meant else ""
        raise UsageError(f"no case matches {name!r}{guess or '; `nox -s tfparity -- cases` lists them'}")

    def _route(self, name: str) -> str:
        if name not in self._routes:
            meant = names.closest(name, self._routes)
            raise UsageError(f"no route {name!r}{f', did you mean {meant!r}?' if meant else ''}")
        return name

    @cached_property
    def _routes(self) -> list[str]:
        toolchains = self.zoo.selection.matrix.toolchains.values()
        return list(dict.fromkeys(route for toolchain in toolchains for route in toolchain.routes))

    def _gives(self, route: str) -> tuple[str, ...]:
        return tuple(map(str, routes.route(route, self.zoo.selection.project).gives.targets))

    def _recorded(self, kind: str, name: str) -> bool:
        """Whether any recorded cell has an entry of that name, or any route makes such a target."""
        if kind == "targets" and any(name in self._gives(route) for route in self._routes):
            return True
        return any(name in re.split("[@:/ ]", key) or name == key for key in self._names(kind))

    def _barren(self) -> frozenset[str]:
        """Toolchains of which cells are recorded and none works: where nothing else tells them apart, others come
        first."""
        recorded = self.zoo.recorded.items()
        return frozenset(id for id, one in recorded if one.cells and not any(cell.verdict.works for cell in one.cells))

    def _names(self, kind: str) -> set[str]:
        """What is recorded beside verdicts, by its names; kind: "targets" or "runtimes"."""
        cells = (cell for content in self.zoo.recorded.values() for cell in content.cells)
        return {name for cell in cells for name in getattr(cell, kind)}

    def _unknown(self, kind: str, name: str) -> str:
        found = self._names(f"{kind}s")
        there = f"; recorded are {', '.join(sorted(found))}" if found else f"; no {kind} is recorded of any cell"
        return f"--{kind} {name}: untested everywhere{there}"

    # What is recorded

    def _standings(self, query: Query, ids: Sequence[str]) -> dict[str, list[Standing]]:
        if not ids:
            return {}
        wanted = set(ids)
        places = {
            (toolchain.id, case, route)
            for toolchain in query.selection.matrix.toolchains.values()
            for case in wanted
            for route in toolchain.routes
        }
        found: dict[str, list[Standing]] = {id: [] for id in ids}
        for planned in query.selection.planned_of(places):
            found[planned.case].append(query.standing(planned))
        return found

    def _own(self, source: str) -> dict[str, list[Standing]]:
        """Models of one's own: as they are recorded in one's own results; untested without any."""
        asked = self.asked
        choice = replace(EVERYTHING, sources=(source,), results=asked.results, declared=asked.declared, path=asked.path)
        query = self._query(choice)
        every = list(query.selection.cases)
        ids = list(dict.fromkeys(id for name in asked.cases for id in fnmatch.filter(every, name))) or every
        recorded = {cell.case for content in query.recorded.values() for cell in content.cells}
        options, one = self._options(asked.declared), case_sources.is_one_model(source)
        kept = str(asked.results or SUGGESTED)
        for id in ids:
            self._owned[id] = [Own(source, "" if one else id, options, kept)]
            self._typed[id] = shlex.join(["--cases", source]) if len(ids) == 1 else f"{id} of {source}"
            if asked.results is None or id not in recorded:
                run = shlex.join(["--cases", source, *options, "--try-remedies", "--results", kept, "--record"])
                self._said.append(
                    f"{id}: nothing is recorded of it, and its operators are not known before it is exported: "
                    f"python -m nox -s compat -- {run}, then --results {shlex.quote(kept)} here; or export it, and "
                    "--onnx FILE"
                )
        return self._standings(query, ids)

    def _options(self, declared: Declared) -> tuple[str, ...]:
        """The words of a command line that say the same of a model of one's own."""
        return (*declared.words, *(word for folder in self.asked.path for word in ("--path", str(folder))))

    def _of_family(self, source: str, family: str) -> list[str]:
        """The case of the zoo by which a Hugging Face folder is judged."""
        own_models.of_pretrained(paths.real(source), self.asked.declared, self.zoo.selection.cache.made)
        ids = self._named(f"huggingface/{family}")
        self._said.append(f"{source}: by {ids[-1]} of the zoo, which is of its family")
        self._owned.setdefault(ids[-1], []).append(Own(source, options=self._options(self.asked.declared)))
        self._typed.setdefault(ids[-1], shlex.join(["--cases", source]))
        return ids

    def _own_file(self, file: str) -> None:
        """How a line converts an .onnx file: with what it does not say by itself, guessed. Raises UsageError where what
        is declared is wrong of it."""
        try:
            declared = own_models.completed(Path(file), self.asked.declared)
        except UsageError as wrong:
            if self.asked.declared != Declared():
                raise
            self._owned[file] = []
            self._said.append(f"{wrong}; it is judged by its operators alone")
            return
        said = self.asked.declared
        guessed = Declared(declared.inputs[len(said.inputs) :], (), declared.axes[len(said.axes) :]).words
        if guessed:
            self._said.append(
                f"{file}: does not say all that a conversion needs: {shlex.join(guessed)} is a guess, put your own "
                "sizes"
            )
        self._declared[file] = declared
        self._owned[file] = [Own(file, options=self._options(declared))]

    def _outlooks(self, models: dict[str, tuple[str, ...]]) -> dict[str, dict[Way, Outlook]]:
        """What the zoo's cases on operators say of each model, by the ways that take ONNX files."""
        if not models:
            return {}
        declared = {id: case.operators for id, case in self.zoo.selection.cases.items()}
        found: dict[str, set[str]] = {}
        for ran in self.zoo.runs.values():
            for run in ran.cells:
                found.setdefault(run.case, set()).update(run.model.operators if run.model else ())
        cases = operators.cases_of(declared, found)
        asked = _each_once(case for used in models.values() for name in used for case in cases.get(name, ()))
        known = self._standings(self.zoo, [case for case in asked if case in declared]).values()
        cells = [cell for mine in known for cell in mine]
        return {model: operators.outlooks(used, cases, cells, self._taking(model)) for model, used in models.items()}

    def _taking(self, file: str) -> list[Way]:
        """The ways that may take that .onnx file."""
        takes = {name for name in self._routes if routes.route(name, self.zoo.selection.project).onnx_files}
        toolchains = self.zoo.selection.matrix.toolchains.values()
        ways = [(one.id, route) for one in toolchains for route in one.routes if route in takes]
        if file not in self._declared:
            return ways
        choice = replace(EVERYTHING, sources=(file,), declared=self._declared[file])
        try:
            planned = Selection(choice, self._project, self._cache).planned
        except UsageError:  # one of two files of one name, which are one case
            return ways
        return [(cell.toolchain, cell.route) for cell in planned if cell.applicable]


def _each_once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def specifier(name: str, text: str) -> str:
    """ "2.15" as "==2.15.*"; a specifier such as ">=2.15,<2.18" as it is. Of Python the first two numbers count.

    Raises UsageError for what is neither.
    """
    plain = re.fullmatch(r"\d+(\.\d+){0,3}", text.strip())
    try:
        if plain:
            numbers = str(Version(text.strip())).split(".")
            return f"=={'.'.join(numbers[:2] if name == 'python' else numbers)}.*"
        return str(SpecifierSet(text)) if text.strip() else _no_version(name, text)
    except (InvalidSpecifier, InvalidVersion):
        return _no_version(name, text)


def _no_version(name: str, text: str) -> str:
    raise UsageError(f"--{name} {text!r} is no version; write 2.15, 2.15.1 or '>=2.15,<2.18'")
