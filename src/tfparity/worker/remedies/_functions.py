"""Functions of torch replaced while a model is traced.

torch dispatches the outermost call only: what a function of torch.nn.functional calls itself, as
multi_head_attention_forward calls scaled_dot_product_attention, is not replaced.
"""

import inspect
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, NamedTuple, Sequence

from tfparity.worker.messages import Refused


class Found(NamedTuple):
    """What functions that find elements return, with torch's names."""

    values: Any
    indices: Any


def function_mode() -> Any:
    """The class TorchFunctionMode of torch. Raises Refused if torch is too old for it (before 1.13)."""
    try:
        from torch.overrides import TorchFunctionMode
    except ImportError:
        raise Refused("TooOldForRemedy", "torch has no TorchFunctionMode before 1.13") from None
    return TorchFunctionMode


def asked(instead: Callable[..., Any], args: Sequence[Any], kwargs: Dict[str, Any]) -> Any:
    """What `instead` returns; NotImplemented also if it does not accept such arguments."""
    try:
        inspect.signature(instead).bind(*args, **kwargs)
    except TypeError:
        return NotImplemented
    return instead(*args, **kwargs)


@contextmanager
def replaced(table: Dict[Any, Callable[..., Any]]) -> Iterator[None]:
    """A context in which a call of a key of `table` calls its value instead; the original is called if the value
    returns NotImplemented or does not accept the arguments.

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
    """`table` with functions as keys instead of names: all of torch's functions of such a name, torch.diff and
    Tensor.diff."""
    import torch

    places = (torch, torch.Tensor, torch.special, torch.linalg, torch.nn.functional)
    found = {}
    for name, instead in table.items():
        for place in places:
            if hasattr(place, name):
                found[getattr(place, name)] = instead
    return found
