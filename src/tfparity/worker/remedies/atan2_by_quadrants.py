"""torch.atan2 with the right angle on the axes: the exporter's atan(y / x) gives -pi for (0, -1) and NaN for (0, 0).

By the table of IEEE 754 for atan2, signed zeros and infinities too; the sign of a zero is that of its reciprocal.
"""

import math
from typing import Any, ContextManager

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._functions import by_name, replaced


def exporting() -> ContextManager[None]:
    import torch

    def negative(x: Any) -> Any:
        """Whether the sign of x is set, of -0.0 too."""
        return (x < 0) | ((x == 0) & (1 / x < 0))

    def atan2(y: Any, x: Any) -> Any:
        if not (y.dtype.is_floating_point and x.dtype == y.dtype):
            return NotImplemented
        largest = torch.finfo(y.dtype).max
        far = (torch.abs(y) > largest) & (torch.abs(x) > largest)
        one, zero = torch.ones_like(x), torch.zeros_like(x)
        up, along = torch.where(far, torch.sign(y), y), torch.where(far, torch.sign(x), x)
        both = (y == 0) & (x == 0)
        steep = torch.atan(torch.abs(torch.where(both, zero, up) / torch.where(both, one, along)))
        angle = torch.where(negative(x), math.pi - steep, steep)
        return torch.where(negative(y), -angle, angle)

    return replaced(by_name({"arctan2": atan2, "atan2": atan2}))


REMEDY = Remedy(revision=1, exporting=exporting)
