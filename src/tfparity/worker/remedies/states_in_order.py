"""torchax gets weights, buffers and constants in the order in which the exported program expects them."""

from contextlib import contextmanager
from typing import Any, Iterator, List, Tuple

from tfparity.worker.remedies import Remedy


@contextmanager
def converting() -> Iterator[None]:
    from torchax import export

    kept = export._extract_states_from_exported_program
    export._extract_states_from_exported_program = states
    try:
        yield
    finally:
        export._extract_states_from_exported_program = kept


def states(program: Any) -> Tuple[List[str], List[Any]]:
    """Names and tensors of the program's parameters before its inputs."""
    from torch.export.graph_signature import InputKind

    kinds = (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR)
    names = [spec.target for spec in program.graph_signature.input_specs if spec.kind in kinds]
    known = {**program.constants, **program.state_dict}
    return names, [known[name] for name in names]


REMEDY = Remedy(revision=1, converting=converting)
