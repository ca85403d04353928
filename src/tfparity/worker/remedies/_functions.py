"""Functions of torch put in the place of others while a model is traced.

torch asks about the outermost call alone: what a function of torch.nn.functional calls in its turn, such as
multi_head_attention_forward scaled_dot_product_attention, stays torch's own.
"""

import inspect
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, NamedTuple, Sequence

from tfparity.worker.messages import Refused


class Found(NamedTuple):
    """What functions answer that find elements, as torch's own answers are called."""

    values: Any
    indices: Any


def function_mode() -> Any:
    """The class of torch for that. Raises Refused where torch is older than it (1.13)."""
    try:
        from torch.overrides import TorchFunctionMode
    except ImportError:
        raise Refused("TooOldForRemedy", "torch has no TorchFunctionMode before 1.13") from None
    return TorchFunctionMode


def asked(instead: Callable[..., Any], args: Sequence[Any], kwargs: Dict[str, Any]) -> Any:
    """What `instead` answers; NotImplemented as well where it does not know such arguments."""
    try:
        inspect.signature(instead).bind(*args, **kwargs)
    except TypeError:
        return NotImplemented
    return instead(*args, **kwargs)


@contextmanager
def replaced(table: Dict[Any, Callable[..., Any]]) -> Iterator[None]:
    """Within it, a call of a key of `table` is a call of its value; where that gives NotImplemented, or has not all
    arguments of the call, of itself.

    Raises Refused as `function_mode` does.
    """

    class Instead(function_mode()):  # type: ignore[misc]
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            answer = asked(table[function], args, kwargs) if function in table else NotImplemented
            return function(*args, **kwargs) if answer is NotImplemented else answer

    with Instead():
        yield


def by_name(table: Dict[str, Callable[..., Any]]) -> Dict[Any, Callable[..., Any]]:
    """`table`, whose keys are names, with every function of such a name in torch as keys: torch.diff, Tensor.diff."""
    import torch

    places = (torch, torch.Tensor, torch.special, torch.linalg, torch.nn.functional)
    found = {}
    for name, instead in table.items():
        for place in places:
            if hasattr(place, name):
                found[getattr(place, name)] = instead
    return found
