"""Handlers of onnx-tf, changed for the length of a conversion."""

from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator


@contextmanager
def changed(handler: Any, methods: Dict[str, Callable[..., Any]]) -> Iterator[None]:
    """Within it, the handler's class has those class methods: (handler, node, **kwargs) -> outputs."""
    before = {name: handler.__dict__.get(name) for name in methods}
    for name, method in methods.items():
        setattr(handler, name, classmethod(method))
    try:
        yield
    finally:
        for name, old in before.items():
            delattr(handler, name) if old is None else setattr(handler, name, old)
