"""Outputs that onnx2tf left channels last are transposed to channels first: the SavedModel is wrapped."""

from contextlib import contextmanager
from typing import Any, Iterator, Sequence, Tuple

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._serving import Declared, changed

#: From channels last to channels first, by rank.
_TURNS = {3: (0, 2, 1), 4: (0, 3, 1, 2), 5: (0, 4, 1, 2, 3)}


def _is_turned(given: Sequence[Any], declared: Sequence[Any]) -> bool:
    """Whether an output's static shape can be the declared one (None where dynamic) with its channels last. If the
    sizes allow both readings it counts as transposed; the parity stage decides."""
    turn = _TURNS.get(len(declared))
    if turn is None or len(given) != len(declared):
        return False
    return all(None in pair or pair[0] == pair[1] for pair in zip([given[axis] for axis in turn], declared))


def _first(value: Any, output: Declared) -> Tuple[str, Any]:
    import tensorflow as tf

    name, sizes = output
    if value.shape.rank is not None and _is_turned(value.shape.as_list(), sizes):
        value = tf.transpose(value, _TURNS[value.shape.rank])
    return name, value


@contextmanager
def converting() -> Iterator[None]:
    with changed(_first):
        yield


REMEDY = Remedy(revision=1, converting=converting)
