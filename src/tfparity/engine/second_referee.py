"""The second referee: onnx's own evaluator, asked where ONNX Runtime's answer for an exported file is in doubt."""

from __future__ import annotations

import uuid

from tfparity.engine import bundles, referee
from tfparity.engine.bundles import Exported
from tfparity.engine.referee import Referee
from tfparity.judging.judge import SecondReferee
from tfparity.worker.declare import Case


def ask(exported: Exported, case: Case, asked: Referee) -> SecondReferee:
    """What it says of an export's file, held to what the first one is held to.

    Of an ONNX file that is the case itself, its answer is the reference already, and no second opinion. Raises
    MachineFault where this machine ended it.
    """
    if case.onnx_opset:
        return SecondReferee(None, "the reference is onnx's own evaluator already")
    result = asked.folder / f"second-{uuid.uuid4().hex[:12]}.npz"
    names = [output.name for output in case.outputs]
    try:
        said = asked.ask(exported.folder / "model.onnx", exported.io, result, names, referee.SECOND)
        return SecondReferee(bundles.read_arrays(said.result, bundles.room(exported.io)) or None, said.error)
    except bundles.TooLarge as wrong:
        return SecondReferee(None, f"OutputSize: {wrong}")
    finally:
        result.unlink(missing_ok=True)
