"""The second referee: onnx's own evaluator, asked where ONNX Runtime's answer for an exported file is in doubt."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

from tfparity.engine import bundles, referee
from tfparity.engine.bundles import Exported
from tfparity.engine.process_limits import Limits
from tfparity.judging.judge import SecondReferee
from tfparity.worker.declare import Case


def ask(exported: Exported, case: Case, folder: Path, limits: Limits, aborted: Callable[[], bool]) -> SecondReferee:
    """What it says of an export's file, within the memory of a request and the referee's time. `folder`: of the run.

    Of an ONNX file that is the case itself, its answer is the reference already, and no second opinion. Raises
    MachineFault where this machine ended it.
    """
    if case.onnx_opset:
        return SecondReferee(None, "the reference is onnx's own evaluator already")
    result = folder / f"second-{uuid.uuid4().hex[:12]}.npz"
    names = [output.name for output in case.outputs]
    try:
        said = referee.ask(
            exported.folder / "model.onnx", exported.io, result, names, limits.memory_mib, aborted, referee.SECOND
        )
        return SecondReferee(bundles.read_arrays(said.result, bundles.room(exported.io)) or None, said.error)
    except bundles.TooLarge as wrong:
        return SecondReferee(None, f"OutputSize: {wrong}")
    finally:
        result.unlink(missing_ok=True)
