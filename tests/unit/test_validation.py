"""What does not fit is said once for every checked file: the first fault of the file, what is missing last."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tfparity.errors import LimitationError
from tfparity.inputs import validation
from tfparity.inputs.yaml_input import Document


class Pin(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    package: str
    version: str
    routes: list[str] = Field(default=["onnx-tf"], min_length=1)

    @field_validator("version")
    @classmethod
    def _is_no_word(cls, value: str) -> str:
        if not value[:1].isdigit():
            raise ValueError(f"{value!r} is no version")
        return value


def document(text: str) -> Document:
    return Document(Path("pins.yaml"), text, LimitationError)


def invalid(value: object) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Pin.model_validate(value)
    return caught.value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("package: torch\nversion: newest\n", "pins.yaml:2: version: 'newest' is no version"),
        ("package: torch\nversoin: 2.1.0\n", "pins.yaml:2: unknown key 'versoin', did you mean 'version'?"),
        ("package: torch\n", "pins.yaml: the key 'version' is missing"),
        ("colour: red\n", "pins.yaml:1: unknown key 'colour' (there are package, routes, version)"),
        ("version: newest\ncolour: red\n", "pins.yaml:1: version: 'newest' is no version"),
        ("colour: red\nversion: newest\n", "pins.yaml:1: unknown key 'colour' (there are package, routes, version)"),
        ("routes: []\nversion: newest\npackage: a\n", "pins.yaml:2: version: 'newest' is no version"),
        ("routes: [1]\nversion: newest\npackage: a\n", "pins.yaml:1: routes: Input should be a valid string"),
        ("[]\n", "pins.yaml: Input should be a valid dictionary or instance of Pin"),
    ],
)
def test_the_first_fault_is_said_with_its_line_and_what_is_missing_last(text: str, said: str) -> None:
    read = document(text)
    assert str(validation.in_file(invalid(read.content), read, lambda _: Pin.model_fields)) == said


def test_a_part_of_a_file_has_its_lines_in_the_file() -> None:
    read = document("- package: a\n  version: 1.0.0\n- package: a\n  version: newest\n")
    assert isinstance(read.content, list)
    found = validation.in_file(invalid(read.content[1]), read, lambda _: Pin.model_fields, (1,))
    assert isinstance(found, LimitationError)
    assert str(found) == "pins.yaml:4: version: 'newest' is no version"


def test_all_faults_come_as_found_but_what_comes_last() -> None:
    found = validation.faults(invalid({"version": "newest", "routes": [], "colour": "red"}))
    assert [(fault.kind, fault.place) for fault in found] == [
        ("value_error", ("version",)),
        ("extra_forbidden", ("colour",)),
        ("missing", ("package",)),
        ("too_short", ("routes",)),
    ]
    assert found[0].text == "'newest' is no version"
