"""Handlers of onnx-tf, changed during a conversion."""

from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator


@contextmanager
def changed(handler: Any, methods: Dict[str, Callable[..., Any]]) -> Iterator[None]:
    """A context in which the handler's class has these class methods: (handler, node, **kwargs) -> outputs."""
    before = {name: handler.__dict__.get(name) for name in methods}
    for name, method in methods.items():
        setattr(handler, name, classmethod(method))
    try:
        yield
    finally:
        for name, old in before.items():
            delattr(handler, name) if old is None else setattr(handler, name, old)


@contextmanager
def added(methods: Dict[str, Callable[..., Any]]) -> Iterator[None]:
    """A context in which operators without a handler in onnx-tf have one: (handler, node, **kwargs) -> outputs."""
    from onnx_tf import backend
    from onnx_tf.handlers.backend.identity import Identity

    # Of a handler of its own: onnx-tf takes every direct subclass of BackendHandler for one, for good.
    handlers = {name: type(name, (Identity,), {"handle": classmethod(method)}) for name, method in methods.items()}
    before = backend.get_all_backend_handlers

    def more(opsets: Any) -> Any:
        found = before(opsets)
        found[""] = {**handlers, **found.get("", {})}
        return found

    backend.get_all_backend_handlers = more
    try:
        yield
    finally:
        backend.get_all_backend_handlers = before
