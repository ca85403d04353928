"""The model is exported at one size: no axis is dynamic."""

from typing import Union

from tfparity.worker.declare import Case
from tfparity.worker.remedies import Remedy


def declare(case: Case) -> Case:
    """The case with its axes fixed at the exported sizes."""
    sizes = {axis: tried[0] for axis, tried in case.axes.items()}

    def size(dimension: Union[int, str]) -> int:
        return sizes[dimension] if isinstance(dimension, str) else dimension

    inputs = tuple(given._replace(shape=tuple(size(dimension) for dimension in given.shape)) for given in case.inputs)
    return case._replace(inputs=inputs, axes={})


REMEDY = Remedy(revision=1, declare=declare)
