"""Functions of torch put in the place of others while a model is traced."""

from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator

from tfparity.worker.messages import Refused


@contextmanager
def replaced(table: Dict[Any, Callable[..., Any]]) -> Iterator[None]:
    """Within it, a call of a key of `table` is a call of its value; where that gives NotImplemented, of itself.

    Raises Refused where torch is older than its function modes (1.13).
    """
    try:
        from torch.overrides import TorchFunctionMode
    except ImportError:
        raise Refused("TooOldForRemedy", "torch has no TorchFunctionMode before 1.13") from None

    class Instead(TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            answer: Any = NotImplemented
            if function in table:
                answer = table[function](*args, **(kwargs or {}))
            return function(*args, **(kwargs or {})) if answer is NotImplemented else answer

    with Instead():
        yield
