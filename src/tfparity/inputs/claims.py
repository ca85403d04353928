"""claims.yaml: what guides say of these tools, and which cells would show it. No answer stands in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from tfparity import paths
from tfparity.errors import EvidenceError
from tfparity.inputs import validation, yaml_input

#: What a claim may say of a cell.
Says = Literal["converts", "converts-unaided", "fails", "breaks", "loses-an-axis", "most-exact", "faster", "slower"]

Globs = Annotated[tuple[str, ...], Field(default=("*",), min_length=1)]


def _specifier(value: str) -> str:
    try:
        SpecifierSet(value)
    except InvalidSpecifier:
        raise ValueError(f'{value!r} is no version specifier such as ">=13"') from None
    return value


Specifier = Annotated[str, AfterValidator(_specifier)]


def _one_line(value: str) -> str:
    if "\n" in value or "|" in value:
        raise ValueError("is a line of Markdown that stands in a table: no line break, no '|'")
    return value


Line = Annotated[str, Field(min_length=1), AfterValidator(_one_line)]


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=lambda name: name.replace("_", "-"), populate_by_name=True
    )


class Ask(_Strict):
    """Cells, and what the claim says of each of them, or of some."""

    cases: Globs
    routes: Globs
    toolchains: Globs
    where: dict[str, Specifier] = Field(default={}, description="Package to specifier of what the way pins.")
    among: Literal["run", "imported", "working"] = Field(
        default="run", description="Which count: all that were run, those whose environment imports, those that work."
    )
    says: Says
    of: Literal["each", "all", "some"] = Field(
        default="each", description="Of each, so that some make it depend; of all, so that one refutes it; of some."
    )
    opset: Specifier | None = Field(default=None, description="The opset that it works at.")
    attempt: Specifier | None = Field(default=None, description="Opsets at which an attempt passes, or none does.")
    axis: str | None = Field(default=None, description="The axis that is lost; any without it.")
    max_error: float | None = Field(default=None, gt=0, description="The largest difference from torch is below it.")
    limitation: str | None = Field(default=None, description="It fails by this rule.")
    target: str | None = Field(default=None, description="A target recorded beside the verdict, by a glob.")
    runtime: str | None = Field(default=None, description="A runtime, likewise.")
    timed: str | None = Field(default=None, description='What is faster or slower: "saved-model-xla".')
    than: str | None = Field(default=None, description="Than what, timed beside it.")

    @model_validator(mode="after")
    def _timed_against(self) -> Ask:
        timed = self.says in ("faster", "slower")
        if timed != bool(self.timed) or timed != bool(self.than):
            raise ValueError("faster and slower need timed and than, and nothing else does")
        return self


class Claim(_Strict):
    """One claim: whose, in a sentence, and what would show it; `nothing`: why no cell could, where none can."""

    id: str = Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")
    source: Line
    says: Line
    asks: tuple[Ask, ...] = ()
    nothing: str | None = None

    @model_validator(mode="after")
    def _answerable(self) -> Claim:
        if bool(self.asks) == bool(self.nothing):
            raise ValueError("a claim has asks, or says why nothing could show it (nothing), and not both")
        return self


#: What may stand in the file, for a guess at a misspelt key.
_KEYS = [field.alias or name for model in (Claim, Ask) for name, field in model.model_fields.items()]


def load(path: Path) -> tuple[Claim, ...]:
    """The claims in the file's order; none without a file. Raises EvidenceError with file and line."""
    if not paths.stands(path):
        return ()
    document = yaml_input.load(path, EvidenceError)
    return tuple(validation.listed(document, Claim, "claim", lambda _: _KEYS).values())
