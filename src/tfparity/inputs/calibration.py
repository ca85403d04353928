"""A user's own examples of a model's inputs: an .npz file with an array for each input, read and checked.

What quantizes a model needs to see what flows through it: a hundred typical examples or so
(https://www.tensorflow.org/lite/performance/post_training_quantization#full_integer_quantization).
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfparity import paths
from tfparity.errors import DataError
from tfparity.inputs import names
from tfparity.worker.declare import Case, Input

if TYPE_CHECKING:
    from typing import Any

    import numpy

    Array = numpy.ndarray[Any, Any]

#: The axis whose rows are examples.
BATCH = "batch"

NO_ARCHIVE = "is no .npz file: write it with numpy.savez, an array for each input under its name"
OBJECTS = "holds Python objects, which are never read: write arrays of numbers"


@dataclass(frozen=True)
class Calibration:
    """The examples of a file. digest: of its bytes."""

    file: Path
    digest: str
    arrays: Mapping[str, Array]

    def write(self, case: Case, file: Path) -> tuple[int, ...]:
        """Write them into a new file as a worker reads them, "input/<example>/<name>"; the numbers of the examples.
        Raises what `examples` raises, FileExistsError."""
        import numpy

        examples = self.examples(case)
        stored = {
            f"input/{place}/{name}": example for name, each in examples.items() for place, example in enumerate(each)
        }
        with file.open("xb") as opened:
            numpy.savez(opened, **stored)  # type: ignore[arg-type] # numpy's own stub of **kwds
        return tuple(range(len(next(iter(examples.values())))))

    def examples(self, case: Case) -> dict[str, list[Array]]:
        """By input, its examples, with as many rows each as the case's exported batch has. Raises DataError where they
        are not the case's inputs."""
        examples = {declared.name: self._examples(case, declared) for declared in case.inputs}
        strange = sorted(self.arrays.keys() - examples.keys())
        if strange:
            raise self._wrong(f"{strange[0]!r} is no input of {case.id}", case, strange[0])
        counts = {name: len(each) for name, each in examples.items()}
        if len(set(counts.values())) > 1:
            told = ", ".join(f"{count} of {name}" for name, count in counts.items())
            raise DataError(f"the inputs have different numbers of examples: {told}", file=self.file)
        return examples

    def _examples(self, case: Case, declared: Input) -> list[Array]:
        """An input's examples, each of the shape that the model takes."""
        array = self.arrays.get(declared.name)
        if array is None:
            raise self._wrong(f"lacks the input {declared.name!r} of {case.id}", case, declared.name)
        shape = ", ".join(map(str, declared.shape))
        if str(array.dtype) != declared.dtype:
            raise DataError(
                f"{declared.name!r} is {array.dtype}, {case.id} takes {declared.dtype}: save it with "
                f".astype({declared.dtype!r})",
                file=self.file,
            )
        batched = bool(declared.shape) and declared.shape[0] == BATCH
        if batched and array.ndim == len(declared.shape) and _fits(array.shape[1:], declared.shape[1:]):
            rows = case.axes[BATCH][0]
            if len(array) < rows:
                raise DataError(f"{declared.name!r} has {len(array)} rows, and one batch has {rows}", file=self.file)
            return [array[first : first + rows] for first in range(0, len(array) - rows + 1, rows)]
        if array.ndim == len(declared.shape) + 1 and len(array) and _fits(array.shape[1:], declared.shape):
            return list(array)
        asked = f"(examples, {shape.partition(', ')[2]})" if batched else f"(examples, {shape})"
        raise DataError(
            f"{declared.name!r} has the shape {array.shape}, {case.id} takes ({shape}): an array of examples has the "
            f"shape {asked}",
            file=self.file,
        )

    def _wrong(self, problem: str, case: Case, name: str) -> DataError:
        declared = [one.name for one in case.inputs]
        meant = names.closest(name, self.arrays if name in declared else declared)
        guess = f", did you mean {meant!r}?" if meant else ""
        have = ", ".join(self.arrays) or "no array"
        return DataError(f"{problem}{guess} It has {have}; the model takes {', '.join(declared)}", file=self.file)


def _fits(found: tuple[int, ...], declared: tuple[int | str, ...]) -> bool:
    return len(found) == len(declared) and all(
        isinstance(size, str) or size == there for there, size in zip(found, declared, strict=True)
    )


#: Bytes of a file of examples.
LARGEST = 4 * 2**30


def read(file: Path) -> Calibration:
    """The examples of an .npz file, of numbers alone: nothing in it is unpickled. Raises DataError."""
    import numpy

    try:
        content = paths.read_bytes(file, LARGEST)
        if not zipfile.is_zipfile(file):
            raise DataError(NO_ARCHIVE, file=file)
        with numpy.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except OSError as wrong:
        raise DataError(f"cannot be read: {wrong.strerror or wrong}", file=file) from None
    except (ValueError, TypeError, EOFError, AttributeError, NotImplementedError, zipfile.BadZipFile) as wrong:
        raise DataError(OBJECTS if "allow_pickle" in str(wrong) else NO_ARCHIVE, file=file) from None
    return Calibration(file, hashlib.sha256(content).hexdigest()[:16], arrays)
