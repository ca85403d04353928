"""limitations.yaml: where and why something fails. One rule per reason, each with its cause, a link and a remedy.

A rule is a sentence about an error's text, `<type>: <message>` in its normal form (see fingerprint), and about where it
is met. A rule that cannot say why says so: `cause: unknown` with what was tried.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, get_args, overload

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from tfparity.errors import LimitationError
from tfparity.inputs import specifiers, validation, yaml_input
from tfparity.inputs.reasons import reason
from tfparity.paths import worker_modules

#: A pattern needs a run of this many literal characters: fewer match what nobody meant.
SHORTEST_LITERAL = 12

#: No rule explains it: a case that cannot tell right from wrong says nothing of a toolchain, and is mended.
DEFECT = "InsensitiveCase: "

#: What `when` may name that is no package: each a glob.
SPECIAL = ("route", "toolchain", "remedy")

UNKNOWN = "unknown"
NO_LINK = "none found"
NO_REMEDY = "none known"

Stage = Literal[
    "resolve",
    "install",
    "import",
    "build",
    "export",
    "check",
    "convert",
    "load",
    "parity",
    "dynamic-shape",
    "signature",
    "probe",
    "target",
]


def _one_line(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not value.strip():
        raise ValueError("says nothing")
    return " ".join(value.split())


def _link(value: str) -> str:
    if value != NO_LINK and not re.match(r"https://[^\s/]+/\S+$", value):
        raise ValueError(f"{value!r} is neither a link (https://…) nor {NO_LINK!r}")
    if value.rstrip("/").endswith("/issues"):
        raise ValueError(f"{value!r} is a list of issues: name the one, or {NO_LINK!r}")
    return value


def _pattern(value: str) -> str:
    if max(len(part.strip()) for part in value.split("*")) < SHORTEST_LITERAL:
        raise ValueError(f"{value!r} needs {SHORTEST_LITERAL} or more characters in a row without '*'")
    return value


def _condition(when: dict[str, str]) -> dict[str, str]:
    for name, specifier in when.items():
        if name in SPECIAL:
            continue
        if name != canonicalize_name(name):
            raise ValueError(f"write the package {name!r} as {canonicalize_name(name)!r}")
        try:
            SpecifierSet(specifier)
        except InvalidSpecifier:
            raise ValueError(f'{name}: {specifier!r} is no version specifier such as "<=1.10.0"') from None
    return when


def _known_remedy(value: str) -> str:
    known = worker_modules("remedies")
    if value not in known:
        raise ValueError(f"no remedy {value!r}{yaml_input.did_you_mean(value, known)}; there are {', '.join(known)}")
    return value


Remedy = Annotated[str, AfterValidator(_known_remedy)]

#: A case's id, or a test's.
Shown = Annotated[str, Field(pattern=r"^(tests/[\w/]+\.py::\w+|[a-z0-9-]+/[a-z0-9-]+)$")]

Text = Annotated[str, BeforeValidator(_one_line)]

Pattern = Annotated[Text, AfterValidator(_pattern)]

_OneOrMore = BeforeValidator(lambda value: [value] if isinstance(value, str) else value)

#: One, or a list of which one is met.
Patterns = Annotated[
    tuple[Pattern, ...],
    _OneOrMore,
    WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}, "minItems": 1}),
    Field(min_length=1),
]

_STAGES = {"enum": list(get_args(Stage)), "type": "string"}

#: One, or a list of which one fails.
Stages = Annotated[
    tuple[Stage, ...],
    _OneOrMore,
    WithJsonSchema({"anyOf": [_STAGES, {"type": "array", "items": _STAGES, "minItems": 1}]}),
    Field(min_length=1),
]


class Met(NamedTuple):
    """An error, and where it was met.

    packages: package to exact version, on the side that ran the stage, and "python". opset: the one asked for; None
    before the export, where a rule with `opset` never holds. case: its id, None of one that no
    rule's globs can know. message: "<type>: <message>". remedies: those that the attempt took. own: whether the case is
    a user's own. operators: of its exported file, empty where none was exported; None where they are not asked for.
    """

    packages: Mapping[str, str]
    opset: int | None
    route: str
    toolchain: str
    case: str | None
    stage: str
    message: str
    remedies: Collection[str] = ()
    own: bool = False
    operators: Collection[str] | None = None


class Limitation(BaseModel):
    """One rule: what it explains, why, and what a person can do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Whether it is of a user's file: `cases` then lists the user's cases.
    of_user: ClassVar[bool] = False

    id: str = Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", description="Name, unique in the file.")
    when: Annotated[dict[str, str], AfterValidator(_condition)] = Field(
        default={},
        description='Package, "opset" or "python" to version specifier; "route", "toolchain" to a glob; '
        '"remedy" to a glob of one that the attempt took. All must hold.',
    )
    stage: Stages = Field(
        description="The stage that fails. Or a list of such: what goes wrong for the inputs of one case is found by a "
        "probe of another."
    )
    matches: Patterns = Field(
        description="Literal text in '<type>: <message>'; '*' stands for anything. Twelve or more characters in a row. "
        "Or a list of such, of which one is met."
    )
    operators: tuple[str, ...] = Field(
        default=(),
        description="Operators that the exported file of a model of your own has to have, all of them.",
    )
    cases: tuple[str, ...] = Field(
        default=("*",),
        min_length=1,
        description="Globs of zoo cases. A model of your own is explained by the rule's words and operators.",
    )
    cause: Text = Field(description="Why, or 'unknown'.")
    link: Annotated[Text, AfterValidator(_link)] = Field(description="A thread or page that says so, or 'none found'.")
    remedy: Text = Field(description="What a person can do, or 'none known'.")
    remedies: tuple[Remedy, ...] = Field(
        default=(), description="Modules of worker/remedies, tried in this order on what the rule explains."
    )
    shown: tuple[Shown, ...] = Field(
        default=(),
        description="What shows the cause where no link does: a case that works because it lacks the cause, or a test "
        "(tests/….py::name).",
    )
    investigated: Text | None = Field(default=None, description="With cause 'unknown': what was tried.")

    @model_validator(mode="after")
    def _honest(self) -> Limitation:
        if self.cause == UNKNOWN and not self.investigated:
            raise ValueError("cause: unknown needs investigated: what was tried")
        return self

    @property
    def advice(self) -> str:
        """What a person can do, with the automatic remedies that the remedy's text does not name itself."""
        unnamed = [name for name in self.remedies if name not in self.remedy]
        return f"{self.remedy.rstrip('.')} (automatic: {', '.join(unnamed)})." if unnamed else self.remedy

    @property
    def advises(self) -> bool:
        """Whether a remedy is known."""
        return self.advice.strip().rstrip(".") != NO_REMEDY

    @property
    def understood(self) -> bool:
        """Whether the cause is known."""
        return self.cause != UNKNOWN

    @cached_property
    def _test(self) -> _Test:
        return _Test(self)

    def explains(self, met: Met) -> bool:
        """Whether this rule explains an error met there. No rule explains a message that begins with DEFECT."""
        return met.stage in self.stage and self.says(met.message) and self.applies(met)

    def says(self, message: str) -> bool:
        """Whether a pattern is met by a message: its parts stand in it, one after the other."""
        return not message.startswith(DEFECT) and any(_in_order(parts, message) for parts in self._test.patterns)

    def applies(self, met: Met) -> bool:
        """Whether `when`, `operators` and `cases` hold there. `cases` of our rules lists zoo cases, and says nothing of
        a user's own: to explain one, a rule that has cases needs a reason in its words, or operators."""
        test = self._test
        if met.operators is not None and not set(self.operators) <= set(met.operators):
            return False
        if test.cases and met.case is not None:
            if self.of_user or not met.own:
                if not test.cases.match(met.case):
                    return False
            elif met.operators is not None and not (self.operators or test.reasoned):
                return False
        if test.routes and not test.routes.match(met.route):
            return False
        if test.toolchains and not test.toolchains.match(met.toolchain):
            return False
        if test.remedies is not None and not fnmatch.filter(met.remedies, test.remedies):
            return False
        for name, specifier in test.versions:
            version = met.packages.get(name) if name != "opset" else None if met.opset is None else str(met.opset)
            if version is None or not _within(version, specifier):
                return False
        return True


class UsersLimitation(Limitation):
    """A rule of a user's own file."""

    of_user: ClassVar[bool] = True


class _Test:
    """A rule's conditions, made ready to be asked often; None where the rule has no such condition."""

    def __init__(self, rule: Limitation) -> None:
        when = dict(rule.when)
        self.cases = _Globs(rule.cases) if "*" not in rule.cases else None
        self.routes, self.toolchains = (
            _Globs([when.pop(name)]) if name in when else None for name in ("route", "toolchain")
        )
        self.remedies = when.pop("remedy", None)
        self.versions = tuple(when.items())
        self.patterns = [pattern.split("*") for pattern in rule.matches]
        self._matches = rule.matches

    @cached_property
    def reasoned(self) -> bool:
        """Whether every pattern says a reason."""
        return all(map(reason, self._matches))


def _in_order(parts: Iterable[str], text: str) -> bool:
    at = 0
    for part in parts:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True


class _Globs:
    """Globs of names. Most are plain names, and no pattern need be compiled for them."""

    def __init__(self, globs: Iterable[str]) -> None:
        wild = {glob for glob in globs if set(glob) & set("*?[")}
        self._names = frozenset(globs) - wild
        self._pattern = re.compile("|".join(map(fnmatch.translate, sorted(wild)))) if wild else None

    def match(self, name: str) -> bool:
        """Whether one of them matches the whole name."""
        return name in self._names or bool(self._pattern and self._pattern.match(name))


def _within(version: str, specifier: str) -> bool:
    try:
        return specifiers.allows(specifier, version)
    except InvalidVersion:
        return False


class Rules(Sequence[Limitation]):
    """Rules in the order in which they are asked: the first that explains an error is the one that counts."""

    def __init__(self, rules: Iterable[Limitation] = ()) -> None:
        self._rules = tuple(rules)
        self._of_stage: dict[str, list[Limitation]] = {}
        self._saying: dict[tuple[str, str], list[Limitation]] = {}
        self._by_id: dict[str, Limitation] = {}
        for rule in self._rules:
            for stage in rule.stage:
                self._of_stage.setdefault(stage, []).append(rule)
            self._by_id.setdefault(rule.id, rule)

    @classmethod
    def of(cls, rules: Iterable[Limitation]) -> Rules:
        """The same rules, made ready once."""
        return rules if isinstance(rules, Rules) else cls(rules)

    def explaining(self, met: Met) -> Iterator[Limitation]:
        """Those that explain an error, in order. Few rules say anything of a message, which many cells met."""
        asked = met.stage, met.message
        if asked not in self._saying:
            self._saying[asked] = [rule for rule in self._of_stage.get(met.stage, ()) if rule.says(met.message)]
        return (rule for rule in self._saying[asked] if rule.applies(met))

    def named(self, id: str | None) -> Limitation | None:
        """The first of that id, None without one."""
        return self._by_id.get(id or "")

    @overload
    def __getitem__(self, index: int) -> Limitation: ...
    @overload
    def __getitem__(self, index: slice) -> Rules: ...
    def __getitem__(self, index: int | slice) -> Limitation | Rules:
        return Rules(self._rules[index]) if isinstance(index, slice) else self._rules[index]

    def __iter__(self) -> Iterator[Limitation]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)


def load(path: Path, kind: type[Limitation] = Limitation) -> Rules:
    """The rules in the file's order, as those of a user where `kind` says so; none for an empty list. Raises
    LimitationError with file and line."""
    document = yaml_input.load(path, LimitationError)
    return Rules(validation.listed(document, kind, "rule", lambda _: Limitation.model_fields).values())


def json_schema() -> dict[str, Any]:
    """JSON schema of limitations.yaml for editors, derived from the model."""
    rule = Limitation.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "limitations.yaml",
        "type": "array",
        "items": rule,
    }
