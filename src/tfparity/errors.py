"""The errors that end a command: one class per exit code, each message says cause and remedy.

Exit codes 0 to 9 belong to pytest and to the shell's habits (0 all is well, 1 a test failed, 2 usage).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path


class TfparityError(Exception):
    """The base: `exit_code` is what the command ends with."""

    exit_code = 10


class UsageError(TfparityError):
    """The command line asks for something that cannot be."""

    exit_code = 2


class AbsentError(UsageError):
    """A requirement names a package, or versions of one, that the index does not have.

    `name`: of the first such package. In a file of requirements it is a RequirementsError, of --with a PackageError.
    """

    def __init__(self, message: str, name: str) -> None:
        self.name = name
        super().__init__(message)


class InputError(TfparityError):
    """A file that a person writes is wrong: the place, the cause and the remedy in one line."""

    def __init__(self, message: str, *, file: Path | str, line: int | None = None) -> None:
        self.file, self.line, self.message = str(file), line, message
        super().__init__(f"{file}:{line}: {message}" if line else f"{file}: {message}")

    def __reduce__(self) -> tuple[partial[InputError], tuple[str]]:
        return partial(type(self), file=self.file, line=self.line), (self.message,)


class MatrixError(InputError):
    """matrix.yaml is wrong."""

    exit_code = 11


class CaseError(InputError):
    """A case file cannot be imported or declares a case wrongly."""

    exit_code = 12


class LimitationError(InputError):
    """limitations.yaml is wrong."""

    exit_code = 13


class EvidenceError(InputError):
    """A results file cannot be read."""

    exit_code = 14


class RequirementsError(InputError):
    """A user's own list of packages is wrong."""

    exit_code = 22


class QuarantineError(InputError):
    """flaky.yaml is wrong."""

    exit_code = 28


class LockError(TfparityError):
    """A lockfile is missing, does not fit its pins, or could not be made."""

    exit_code = 15


class InterpreterError(TfparityError):
    """No interpreter of the version that an environment asks for."""

    exit_code = 16


class NetworkError(TfparityError):
    """The package index cannot be reached."""

    exit_code = 17


class DiskError(TfparityError):
    """Not enough free disk, with the figure."""

    exit_code = 18


class InstallError(TfparityError):
    """A lockfile that resolves does not install."""

    exit_code = 19


class WorkerError(TfparityError):
    """The worker process itself could not be started or spoken to."""

    exit_code = 20


class SchedulerError(TfparityError):
    """A cluster cannot be used: no scheduler or worker answers, or a worker has other code or packages than ours."""

    exit_code = 23


class PackageError(TfparityError):
    """A package under test cannot be laid over a toolchain: it is not there, does not fit, or does not resolve."""

    exit_code = 27


class SandboxError(TfparityError):
    """A sandbox is required, and this machine allows none."""

    exit_code = 29


class MachineFault(TfparityError):
    """This machine ended a request: a signal from outside, a dead parent, a full disk; or it comes to another end than
    before where nothing changed. It says nothing of a toolchain.

    `stage`: the one that was running; `memory_mib`: the last reading of the request's memory, None without one;
    `no_memory`: it asked for memory that it did not get.
    """

    exit_code = 21

    def __init__(
        self, message: str, stage: str | None = None, memory_mib: float | None = None, *, no_memory: bool = False
    ) -> None:
        self.stage, self.memory_mib, self.no_memory = stage, memory_mib, no_memory
        super().__init__(message)


class DataError(InputError):
    """A file of a user's own examples does not hold what the model takes."""

    exit_code = 25


class ArtifactError(InputError):
    """What is to be run is neither a SavedModel nor a .tflite file, or only a part of one."""

    exit_code = 24


class GoldenError(InputError):
    """A file of inputs and answers (docs/runtimes.md) cannot be used."""

    exit_code = 26
