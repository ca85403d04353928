"""A runtime's own switches, which a user turns without touching the artifact: one at a time, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tfparity.inputs.artifact import Kind
from tfparity.records.keys import Json


@dataclass(frozen=True)
class Setting:
    """One way that a switch stands. variables: of the process; options: of the runner (worker.artifacts)."""

    word: str
    variables: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Switch:
    """A switch of some kinds of artifact and its two settings."""

    name: str
    kinds: tuple[Kind, ...]
    settings: tuple[Setting, Setting]


#: On by default where the processor has certain instructions (since TensorFlow 2.9), so that it is set both ways.
ONEDNN = Switch(
    "oneDNN",
    ("saved-model",),
    (Setting("off", {"TF_ENABLE_ONEDNN_OPTS": "0"}), Setting("on", {"TF_ENABLE_ONEDNN_OPTS": "1"})),
)
XNNPACK = Switch(
    "XNNPACK", ("tflite",), (Setting("off", options={"xnnpack": False}), Setting("on", options={"xnnpack": True}))
)
THREADS = Switch(
    "threads", ("saved-model", "tflite"), (Setting("1", options={"threads": 1}), Setting("4", options={"threads": 4}))
)

SWITCHES = (ONEDNN, XNNPACK, THREADS)

#: As it comes: no switch is set, one thread.
AS_IT_IS = Setting("as it is", options={"threads": 1})


def of(kind: Kind) -> list[Switch]:
    """The switches of that kind of artifact."""
    return [switch for switch in SWITCHES if kind in switch.kinds]
