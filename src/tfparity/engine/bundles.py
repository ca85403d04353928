"""Bundles on disk: what the source side leaves, kept by content key so that it is made once per source environment.

<key>/bundle.json                 format, declaration, samples, packages, sensitivity, floor
<key>/io.npz                      inputs and references (see docs/bundles.md)
<key>/<exporter>-<opset>-<key>/   the artifact, export.json, referee.npz
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from tfparity import paths
from tfparity.errors import MachineFault, WorkerError
from tfparity.paths import Bounds, Cache
from tfparity.planning.keys import BUNDLE_FORMAT
from tfparity.records import machine, readers, waiting
from tfparity.records.cells import Model, Note, Problem, StageReply
from tfparity.records.fingerprint import printable
from tfparity.records.keys import Json
from tfparity.records.numbers import Amount, Amounts
from tfparity.records.vocabulary import Outcome, Stage
from tfparity.worker.declare import Case

if TYPE_CHECKING:
    from tfparity.judging.arrays import Array

DESCRIPTION = "bundle.json"
IO = "io.npz"
_EXPORT = "export.json"
_REFEREE = "referee.npz"

#: Bytes that all arrays of a bundle may take.
LARGEST = 4 * 2**30

#: What answers may take beyond the room of torch's: so many times as much, and some bytes more. A wrong answer may have
#: another shape and type.
TIMES = 4
ALLOWANCE = 64 * 2**20

#: Bytes of a file of inputs and references: its arrays, their names and heads.
_LARGEST_IO = LARGEST + ALLOWANCE

#: Bytes of a file of JSON: what a worker's reply may take, of which most of it is.
LARGEST_JSON = 16 * 2**20

#: Files and folders of an export: exporters write a file per tensor, of a few thousand.
MOST_FILES = 100_000


def bounds(memory_mib: float, going: Callable[[], None] = waiting.nothing) -> Bounds:
    """How far an export is read: a model that takes more than the memory of a request was exported by none."""
    return Bounds(int(memory_mib * 2**20), going)


#: Where no matrix says what a request may take.
BOUNDS = bounds(8 * 2**10)

#: What damaged arrays raise, wherever they break; a plain .npy is no archive.
_DAMAGE = (
    ValueError,
    TypeError,
    AttributeError,
    NotImplementedError,
    EOFError,
    RecursionError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)

#: Seconds for which a bundle counts as being read once it was used: longer than an attempt takes.
IN_USE = 3600.0


class TooLarge(WorkerError):
    """Answers that would take the memory of our own process."""


class Odd(ValueError):
    """What lies in a bundle cannot be taken, and why: an exporter may write there whatever it likes."""


@dataclass(frozen=True)
class BundleFacts:
    """What the source side says of a model. sensitivity, bounded, unseen: see worker.sensitivity.Measured; floor:
    "float64" or "ulp"."""

    sensitivity: Mapping[str, Amounts] = field(default_factory=dict)
    floor: str | None = None
    float64_error: str | None = None
    parameters: int | None = None
    bounded: tuple[str, ...] = ()
    unseen: Mapping[str, Amount] = field(default_factory=dict)


@dataclass(frozen=True)
class ExportFacts:
    """What the file really is: its opset and its operators."""

    file_opset: int | None = None
    operators: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exported:
    """The source side of an attempt: its stages, what the file is, what the referee said of it.

    where: "file:line" of the case's code, where it did not build. notes: what a verdict on it will not tell. seal: the
    digests of `io` and of the files in `folder`, as they were when they were made; None of what was not kept. own: the
    folder of the run's own that it lies in (see `apart`), None where it lies in its bundle.
    """

    stages: tuple[StageReply, ...]
    bundle: BundleFacts
    facts: ExportFacts
    folder: Path
    io: Path
    referee: Path | None = None
    referee_error: str | None = None
    where: str | None = None
    notes: tuple[Note, ...] = ()
    seal: tuple[str, str] | None = None
    own: Path | None = None

    @property
    def passed(self) -> bool:
        return all(stage.passed for stage in self.stages)

    @property
    def model(self) -> Model | None:
        """What is known of the model; None where it was not built."""
        changes = self.bundle.sensitivity
        if not changes:
            return None
        weights = {name: max(by) for name, by in changes.items() if not name.startswith(("input:", "output:"))}
        moved = weights.keys() - set(self.bundle.bounded)
        least = min(sorted(moved), key=lambda name: weights[name], default=None)
        change = float(f"{weights[least]:.1e}") if least else None
        return Model(self.bundle.parameters, len(weights), least, change, self.facts.operators)


class NotTaken(MachineFault):
    """An export that passed, or a build (`at`), and what it left cannot be taken. Beside other cells it is not known
    whose exporter did it; `exported`: as it is where the cell was alone."""

    def __init__(self, exported: Exported, why: str, at: Stage = Stage.EXPORT, error: str = "BadExport") -> None:
        super().__init__(f"what was exported cannot be taken: {why}", at)
        before = [stage for stage in exported.stages if Stage(stage.stage).position < at.position]
        crashed = StageReply(at, Outcome.CRASH, error=Problem(error, why))
        self.exported = replace(exported, stages=(*before, crashed))


@dataclass(frozen=True)
class _Description:
    facts: BundleFacts
    io_sha256: str


@dataclass(frozen=True)
class _Stage(StageReply):
    """A stage reply as export.json keeps it."""

    stage: Stage


@dataclass(frozen=True)
class _ExportFile:
    stages: tuple[_Stage, ...]
    facts: ExportFacts
    referee_error: str | None
    files: Mapping[str, int]
    sha256: str


@dataclass(frozen=True)
class KeptAnswers:
    """Torch's answers to the calls of a probe that are there as a whole. unanswered: calls without one, by place, with
    the reason; sha256: of the file."""

    sha256: str
    unanswered: Mapping[int, str] = field(default_factory=dict)


def look_at(made: Path, io: Path, bounds: Bounds = BOUNDS) -> None:
    """Raises Odd where an export cannot be taken: where anything of it, or what stands for its inputs and references,
    is no plain file or folder, or there is more than `bounds` or MOST_FILES say. Raises OSError where this machine
    refused."""
    _files(made, bounds.at_most)
    try:
        with os.fdopen(paths.open_untrusted(io), "rb") as file:
            size = os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return
    except OSError as wrong:
        raise _odd(wrong) from None
    if size > _LARGEST_IO:
        raise Odd(f"{io.name} takes more than {LARGEST // 2**30} GiB")


def stays(bundle: Path) -> None:
    """Raises Odd where an exporter put something else in the place of the bundle's folder."""
    for folder in (bundle.parent, bundle):
        if not stat.S_ISDIR(_lstat(folder)):
            raise Odd(f"{printable(folder.name)} is no folder any more")


def in_place(bundle: Path, root: Path) -> None:
    """Have a bundle's folder below `root`, and nothing else in its place: an exporter could have us write where it may
    not by a link there. Raises OSError."""
    for folder in (bundle.parent, bundle):
        if folder.is_symlink():
            paths.discard(folder)
    paths.make_way(bundle / DESCRIPTION, root)


def _lstat(path: Path) -> int:
    """The mode of what stands there, 0 of nothing. Raises OSError where this machine refused."""
    try:
        return path.lstat().st_mode
    except OSError as wrong:
        if machine.refused(wrong):
            raise
        return 0


def describe(folder: Path, case: Case, origin: Mapping[str, Json], facts: BundleFacts, bounds: Bounds = BOUNDS) -> None:
    """Write a bundle's description: from now on it counts. `origin` says which environment made it. Raises Odd where
    its inputs and references cannot be taken."""
    content = {
        "format": BUNDLE_FORMAT,
        "case": case.declaration(),
        "samples": [sample._asdict() for sample in case.samples()],
        "origin": dict(origin),
        "facts": {name: value for name, value in asdict(facts).items() if value not in (None, (), {})},
        "io_sha256": _io_digest(folder / IO, bounds),
    }
    _write(folder / DESCRIPTION, content)


def facts_of(folder: Path, bounds: Bounds = BOUNDS) -> BundleFacts | None:
    """The facts of a bundle that is there as a whole and as it was made, else None."""
    found = _described(folder, bounds)
    return found.facts if found else None


def _described(folder: Path, bounds: Bounds) -> _Description | None:
    try:
        found = readers.reader(_Description).validate_json(_read(folder / DESCRIPTION))
        return found if _io_digest(folder / IO, bounds) == found.io_sha256 else None
    except (OSError, ValueError):
        return None


def keep(exported: Exported, referee_failed: Mapping[str, str], bounds: Bounds = BOUNDS) -> Exported:
    """Write what makes an export count; the export with its seal. `referee_failed`: samples that the referee could not
    run, with its reason. Raises Odd where it cannot be taken."""
    folder, digests = exported.folder, seal(exported, bounds)
    content = {
        "stages": [asdict(stage) for stage in exported.stages],
        "facts": asdict(exported.facts),
        "referee_error": exported.referee_error,
        "referee_failed": dict(referee_failed),
        "files": {str(file.relative_to(folder)): size for file, size in _files(folder, bounds.at_most).items()},
        "sha256": digests[1],
    }
    _write(folder / _EXPORT, content)
    return replace(exported, seal=digests)


def ours(made: Path) -> None:
    """Of what an exporter left, nothing stands where we write: what an export came to, what the referee answers."""
    if made.is_dir() and not made.is_symlink():
        for name in (_EXPORT, _REFEREE):
            paths.discard(made / name)


def seal(exported: Exported, bounds: Bounds = BOUNDS) -> tuple[str, str]:
    """The digests of the inputs and references, and of what was exported. Raises Odd where they cannot be taken,
    OSError where this machine refused."""
    return _io_digest(exported.io, bounds), _digest(exported.folder, bounds)


def changed(exported: Exported, bounds: Bounds = BOUNDS) -> bool:
    """Whether an export that was kept, or its inputs and references, are no more what they were: a converter that
    rewrites the references could make any answer right. Raises MachineFault where this machine cannot read them."""
    try:
        return exported.seal is not None and seal(exported, bounds) != exported.seal
    except Odd:
        return True
    except OSError as wrong:
        if machine.refused(wrong):
            raise MachineFault(f"a bundle cannot be read: {wrong.strerror}") from None
        return True


def forget(made: Path, folder: Path) -> None:
    """The export in `made` and its bundle don't count any more, whatever stands in them."""
    paths.discard(folder / DESCRIPTION)
    paths.discard(made / _EXPORT)


def _digest(folder: Path, bounds: Bounds) -> str:
    files = _files(folder, bounds.at_most)
    return _taken([file for file in files if file.name != _EXPORT or file.parent != folder], folder, bounds)


def _io_digest(io: Path, bounds: Bounds) -> str:
    return _taken([io], None, bounds._replace(at_most=_LARGEST_IO))


def _taken(files: Sequence[Path], root: Path | None, bounds: Bounds) -> str:
    """The digest of files of a bundle. Raises Odd where they cannot be taken, OSError where this machine refused."""
    try:
        return paths.digest(files, root, bounds)
    except OSError as wrong:
        raise _odd(wrong) from None


def _odd(wrong: OSError) -> Exception:
    """What is to be raised of a file of a bundle that cannot be read."""
    if machine.refused(wrong):
        return wrong
    named = f"{Path(os.fsdecode(wrong.filename)).name}: " if wrong.filename else ""
    return Odd(printable(f"{named}{wrong.strerror}"))


def artifact_digest(folder: Path, bounds: Bounds = BOUNDS) -> str:
    """Of an exported artifact, without what stands beside it. Raises Odd, OSError as `seal`."""
    files = _files(folder, bounds.at_most)
    return _taken([file for file in files if file.suffix not in (".json", ".npz")], folder, bounds)


def kept_export(made: Path, folder: Path, bounds: Bounds = BOUNDS) -> Exported | None:
    """The export in `made`, a folder of the bundle `folder`; None where either is not there as a whole."""
    common = _described(folder, bounds)
    try:
        kept = readers.reader(_ExportFile).validate_json(_read(made / _EXPORT))
        whole = all((made / name).lstat().st_size == size for name, size in kept.files.items())
        whole = whole and _digest(made, bounds) == kept.sha256
    except (OSError, ValueError):
        return None
    if common is None or not whole or not kept.stages:
        return None
    stages = tuple(
        StageReply(stage.stage, stage.outcome, stage.seconds, stage.peak_mib, stage.error) for stage in kept.stages
    )
    if any(not stage.passed and stage.error is None for stage in stages):
        return None
    answer = referee_file(made)
    refereed = answer if answer.exists() else None
    digests = common.io_sha256, kept.sha256
    return Exported(stages, common.facts, kept.facts, made, folder / IO, refereed, kept.referee_error, seal=digests)


def referee_file(made: Path) -> Path:
    """Where the referee's answers to an export go."""
    return made / _REFEREE


def keep_answers(io: Path, unanswered: Mapping[int, str], bounds: Bounds = BOUNDS) -> None:
    """Write what makes a probe's answers count: which calls torch does not answer, and why. Raises Odd where they
    cannot be taken."""
    _write(io.with_suffix(".json"), {"sha256": _io_digest(io, bounds), "unanswered": dict(unanswered)})


def kept_answers(io: Path, bounds: Bounds = BOUNDS) -> KeptAnswers | None:
    """What stands in a probe's file; None where it is not as it was made."""
    try:
        kept = readers.reader(KeptAnswers).validate_json(_read(io.with_suffix(".json")))
        return kept if _io_digest(io, bounds) == kept.sha256 else None
    except (OSError, ValueError):
        return None


def same_answers(io: Path, sha256: str | None) -> bool:
    """Whether a probe's answers are still what they were."""
    try:
        return _io_digest(io, BOUNDS) == sha256
    except (OSError, Odd):
        return False


def begin(made: Path) -> None:
    """What was exported there doesn't count any more. Raises MachineFault where its bundle was taken away, OSError
    where this machine refused."""
    try:
        remove(made, _EXPORT)
    except OSError as wrong:
        if machine.refused(wrong):
            raise
        raise MachineFault(f"a bundle cannot be made: {wrong.strerror}") from None


def apart(exported: Exported, own: Path, bounds: Bounds = BOUNDS) -> Exported:
    """The export and its references by names in `own`, a folder that is made: a run beside this one that makes them
    again takes away no file from who reads them here. Raises Odd where another exporter took them away, OSError where
    this machine refused."""
    own.mkdir(parents=True)
    folder = own / exported.folder.name
    try:
        for name in (IO, DESCRIPTION):
            if (exported.io.parent / name).is_file():
                _link(exported.io.parent / name, own / name)
        for file in _files(exported.folder, bounds.at_most):
            place = folder / file.relative_to(exported.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            _link(file, place)
    except OSError as wrong:
        raise _odd(wrong) from None
    if not (folder.is_dir() and (own / IO).is_file()):
        raise Odd("it was taken away once it was exported")
    answer = folder / exported.referee.name if exported.referee else None
    return replace(exported, folder=folder, io=own / IO, referee=answer, own=own)


def _link(file: str | Path, place: str | Path) -> None:
    """The same file by another name; a copy where the disk has no such links."""
    try:
        os.link(file, place, follow_symlinks=False)
    except OSError:
        shutil.copy2(file, place, follow_symlinks=False)


def read_arrays(path: Path | None, at_most: int = LARGEST) -> dict[str, Array]:
    """The arrays of an .npz; none where the file is missing or cannot be read. Never unpickles: a file that holds
    objects cannot be read. Raises TooLarge where they take more bytes, MachineFault where this machine cannot read
    them."""
    if path is None or not path.exists():
        return {}
    from tfparity.inputs import arrays_file  # and numpy, which a run of what is known needs not

    try:
        return arrays_file.read(path, at_most)
    except arrays_file.TooLarge:
        raise TooLarge(f"what came back takes more than {TIMES} times the room of what is expected") from None
    except MemoryError:
        raise MachineFault(f"{path.name} cannot be read: no memory") from None
    except OSError as wrong:
        if machine.refused(wrong):
            raise MachineFault(f"{path.name} cannot be read: {wrong.strerror}") from None
        return {}
    except _DAMAGE:
        return {}


def references(io: Path) -> dict[str, Array]:
    """The arrays of a file of inputs and references, or of a probe's answers. Raises Odd where another exporter took
    them away since they were looked at."""
    try:
        found = read_arrays(io)
    except TooLarge:
        found = {}
    if not found:
        raise Odd("the inputs and references were taken away")
    return found


def room(io: Path, turns: int = 1) -> int:
    """Bytes that the answers to a bundle's inputs may take, each given so many times: a few times what torch's do.
    What is larger is not read: it would take the memory of our own process."""
    from tfparity.inputs import arrays_file

    try:
        found = arrays_file.exchanged(io)
    except (OSError, *_DAMAGE):
        return ALLOWANCE
    return ALLOWANCE + turns * TIMES * sum(head.size for name, head in found.items() if name.startswith("float32/"))


def lacking(case: Case, io: Path) -> str | None:
    """What a bundle's inputs and references lack that the case declares; None where all are there."""
    from tfparity.inputs import arrays_file

    try:
        if io.lstat().st_size > _LARGEST_IO:
            return f"{io.name} takes more than {LARGEST // 2**30} GiB"
        found = arrays_file.exchanged(io)
    except (OSError, *_DAMAGE) as wrong:
        return f"{io.name} cannot be read: {printable(str(wrong)) or type(wrong).__name__}"
    for sample in case.samples():
        for given in case.inputs:
            head = found.get(f"input/{sample.index}/{given.name}")
            wanted = tuple(sample.sizes[size] if isinstance(size, str) else size for size in given.shape)
            if head is None or head.shape != wanted or head.dtype.name != given.dtype:
                return f"{io.name} lacks the input {given.name!r} of sample {sample.index} as it is declared"
        for output in case.outputs:
            end = f"/{sample.index}/{output.name}"
            reference = found.get(f"float32{end}")
            if reference is None or reference.dtype.kind not in "biufc":
                return f"{io.name} lacks the answer {output.name!r} to sample {sample.index}"
            if reference.dtype.kind in "fc" and not {f"float64{end}", f"ulp{end}"} & found.keys():
                return f"{io.name} lacks a second answer {output.name!r} to sample {sample.index}"
    size = sum(head.size for head in found.values())
    return f"{io.name} takes more than {LARGEST // 2**30} GiB" if size > LARGEST else None


def lock(cache: Cache, bundle: Path) -> FileLock:
    """To be held where a bundle is written or removed. What stands in the place of its file and is none is removed.
    Raises OSError."""
    file = cache.locks / f"{bundle.name}.lock"
    paths.make_way(file, cache.root)
    if not stat.S_ISREG(_lstat(file)):  # a link to a file
        paths.discard(file)
    return FileLock(file)


def prune(cache: Cache, limit_bytes: int) -> None:
    """Remove the bundles used longest ago until the rest is below the limit; none that is locked, or that was used so
    lately that an attempt may be reading it, of another run too. A link in a bundle's place is none: what it leads to
    may be anybody's."""
    sizes = []
    for bundle in cache.bundles.glob("*/*"):
        if bundle.parent.is_symlink() or bundle.is_symlink():
            continue
        try:
            files = [file.lstat() for file in paths.below(bundle)]
        except OSError:  # another run removes it at this moment
            continue
        if bundle.is_dir():
            used = max((file.st_mtime for file in files), default=0.0)
            used = 0.0 if used > time.time() + IN_USE else used  # of no run: an exporter's, or of another clock
            sizes.append((used, sum(min(file.st_size, file.st_blocks * 512) for file in files), bundle))
    total = sum(size for _, size, _ in sizes)
    for used, size, bundle in sorted(sizes, key=lambda entry: entry[0]):
        if total <= limit_bytes or time.time() - used < IN_USE:
            return
        with suppress(Timeout, OSError), lock(cache, bundle).acquire(blocking=False):
            remove(bundle, DESCRIPTION)
            total -= size


def remove(folder: Path, description: str) -> None:
    """Delete a folder, first what says that it is whole: a removal that is cut off leaves nothing that counts. What a
    link in its place names stays as it is."""
    if folder.is_dir() and not folder.is_symlink():
        paths.discard(folder / description)
    paths.discard(folder)


def _write(file: Path, content: Mapping[str, object]) -> None:
    """What makes a folder or a file count, in the place of whatever stands there. Raises Odd where its folder was taken
    away, OSError where this machine refused."""
    text = json.dumps(content).encode()
    try:
        if file.is_symlink() or (file.exists() and not file.is_file()):  # of a folder that an exporter may write to
            paths.discard(file)
        paths.write_bytes(file, _seal_of(text) + text[1:])
    except OSError as wrong:
        raise _odd(wrong) from None


def _read(file: Path) -> bytes:
    """What `_write` wrote. Raises OSError, ValueError where it is something else now; one without a seal, as older ones
    and those of other authors, is taken as it is."""
    text = paths.read_untrusted(file, LARGEST_JSON)
    if text.startswith(_SEAL):
        kept = b"{" + text[len(_seal_of(b"")) :]
        if text != _seal_of(kept) + kept[1:]:
            raise ValueError(f"{file.name} is not as it was written")
    return text


def _seal_of(text: bytes) -> bytes:
    return _SEAL + b' "%s", ' % hashlib.sha256(text).hexdigest().encode()


_SEAL = b'{"seal":'


def _files(folder: Path, at_most: int) -> dict[Path, int]:
    """The files below a folder that code under test may write to, in order, with their sizes in bytes. Raises Odd where
    there is anything but plain files and folders, or more than that; OSError where this machine refused."""
    found: dict[Path, int] = {}
    size, seen, folders = 0, 0, [folder]
    try:
        while folders:
            below = folders.pop()
            descriptor = os.open(below, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                with os.scandir(descriptor) as entries:
                    for entry in entries:
                        path, there = below / entry.name, entry.stat(follow_symlinks=False)
                        seen += 1
                        if stat.S_ISDIR(there.st_mode):
                            folders.append(path)
                        elif stat.S_ISREG(there.st_mode):
                            found[path] = there.st_size
                            size += there.st_size
                        else:
                            raise Odd(f"{printable(path.name)} is no plain file")
                        if seen > MOST_FILES:
                            raise Odd(f"more than {MOST_FILES:,} files")
                        if size > at_most:
                            raise Odd(f"it takes more than {at_most / 2**30:.3g} GiB, the limit of memory")
                        entry.name.encode()
            finally:
                os.close(descriptor)
    except UnicodeEncodeError:
        raise Odd("a file's name is not UTF-8") from None
    except OSError as wrong:
        raise _odd(wrong) from None
    return dict(sorted(found.items()))
