"""matrix.yaml: environments, toolchains and runtimes, each field declared once.

Validation with file and line, the JSON schema for editors and the documentation derive from these models.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from tfparity.errors import InputError, MatrixError, UsageError
from tfparity.inputs import validation, yaml_input
from tfparity.inputs.validation import Place
from tfparity.paths import worker_modules
from tfparity.records.vocabulary import Target
from tfparity.worker import targets

SCHEMA_VERSION = 1

#: Routes that a toolchain of one environment has without naming any.
DEFAULT_ROUTES = ("onnx-tf", "onnx-tf-dynamo")

PYTHONS = ("3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")

_ID = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"


def _written_as_text(value: object) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        # pydantic reports a ValueError alone.
        raise ValueError('write it in quotes: YAML reads it as a number, "3.10" as 3.1')  # noqa: TRY004
    return value


def _known_python(value: str) -> str:
    if value not in PYTHONS:
        raise ValueError(f"Python {value!r} is none of {', '.join(PYTHONS)}")
    return value


def _exact_version(value: str) -> str:
    try:
        Version(value)
    except InvalidVersion:
        raise ValueError(f"{value!r} is not an exact version such as 1.13.1") from None
    return value


def _package(value: str) -> str:
    if canonicalize_name(value) != value:
        raise ValueError(f"write the package {value!r} as {canonicalize_name(value)!r}")
    return value


def _requirement(value: str) -> str:
    try:
        Requirement(value)
    except InvalidRequirement as wrong:
        raise ValueError(f"{value!r} is not a requirement: {str(wrong).splitlines()[0]}") from None
    return value


def _shim(value: str) -> str:
    known = worker_modules("shims")
    if value not in known:
        raise ValueError(f"no shim {value!r}{yaml_input.did_you_mean(value, known)}")
    return value


def _route(value: str) -> str:
    known = worker_modules("routes")
    if not value.endswith(".py") and value not in known:
        guess = yaml_input.did_you_mean(value, known)
        raise ValueError(f"no route {value!r}{guess}; a route of your own is a path to a .py file")
    return value


def _compiler(value: str) -> str:
    known = worker_modules("compilers")
    if value not in known:
        raise ValueError(f"no compiler {value!r}{yaml_input.did_you_mean(value, known)}")
    return value


def _made_apart(value: str) -> str:
    known = [name for name in worker_modules("targets") if targets.load(name).maker]
    if value not in known:
        raise ValueError(f"no target {value!r} that an environment of its own makes; there are {', '.join(known)}")
    return value


def _day(value: object) -> object:
    if not isinstance(value, (datetime.date, str)):
        raise ValueError("write a day: 2023-07-15")  # noqa: TRY004
    return value


Id = Annotated[str, Field(pattern=_ID), BeforeValidator(_written_as_text)]
Python = Annotated[
    str,
    BeforeValidator(_written_as_text),
    AfterValidator(_known_python),
    Field(json_schema_extra={"enum": list(PYTHONS)}),
]
Package = Annotated[str, AfterValidator(_package)]
Pin = Annotated[str, BeforeValidator(_written_as_text), AfterValidator(_exact_version)]
Override = Annotated[str, AfterValidator(_requirement)]
Shim = Annotated[str, AfterValidator(_shim)]
Route = Annotated[str, AfterValidator(_route)]
Compiler = Annotated[str, AfterValidator(_compiler)]
MadeApart = Annotated[str, AfterValidator(_made_apart)]
Globs = Annotated[
    tuple[str, ...], Field(default=(), description="Globs of the cases that it is for alone; all where there are none.")
]
Remedies = Annotated[
    tuple[str, ...],
    Field(
        default=("*",),
        description="Globs of the cases that alone try, where they fail, the remedies of limitations.yaml; all unless "
        "it is given, none where it is empty.",
    ),
]


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=lambda name: name.replace("_", "-"), populate_by_name=True
    )


class Environment(_Strict):
    """A Python version, exact pins, shims and an as-of date: one hash-locked file."""

    #: Whether evidence of it may be recorded. One that no matrix names overrides this (environments/adhoc.py).
    published: ClassVar[bool] = True

    id: Id = Field(description="Name of the environment and of its lockfile.")
    python: Python = Field(description='Python version, in quotes: "3.10".')
    as_of: Annotated[datetime.date, BeforeValidator(_day)] = Field(
        description="The index as it stood at the end of that day, UTC."
    )
    pins: dict[Package, Pin] = Field(description="Package to exact version.", min_length=1)
    overrides: tuple[Override, ...] = Field(
        default=(), description="uv override lines: replace what packages ask for, or drop a package by a marker."
    )
    shims: tuple[Shim, ...] = Field(default=(), description="Modules of worker/shims, put in before any framework.")
    note: str | None = Field(default=None, description="For a reader: what this is for, why a pin is as it is.")

    def lock_folder(self, committed: Path) -> Path:
        """Where its lockfile is, given the folder of the committed ones."""
        return committed

    def asked(self) -> tuple[str, ...]:
        """What is asked of the resolver, a requirement each."""
        return tuple(f"{name}=={version}" for name, version in self.pins.items())

    def near(self) -> tuple[str, ...]:
        """Versions that the resolver keeps where it can: none, so that no earlier resolution sways the answer."""
        return ()

    def beneath(self, lockfile: Path) -> Path:
        """The lockfile that is installed, given its own: another where packages lie over that."""
        return lockfile

    def over(self) -> tuple[Path, ...]:
        """Wheels that are installed over it as they are, without what they ask for: none."""
        return ()

    def given_up(self) -> tuple[str, ...]:
        """Packages beneath whose place one of those wheels takes under another name: none."""
        return ()

    def digest(self) -> str:
        """sha256 hex of canonical JSON of what the resolution depends on: python, as-of, pins, overrides."""
        value = {
            "python": self.python,
            "as-of": self.as_of.isoformat(),
            "pins": dict(self.pins),
            "overrides": list(self.overrides),
        }
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()


class Runtime(Environment):
    """A small environment in which artifacts run and nothing is converted; no torch in it. Or a compiler for an edge
    device, which takes the file of a target."""

    runs: tuple[Literal["saved-model", "tflite", "tflite-int8-io"], ...] = Field(
        description="Kinds of artifact that it runs; of a compiler the target that it takes, tflite-int8-io.",
        min_length=1,
    )
    compiler: Compiler | None = Field(
        default=None, description="Module of worker/compilers: it compiles for an edge device and runs nothing."
    )

    @model_validator(mode="after")
    def _compiles_what_it_takes(self) -> Self:
        if self.compiler is not None and self.runs != (Target.TFLITE_INT8_IO,):
            raise ValueError("a compiler takes tflite-int8-io alone: runs: [tflite-int8-io]")
        if self.compiler is None and Target.TFLITE_INT8_IO in self.runs:
            raise ValueError("what runs .tflite files runs tflite-int8-io, too; a compiler is named under compiler:")
        return self

    @property
    def target(self) -> Target | None:
        """The target whose file a compiler takes; None of what runs artifacts."""
        return Target.TFLITE_INT8_IO if self.compiler is not None else None

    def opens(self, kind: str) -> bool:
        """Whether it takes an artifact of anybody's of that kind, where it is named."""
        return kind in self.runs or (self.compiler is not None and kind == "tflite")


class Maker(Environment):
    """A small environment in which targets are made that no toolchain's own can make; no torch and no TensorFlow in
    it."""

    makes: tuple[MadeApart, ...] = Field(description="The targets that it makes.", min_length=1)


class _OneEnvironment(Environment):
    """A toolchain whose one environment does both sides; the environment has the toolchain's id."""

    routes: dict[Route, Id] = Field(
        default_factory=dict,
        description=f"Route to target environment, beside {' and '.join(DEFAULT_ROUTES)} in the own one.",
    )
    cases: Globs
    remedies: Remedies


class _SplitToolchain(_Strict):
    """A toolchain of two or more environments, which `environments:` declares."""

    id: Id = Field(description="Name of the toolchain.")
    source: Id = Field(description="The environment of the torch side.")
    routes: dict[Route, Id] = Field(description="Route to target environment, the TensorFlow side.", min_length=1)
    cases: Globs
    remedies: Remedies
    note: str | None = Field(default=None, description="For a reader: what this is for.")


def _form(entry: Any) -> str:
    names = entry if isinstance(entry, dict) else vars(entry) if isinstance(entry, BaseModel) else {}
    return "split" if "source" in names else "one"


#: Seconds of a limit, and GiB of one of memory: beyond them it is none, and below a Python alone takes more.
LONGEST = 10.0**7
LEAST, MOST = 0.03, 10.0**6


class Limits(_Strict):
    """What one request to a worker may take, and the remedies of a cell together."""

    seconds: float = Field(default=600, gt=0, le=LONGEST, description="Seconds of a request, all its stages together.")
    memory_gib: float = Field(
        default=8, ge=LEAST, le=MOST, description="GiB of memory (PSS) of a request's process group."
    )
    remedy_seconds: float = Field(
        default=1800,
        gt=0,
        le=LONGEST,
        description="Seconds after which a cell begins no other remedy; those left out are recorded as skipped.",
    )


class _Document(_Strict):
    """The file as a person writes it."""

    schema_: int = Field(alias="schema", ge=SCHEMA_VERSION, le=SCHEMA_VERSION, description="Version of this format.")
    default: Id = Field(description="The toolchain that runs when none is named.")
    limits: Limits = Field(default=Limits(), description="Limits of a request.")
    environments: tuple[Environment, ...] = Field(default=(), description="Environments of split toolchains.")
    runtimes: tuple[Runtime, ...] = Field(
        default=(), description="Environments in which artifacts run, whatever toolchain made them."
    )
    makers: tuple[Maker, ...] = Field(
        default=(), description="Environments in which targets are made, whatever toolchain converted the model."
    )
    toolchains: tuple[
        Annotated[
            Annotated[_OneEnvironment, Tag("one")] | Annotated[_SplitToolchain, Tag("split")], Discriminator(_form)
        ],
        ...,
    ] = Field(description="What a person would adopt.", min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _is_a_mapping(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError("the file is not a mapping with schema, default and toolchains")  # noqa: TRY004
        return value


class Toolchain(_Strict):
    """What a person would adopt: a source environment and, per route, a target environment. over: the locked toolchain
    that packages under test lie over, where this is made of one."""

    id: str
    source: str
    routes: dict[str, str]
    cases: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ("*",)
    note: str | None = None
    over: str | None = None

    def environments(self) -> list[str]:
        """Ids of its environments, the source first, each once."""
        return list(dict.fromkeys((self.source, *self.routes.values())))


class Matrix(_Strict):
    """The checked matrix: every environment of a toolchain by id, toolchains, runtimes and makers of targets in the
    file's order."""

    schema_version: int
    default: str
    environments: dict[str, Environment]
    toolchains: dict[str, Toolchain]
    limits: Limits
    runtimes: dict[str, Runtime] = {}
    makers: dict[str, Maker] = {}

    @property
    def locked(self) -> dict[str, Environment]:
        """Everything that has a lockfile: the environments of toolchains, the runtimes and the makers of targets."""
        return {**self.environments, **self.runtimes, **self.makers}

    def maker(self, target: str) -> Maker | None:
        """The environment that makes a target which no toolchain's own can make; None where none is named."""
        return next((one for one in self.makers.values() if target in one.makes), None)

    def runtime(self, id: str) -> Runtime:
        """The runtime of that id. Raises UsageError where there is none."""
        if id not in self.runtimes:
            guess = yaml_input.did_you_mean(id, self.runtimes) or f"; there are {', '.join(self.runtimes) or 'none'}"
            raise UsageError(f"matrix.yaml has no runtime {id!r}{guess}")
        return self.runtimes[id]

    def oldest_first(self, ways: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Ways (toolchain, route) by the day of their target environments; of one day in the given order."""
        return sorted(ways, key=lambda way: self.environments[self.toolchains[way[0]].routes[way[1]]].as_of)


def load(path: Path) -> Matrix:
    """The matrix of that file. Raises MatrixError with file and line."""
    if not path.is_file():
        raise MatrixError(
            "no project of tfparity is here: go into a clone, name one in TFPARITY_PROJECT, or install a clone",
            file=path,
        )
    document = yaml_input.load(path, MatrixError)
    try:
        written = _Document.model_validate(document.content)
    except ValidationError as invalid:
        raise validation.in_file(invalid, document, _keys_at) from None
    environments: dict[str, Environment] = {}
    toolchains: dict[str, Toolchain] = {}

    def wrong(message: str, *place: str | int) -> InputError:
        return document.error(message, place)

    for index, environment in enumerate(written.environments):
        if environment.id in environments:
            raise wrong(f"a second environment {environment.id!r}", "environments", index, "id")
        environments[environment.id] = environment
    for index, entry in enumerate(written.toolchains):
        if entry.id in toolchains:
            raise wrong(f"a second toolchain {entry.id!r}", "toolchains", index, "id")
        if isinstance(entry, _OneEnvironment):
            if entry.id in environments:
                raise wrong(f"an environment {entry.id!r} is declared too", "toolchains", index, "id")
            shared = {name: getattr(entry, name) for name in Environment.model_fields}
            environments[entry.id] = Environment.model_construct(**shared)
        toolchains[entry.id] = _toolchain(entry)
    for index, toolchain in enumerate(toolchains.values()):
        if toolchain.source not in environments:
            guess = yaml_input.did_you_mean(toolchain.source, environments)
            raise wrong(f"no environment {toolchain.source!r}{guess}", "toolchains", index, "source")
        for route, target in toolchain.routes.items():
            if target not in environments:
                guess = yaml_input.did_you_mean(target, environments)
                raise wrong(f"no environment {target!r}{guess}", "toolchains", index, "routes", route)
    for index, environment in enumerate(written.environments):
        if not any(environment.id in toolchain.environments() for toolchain in toolchains.values()):
            raise wrong(f"no toolchain uses the environment {environment.id!r}", "environments", index, "id")
    runtimes: dict[str, Runtime] = {}
    for index, runtime in enumerate(written.runtimes):
        if runtime.id in runtimes:
            raise wrong(f"a second runtime {runtime.id!r}", "runtimes", index, "id")
        if runtime.id in environments or runtime.id in toolchains:
            raise wrong(f"an environment or a toolchain {runtime.id!r} is declared too", "runtimes", index, "id")
        runtimes[runtime.id] = runtime
    makers: dict[str, Maker] = {}
    for index, maker in enumerate(written.makers):
        if maker.id in {*environments, *toolchains, *runtimes, *makers}:
            raise wrong(f"something else is called {maker.id!r}, too", "makers", index, "id")
        for other in makers.values():
            twice = next((target for target in maker.makes if target in other.makes), None)
            if twice:
                raise wrong(f"{other.id} makes {twice!r}, too", "makers", index, "makes")
        makers[maker.id] = maker
    if written.default not in toolchains:
        guess = yaml_input.did_you_mean(written.default, toolchains)
        raise wrong(f"no toolchain {written.default!r}{guess}", "default")
    return Matrix(
        schema_version=written.schema_,
        default=written.default,
        environments=environments,
        toolchains=toolchains,
        limits=written.limits,
        runtimes=runtimes,
        makers=makers,
    )


def json_schema() -> dict[str, Any]:
    """JSON schema of matrix.yaml for editors, derived from the models."""
    schema = _Document.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "matrix.yaml"}


def _toolchain(entry: _OneEnvironment | _SplitToolchain) -> Toolchain:
    if isinstance(entry, _SplitToolchain):
        source, routes = entry.source, entry.routes
    else:
        source, routes = entry.id, {**dict.fromkeys(DEFAULT_ROUTES, entry.id), **entry.routes}
    return Toolchain(
        id=entry.id, source=source, routes=routes, cases=entry.cases, remedies=entry.remedies, note=entry.note
    )


def _keys_at(location: Place) -> list[str]:
    """The keys that may stand where an unknown one does."""
    model: type[BaseModel] = _Document
    if location[0] == "environments":
        model = Environment
    elif location[0] == "runtimes":
        model = Runtime
    elif location[0] == "makers":
        model = Maker
    elif location[0] == "limits":
        model = Limits
    elif location[0] == "toolchains":
        model = _SplitToolchain if "split" in location else _OneEnvironment
    return [field.alias or name for name, field in model.model_fields.items()]
