"""What a cell is, from the plan to the evidence: planned, attempted, judged, recorded. Frozen, in plain values."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from tfparity.records.fingerprint import fingerprint
from tfparity.records.vocabulary import Grade, Outcome, Precision, Stage, Verdict, named

#: How files are held to these classes (see evidence.schema): every key is there, none is unknown, types are exact.
STRICT = {"extra": "forbid", "strict": True, "allow_inf_nan": False}


class CellId(NamedTuple):
    """Which cell: toolchain × case × route."""

    toolchain: str
    case: str
    route: str

    def __str__(self) -> str:
        return "/".join(self)


class PlannedCell(NamedTuple):
    """A cell of the plan. `verdict` is set where it is known without a run: not applicable or unresolvable; `reason`
    says why."""

    toolchain: str
    case: str
    route: str
    verdict: Verdict | None = None
    reason: str | None = None

    @property
    def place(self) -> CellId:
        return CellId(self.toolchain, self.case, self.route)

    @property
    def id(self) -> str:
        return str(self.place)

    @property
    def applicable(self) -> bool:
        return self.verdict is None


@dataclass(frozen=True)
class Failure:
    """Why a stage did not pass: the kind of error and its text in normal form (see fingerprint)."""

    __pydantic_config__ = STRICT

    stage: Stage
    type: str
    message: str

    @property
    def text(self) -> str:
        """ "<type>: <message>", what a limitation's pattern is held against."""
        return f"{self.type}: {self.message}"

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint(self.stage, self.type, self.message)


@dataclass(frozen=True)
class Problem:
    """An error as a worker tells it: its type and its text."""

    type: str
    message: str


@dataclass(frozen=True)
class StageReply:
    """How one stage of a request went. seconds: wall time; peak_mib: the largest memory of the request seen in it."""

    stage: str
    outcome: Outcome
    seconds: float | None = None
    peak_mib: float | None = None
    error: Problem | None = None

    @property
    def passed(self) -> bool:
        return self.outcome.passed


@dataclass(frozen=True)
class RefereeAnswer:
    """What the reference runtime's own answer for the exported file came to: a grade, or why there is none."""

    grade: Grade | None = None
    max_abs: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class Model:
    """What the source side says of a model: parameters, weight tensors, the one that moves the outputs least when it
    is moved by 1 % and by how much (of those that were moved, see worker.sensitivity), the operators of the exported
    file."""

    __pydantic_config__ = STRICT

    parameters: int | None
    weights: int
    least: str | None
    change: float | None
    operators: tuple[str, ...] = ()


@dataclass(frozen=True)
class Artifact:
    """A converted artifact's size in megabytes (10^6 bytes) and the seconds that its conversion took."""

    __pydantic_config__ = STRICT

    megabytes: float
    seconds: float


@dataclass(frozen=True)
class Said:
    """What a case's outputs mean on both sides, in a line (see declare.case, `answer`)."""

    __pydantic_config__ = STRICT

    torch: str | None
    tensorflow: str | None


@dataclass(frozen=True)
class Note:
    """What a verdict on a user's own model does not tell, see judging.own_models. text: a sentence or two, with the
    first of the names; names: all of the weights, inputs or outputs that it is about."""

    __pydantic_config__ = STRICT

    text: str
    names: tuple[str, ...] = ()

    @property
    def shortened(self) -> bool:
        """Whether the text leaves out names."""
        said = set(re.split(r"[,;:.]?\s|$", self.text))
        return any(name not in said for name in self.names)


@dataclass(frozen=True)
class Attempt:
    """One attempt at a cell: at an opset, by remedies, with all that came of it.

    stage, outcome: the first that did not pass, else the last. max_abs, floor, rms: absolute, of the output that
    decides the grade. culprit: "exporter", "converter", "unknown" or None. second: what another referee said, where the
    first one's answer was in doubt. total_seconds: wall time of the whole attempt. limits: seconds and MiB that its
    requests could take; sandboxed: whether these ran in a sandbox. where: "file:line" where a case does not build.
    notes: what its verdict does not tell.
    """

    opset: int | None
    file_opset: int | None
    remedies: tuple[str, ...]
    stage: Stage
    outcome: Outcome
    error: Failure | None
    grade: Grade | None = None
    max_abs: float | None = None
    rms: float | None = None
    cosine: float | None = None
    top_k: float | None = None
    floor: float | None = None
    floor_source: str | None = None
    referee: RefereeAnswer | None = None
    culprit: str | None = None
    dynamic: Mapping[str, bool] = field(default_factory=dict)
    signature: bool | None = None
    stages: tuple[StageReply, ...] = ()
    total_seconds: float = 0.0
    ran_at: str | None = None
    host: str | None = None
    limits: tuple[float, float] | None = None
    sandboxed: bool | None = None
    model: Model | None = None
    where: str | None = None
    answer: Said | None = None
    artifact: Artifact | None = None
    second: RefereeAnswer | None = None
    notes: tuple[Note, ...] = ()

    @cached_property
    def line(self) -> AttemptLine:
        """As evidence keeps it."""
        error = self.error.fingerprint if self.error else None
        return AttemptLine(self.opset, self.file_opset, self.remedies, self.stage, self.outcome, error)


@dataclass(frozen=True)
class AttemptLine:
    """An attempt as evidence keeps it; `error` is a fingerprint."""

    __pydantic_config__ = STRICT

    opset: int | None
    file_opset: int | None
    remedies: tuple[str, ...]
    stage: Stage
    outcome: Outcome
    error: str | None


@dataclass(frozen=True)
class Deployed:
    """What a target of a cell that works came to.

    precision: how it keeps its numbers; grade: as a cell's, "precision" where it is right within what these allow,
    "form" where its numbers say nothing and its shapes and types are right. snr_db: the signal-to-noise ratio in
    decibels, the next ten downwards, so that it repeats; allowed_db: what it has to reach, None where float32's grades
    hold or where none is asked for. top_1: of trained weights alone, the share of rows with the same largest score.
    same_answer: likewise, whether the case says the same of torch's outputs and of these. flex: operators of
    TensorFlow's own that a .tflite file needs; None where they were not looked for. remedies: what it took beyond the
    cell's own. own_data: made with examples of a user's own.
    """

    __pydantic_config__ = STRICT

    verdict: Verdict
    precision: Precision
    grade: Grade | None = None
    snr_db: float | None = None
    allowed_db: float | None = None
    top_1: float | None = None
    same_answer: bool | None = None
    flex: tuple[str, ...] | None = None
    signature: bool | None = None
    dynamic: Mapping[str, bool] = field(default_factory=dict)
    remedies: tuple[str, ...] = ()
    own_data: bool = False


@dataclass(frozen=True)
class TargetRun:
    """What was measured of a target where it ran: max_abs of two digits, the signal-to-noise ratio in decibels to a
    tenth, seconds that making it took, what the case says of the outputs on both sides."""

    __pydantic_config__ = STRICT

    max_abs: float | None
    snr_db: float | None
    seconds: float | None
    answer: Said | None = None


@dataclass(frozen=True)
class Compiled:
    """What a compiler for an edge device made of a .tflite file. operators: how many the file has; parts: how many
    pieces run on the accelerator, each called from the CPU; left: by name the operators that stay on the CPU."""

    __pydantic_config__ = STRICT

    accelerator: str
    operators: int
    parts: int
    left: Mapping[str, int]

    @property
    def on_cpu(self) -> int:
        """How many operators are left on the CPU."""
        return sum(self.left.values())

    @property
    def named(self) -> str:
        """ "SOFTMAX 2, ARG_MAX 1": what is left on the CPU, most first."""
        most = sorted(self.left.items(), key=lambda one: (-one[1], one[0]))
        return ", ".join(f"{name} {count}" for name, count in most)

    @property
    def text(self) -> str:
        """ "all 57 operators on ethos-u55-256", "3 of 60 operators left on the CPU: SOFTMAX 2, ARG_MAX 1"."""
        if not self.left:
            return f"all {self.operators} operators on {self.accelerator}"
        return f"{self.on_cpu} of {self.operators} operators left on the CPU: {self.named}"


@dataclass(frozen=True)
class Entry:
    """What was found of a cell beside its verdict: by a probe, for a target, on a runtime. `key`: of what it rests on,
    the cell's own included, so that adding one makes no cell stale. error: a fingerprint. deployed: of a target;
    compiled: of a runtime that is a compiler."""

    __pydantic_config__ = STRICT

    outcome: Outcome
    error: str | None
    max_abs: float | None
    megabytes: float | None
    key: str
    deployed: Deployed | None = None
    compiled: Compiled | None = None


@dataclass(frozen=True)
class Cell:
    """A cell as evidence keeps it. error: a fingerprint; limitation: the id of the rule that explains it.

    max_abs, floor: the next power of ten upwards, which repeats on another CPU; the measured figures stand in the run.
    level: 1 for the stages alone, 2 with probes. unlocked: of a package under test, never published.
    """

    __pydantic_config__ = STRICT

    case: str
    route: str
    verdict: Verdict
    grade: Grade | None
    opset: int | None
    attempts: tuple[AttemptLine, ...]
    remedies: tuple[str, ...]
    error: str | None
    limitation: str | None
    max_abs: float | None
    floor: float | None
    dynamic: Mapping[str, bool]
    signature: bool | None
    level: int
    probes: Mapping[str, Entry]
    targets: Mapping[str, Entry]
    runtimes: Mapping[str, Entry]
    unlocked: bool
    key: str

    @cached_property
    def named(self) -> tuple[str, ...]:
        """The remedies that the deciding attempt took."""
        return named(self.remedies)

    def decided_by(self, attempt: Attempt | AttemptLine) -> bool:
        """Whether an attempt has the opset and the remedies that gave the cell its verdict."""
        return attempt.opset == self.opset and attempt.remedies == self.named

    @property
    def deciding(self) -> AttemptLine | None:
        """The attempt that gave the cell its verdict."""
        mine = [attempt for attempt in self.attempts if self.decided_by(attempt)]
        return next((attempt for attempt in mine if attempt.error == self.error), mine[0] if mine else None)


@dataclass(frozen=True)
class EnvironmentFacts:
    """An environment as evidence tells of it. packages: name to version."""

    python: str
    lock_sha256: str | None
    packages: Mapping[str, str]
    shims: tuple[str, ...]
    resolve: Outcome
    install: Outcome
    import_: Outcome


@dataclass(frozen=True)
class CellRecord:
    """All that came of a cell in a run.

    `cell` is as in the evidence (None where no run was needed or none was possible), `attempts` in full, `environments`
    by id. `beside`: the failures that entries beside the verdict name. `targets`: what was measured of targets, by
    name; `without`: targets that were asked for and that the route cannot give, and why. `cached`: nothing ran, the
    store had it all.
    `interrupted`: untested, because this machine ended what ran; `reason` says how. `left_out`: what was asked for
    beside the verdict (level 2, a target, a runtime) and is not there, because this machine ended it, and how.
    """

    toolchain: str
    case: str
    route: str
    verdict: Verdict
    reason: str | None = None
    cell: Cell | None = None
    attempts: tuple[Attempt, ...] = ()
    environments: Mapping[str, EnvironmentFacts] = field(default_factory=dict)
    beside: tuple[Failure, ...] = ()
    targets: Mapping[str, TargetRun] = field(default_factory=dict)
    without: Mapping[str, str] = field(default_factory=dict)
    cached: bool = False
    interrupted: bool = False
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether this machine let the run come to all that was asked for."""
        return not self.interrupted and not self.left_out

    @property
    def place(self) -> CellId:
        return CellId(self.toolchain, self.case, self.route)

    @property
    def id(self) -> str:
        return str(self.place)

    @property
    def seconds(self) -> float:
        """Wall seconds of all attempts together, also of those that the store had."""
        return sum(attempt.total_seconds for attempt in self.attempts)

    @property
    def ran_at(self) -> str | None:
        """When the last of its attempts ran, ISO 8601."""
        return max((attempt.ran_at for attempt in self.attempts if attempt.ran_at), default=None)

    @property
    def host(self) -> str | None:
        """System and processor kind that the last attempt ran on."""
        return self.attempts[-1].host if self.attempts else None

    @property
    def deciding(self) -> Attempt | None:
        """The attempt that gave the cell its verdict; None for one that did not run."""
        if self.cell is None:
            return None
        met = [attempt for attempt in self.attempts if attempt.line.error == self.cell.error]
        return next((attempt for attempt in met if self.cell.decided_by(attempt)), met[0] if met else None)


def coarse(value: float | None) -> float | None:
    """The next power of ten upwards; 0 and None as they are."""
    if not value:
        return value
    digits, _, exponent = f"{value:.1e}".partition("e")
    return float(f"1e{int(exponent) + (digits != '1.0')}")


def two_digits(value: float | None) -> float | None:
    """`value` with two significant digits."""
    return None if value is None else float(f"{value:.1e}")


def finite(value: float) -> float | None:
    """JSON has no infinity."""
    return value if math.isfinite(value) else None


def toolchains_of(records: Sequence[CellRecord]) -> list[str]:
    """The toolchains of records, each once, in their order."""
    return list(dict.fromkeys(record.toolchain for record in records))
