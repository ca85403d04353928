"""limitations.yaml: where and why something fails. One rule per reason, each with its cause, a link and a remedy.

A rule is a sentence about an error's text, `<type>: <message>` in its normal form (see fingerprint), and about where it
is met. A rule that cannot say why says so: `cause: unknown` with what was tried.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from tfparity import yaml_input
from tfparity.errors import LimitationError
from tfparity.paths import worker_modules

#: A pattern needs a run of this many literal characters: fewer match what nobody meant.
SHORTEST_LITERAL = 12

#: No rule explains it: a case that cannot tell right from wrong says nothing of a toolchain, and is mended.
DEFECT = "InsensitiveCase: "

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
        if name in ("route", "toolchain", "remedy"):
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

Text = Annotated[str, BeforeValidator(_one_line)]

Pattern = Annotated[Text, AfterValidator(_pattern)]

#: One, or a list of which one is met.
Patterns = Annotated[
    tuple[Pattern, ...],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}, "minItems": 1}),
    Field(min_length=1),
]


class Limitation(BaseModel):
    """One rule; `holds` says where."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", description="Name, unique in the file.")
    when: Annotated[dict[str, str], AfterValidator(_condition)] = Field(
        default={},
        description='Package, "opset" or "python" to version specifier; "route", "toolchain" to a glob; '
        '"remedy" to a glob of one that the attempt took. All must hold.',
    )
    stage: Stage = Field(description="The stage that fails.")
    matches: Patterns = Field(
        description="Literal text in '<type>: <message>'; '*' stands for anything. Twelve or more characters in a row. "
        "Or a list of such, of which one is met."
    )
    cases: tuple[str, ...] = Field(default=("*",), min_length=1, description="Globs of case ids.")
    cause: Text = Field(description="Why, or 'unknown'.")
    link: Annotated[Text, AfterValidator(_link)] = Field(description="A thread or page that says so, or 'none found'.")
    remedy: Text = Field(description="What a person can do, or 'none known'.")
    remedies: tuple[Remedy, ...] = Field(
        default=(), description="Modules of worker/remedies, tried in this order on what the rule explains."
    )
    investigated: Text | None = Field(default=None, description="With cause 'unknown': what was tried.")

    @model_validator(mode="after")
    def _honest(self) -> Limitation:
        if self.cause == UNKNOWN and not self.investigated:
            raise ValueError("cause: unknown needs investigated: what was tried")
        return self

    @property
    def understood(self) -> bool:
        """Whether the cause is known."""
        return self.cause != UNKNOWN

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        anything = (".*".join(re.escape(part) for part in pattern.split("*")) for pattern in self.matches)
        return re.compile("|".join(anything), re.DOTALL)

    def holds(
        self,
        *,
        packages: Mapping[str, str],
        opset: int | None,
        route: str,
        toolchain: str,
        case: str | None,
        stage: str,
        message: str,
        remedies: Collection[str] = (),
    ) -> bool:
        """Whether this rule explains an error met there.

        packages: package to exact version, on the side that ran the stage, and "python". opset: the one asked for;
        None before the export, where a rule with `opset` never holds. case: None of a model that is not of the zoo, of
        which no rule's globs can know. message: "<type>: <message>"; no rule explains one that begins with DEFECT.
        remedies: those that the attempt took.
        """
        if message.startswith(DEFECT):
            return False
        if stage != self.stage:
            return False
        if case is not None and not any(fnmatch.fnmatchcase(case, glob) for glob in self.cases):
            return False
        met = {**packages, "opset": None if opset is None else str(opset)}
        for name, wanted in self.when.items():
            if name in ("route", "toolchain"):
                if not fnmatch.fnmatchcase(route if name == "route" else toolchain, wanted):
                    return False
            elif name == "remedy":
                if not fnmatch.filter(remedies, wanted):
                    return False
            elif not _within(met.get(name), wanted):
                return False
        return self._regex.search(message) is not None


def _within(version: str | None, specifier: str) -> bool:
    if version is None:
        return False
    try:
        return SpecifierSet(specifier).contains(Version(version), prereleases=True)
    except InvalidVersion:
        return False


def load(path: Path) -> list[Limitation]:
    """The rules in the file's order; [] for an empty list. Raises LimitationError with file and line."""
    document = yaml_input.load(path, LimitationError)
    if not isinstance(document, list):
        raise LimitationError("the file is not a list of rules, each '- id: …'", file=path, line=1)
    rules: list[Limitation] = []
    for index, entry in enumerate(document):
        try:
            rule = Limitation.model_validate(entry)
        except ValidationError as invalid:
            raise _readable(invalid, document, index, path) from None
        if any(rule.id == other.id for other in rules):
            line = yaml_input.line(document, (index, "id"))
            raise LimitationError(f"a second rule {rule.id!r}", file=path, line=line)
        rules.append(rule)
    return rules


def json_schema() -> dict[str, Any]:
    """JSON schema of limitations.yaml for editors, derived from the model."""
    rule = Limitation.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "limitations.yaml",
        "type": "array",
        "items": rule,
    }


def _readable(invalid: ValidationError, document: Any, index: int, path: Path) -> LimitationError:
    """The first error in the file's order, with its line. A misspelt key goes before the key that is missing for it."""
    found: list[tuple[bool, int, str]] = []
    for error in invalid.errors(include_url=False):
        place = yaml_input.place_in(document, (index, *error["loc"]))
        key = str(error["loc"][0]) if error["loc"] else ""
        if error["type"] == "extra_forbidden":
            message = f"unknown key {key!r}{yaml_input.did_you_mean(key, Limitation.model_fields)}"
        elif error["type"] == "missing":
            message = f"the key {key!r} is missing"
        else:
            text = re.sub(r"^Value error, ", "", error["msg"])
            message = f"{key}: {text}" if key else text
        found.append((error["type"] != "extra_forbidden", yaml_input.line(document, place) or 0, message))
    _, number, message = min(found)
    return LimitationError(message, file=path, line=number or None)
