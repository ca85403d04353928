"""Which declared inputs are refused since they would go to another parameter of the model."""

from types import SimpleNamespace
from typing import Any

import pytest

from tfparity.worker.declare import Case, normal
from tfparity.worker.frameworks import pytorch
from tfparity.worker.messages import Refused


def ids_mask(ids: Any, mask: Any, *, scale: float = 1.0) -> None: ...


def any_number(*tensors: Any) -> None: ...


class Method:
    def forward(self, ids: Any, mask: Any) -> None: ...


def case(*names: str) -> Case:
    found: Any = SimpleNamespace(inputs=[normal("batch", 4, name=name) for name in names])
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("forward", "names", "refused"),
    [
        (ids_mask, ("ids", "mask"), None),
        (ids_mask, ("ids",), None),
        (ids_mask, ("tokens", "attention"), None),  # names of one's own
        (ids_mask, ("tokens", "mask"), None),
        (ids_mask, ("mask", "ids"), "the input 'mask' stands at the place of ids"),
        (ids_mask, ("mask",), "the input 'mask' stands at the place of ids"),
        (ids_mask, ("tokens", "ids"), "the input 'ids' stands at the place of mask"),
        (ids_mask, ("a", "b", "ids"), "the input 'ids' stands at the place of none"),
        (ids_mask, ("scale", "mask"), None),  # which no position can give
        (any_number, ("b", "a"), None),
        (Method().forward, ("ids", "mask"), None),
        (Method().forward, ("mask", "ids"), "forward takes ids, mask"),
        (print, ("sep", "end"), None),
        (object(), ("b", "a"), None),  # no signature
    ],
)
def test_an_input_with_the_name_of_another_parameter_is_refused(
    forward: Any, names: tuple[str, ...], refused: str | None
) -> None:
    model = SimpleNamespace(forward=forward)
    if refused is None:
        pytorch._refuse_other_order(model, case(*names))
        return
    with pytest.raises(Refused) as wrong:
        pytorch._refuse_other_order(model, case(*names))
    assert (wrong.value.type, refused in str(wrong.value)) == ("InputOrder", True)
