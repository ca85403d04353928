"""The words of evidence, each once: stages, outcomes, verdicts, grades, tiers, targets.

Every word is a `StrEnum`: it is written to JSON as it stands and compares equal to its text.
"""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """The stages of an environment and then of a cell, in order: a later one is further."""

    RESOLVE = "resolve"
    INSTALL = "install"
    IMPORT = "import"
    BUILD = "build"
    EXPORT = "export"
    CHECK = "check"
    CONVERT = "convert"
    LOAD = "load"
    PARITY = "parity"
    DYNAMIC_SHAPE = "dynamic-shape"
    SIGNATURE = "signature"
    PROBE = "probe"
    TARGET = "target"  # the making of a target out of the SavedModel, and whatever comes of it
    COMPILE = "compile"  # by a compiler for an edge device

    @property
    def position(self) -> int:
        """0 for the first stage; larger is further."""
        return _POSITIONS[self]

    @property
    def of_attempt(self) -> bool:
        """Whether an attempt at a cell runs it: a name that none runs has no part in any cell's key."""
        return self in _OF_ATTEMPT

    @property
    def of_source(self) -> bool:
        """Whether the source side runs it."""
        return self in (Stage.BUILD, Stage.EXPORT, Stage.CHECK)

    @property
    def before_export(self) -> bool:
        """Whether the opset has no influence on it."""
        return self.position < Stage.EXPORT.position


class Outcome(StrEnum):
    """How a stage ended."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    CRASH = "crash"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out-of-memory"
    NOT_APPLICABLE = "not-applicable"  # a route finds that the built model is none that it takes
    SKIPPED = "skipped"
    UNTESTED = "untested"

    @property
    def passed(self) -> bool:
        return self is Outcome.PASS

    @property
    def cut_off(self) -> bool:
        """Whether it did not come to its end, so that beside a verdict it says nothing."""
        return self in (Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY, Outcome.UNTESTED)


class Verdict(StrEnum):
    """Every verdict that a planned cell can have, from the best to those that say nothing. Totals are in this order."""

    WORKS = "works"
    WORKS_WITH_REMEDY = "works-with-remedy"
    PARTIAL = "partial"
    BROKEN = "broken"
    NOT_APPLICABLE = "not-applicable"
    UNRESOLVABLE = "unresolvable"
    UNTESTED = "untested"
    STALE = "stale"

    @property
    def works(self) -> bool:
        """Whether the case converts: without a remedy or with one."""
        return self in (Verdict.WORKS, Verdict.WORKS_WITH_REMEDY)

    @property
    def failing(self) -> bool:
        """Whether it needs a limitation."""
        return self in (Verdict.PARTIAL, Verdict.BROKEN)

    @property
    def ran(self) -> bool:
        """Whether a run of the cell as it now is gave it: the verdicts that evidence stores."""
        return self.works or self.failing

    @property
    def position(self) -> int:
        """0 for the best."""
        return list(Verdict).index(self)


class Grade(StrEnum):
    """How far an answer is from the reference, from the best to the worst (see judging.compare)."""

    FLOAT32_NOISE = "float32-noise"
    WITHIN_1E5 = "1e-5"
    WITHIN_PRECISION = "precision"  # of a target that keeps fewer bits: within what these allow
    WITHIN_1E3 = "1e-3"
    FORM = "form"  # of a target whose numbers say nothing: its shapes and types are right
    DIVERGED = "diverged"

    @property
    def rank(self) -> int:
        """0 for the best."""
        return list(Grade).index(self)

    @property
    def right(self) -> bool:
        """Whether it counts as the right answer."""
        return self.of_float32 or self in (Grade.WITHIN_PRECISION, Grade.FORM)

    @property
    def of_float32(self) -> bool:
        """Whether it counts as the right answer of a cell, which keeps all bits."""
        return self in (Grade.FLOAT32_NOISE, Grade.WITHIN_1E5)


class Tier(StrEnum):
    """Which cases a run takes; each holds the one before it."""

    SMOKE = "smoke"
    CORE = "core"
    FULL = "full"
    ALL = "all"


#: The tag of a case that is too large for any tier but "all".
HEAVY = "heavy"


class Target(StrEnum):
    """What is deployed, each declared by a module of worker/targets."""

    SAVED_MODEL = "saved-model"
    SAVED_MODEL_XLA = "saved-model-xla"
    TFLITE_FLOAT32 = "tflite-float32"
    TFLITE_DYNAMIC = "tflite-dynamic"
    TFLITE_FLOAT16 = "tflite-float16"
    TFLITE_INT8 = "tflite-int8"
    TFLITE_INT8_IO = "tflite-int8-io"
    LITERT_DYNAMIC_INT8 = "litert-dynamic-int8"
    LITERT_WEIGHT_ONLY_INT8 = "litert-weight-only-int8"
    LITERT_DYNAMIC_INT4 = "litert-dynamic-int4"
    LITERT_INT8 = "litert-int8"


class Precision(StrEnum):
    """How a target keeps its numbers (see worker.targets.Target)."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    DYNAMIC = "dynamic"
    DYNAMIC_INT4 = "dynamic-int4"
    WEIGHTS_INT8 = "weights-int8"
    INT8 = "int8"


#: How remedies that no attempt names are written: a shim of the environment, a lowered opset.
_SHIM, _OPSET = "shim:", "opset-"

_POSITIONS = {stage: place for place, stage in enumerate(Stage)}

_OF_ATTEMPT = frozenset(
    (
        *(Stage.BUILD, Stage.EXPORT, Stage.CHECK),
        *(Stage.CONVERT, Stage.LOAD, Stage.PARITY, Stage.DYNAMIC_SHAPE, Stage.SIGNATURE),
    )
)


def shim_remedy(name: str) -> str:
    """The remedy that a shim of an environment counts as."""
    return _SHIM + name


def opset_remedy(opset: int) -> str:
    """The remedy that a lowered opset counts as."""
    return f"{_OPSET}{opset}"


def named(remedies: tuple[str, ...]) -> tuple[str, ...]:
    """Of a cell's remedies those that were tried by name: no shim of the environment, no opset."""
    return tuple(name for name in remedies if not name.startswith((_SHIM, _OPSET)))


class Sandboxing(StrEnum):
    """What --sandbox says of code under test: inside one where the system has one, never, or not without."""

    AUTO = "auto"
    OFF = "off"
    REQUIRED = "required"
