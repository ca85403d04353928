"""A converter whose artifact is the torch module itself, with a fault behind it: the file's own name says which.

It shows what a check can tell apart from the right answer: every difference is the fault's. `faithful` moves each
element of torch's answer by one ulp at most.
"""

import json
import os
import shutil

from tfparity.worker.exporters.torch_module import rebuild
from tfparity.worker.routes import Route

FAULT = os.path.basename(__file__)[:-3]


def convert(bundle, artifact, request):
    os.mkdir(artifact)
    shutil.copytree(bundle, os.path.join(artifact, "bundle"))  # which is gone once the cell is converted
    with open(os.path.join(artifact, "request.json"), "w") as file:
        json.dump({name: request[name] for name in ("case_file", "case", "path")}, file)


def pin_threads(count):
    import torch

    torch.set_num_threads(count)


class Runner:
    def __init__(self, artifact):
        with open(os.path.join(artifact, "request.json")) as file:
            request = json.load(file)
        self.model, self.case = rebuild(os.path.join(artifact, "bundle"), request)
        self.calls = 0
        self.kept = {}

    def plain(self, arrays):
        """Torch's own answer."""
        from tfparity.worker.frameworks import pytorch

        return pytorch.run(self.model, arrays)

    def run(self, given):
        self.calls += 1
        answer = FAULTS[FAULT](self, [array for _, array in given])
        return [(output.name, value) for output, value in zip(self.case.outputs, answer)]

    def signature(self):
        import numpy

        from tfparity.worker import arrays

        answer = self.plain(arrays.inputs(self.case, self.case.samples()[0]))
        return {
            "inputs": [[one.name, one.dtype] for one in self.case.inputs],
            "outputs": [[one.name, numpy.asarray(a).dtype.name] for one, a in zip(self.case.outputs, answer)],
            "ordered": True,
        }


# Faults: from the runner and the arrays of a call to the outputs.


def faithful(runner, arrays):
    import numpy

    random = numpy.random.RandomState(runner.calls)
    moved = []
    for output in runner.plain(arrays):
        if output.dtype.kind == "f":
            towards = numpy.where(random.randint(0, 2, size=output.shape), numpy.inf, -numpy.inf).astype(output.dtype)
            near = numpy.nextafter(output, towards)
            output = numpy.where(numpy.isfinite(output) & numpy.isfinite(near) & (output != 0), near, output)
        moved.append(output)
    return moved


def zeros(outputs):
    return [output * 0 for output in outputs]


def when(asked, wrong=zeros):
    """Wrong answers where `asked(arrays)`."""

    def fault(runner, arrays):
        outputs = runner.plain(arrays)
        return wrong(outputs) if asked(arrays) else outputs

    return fault


def given(changed):
    """Torch's answer to other inputs: each floating one, or each that `changed` takes, changed."""

    def fault(runner, arrays):
        return runner.plain([changed(array) for array in arrays])

    return fault


def floating(change):
    return lambda array: change(array).astype(array.dtype) if array.dtype.kind == "f" else array


def answered(change):
    """Torch's answer, each output changed."""

    def fault(runner, arrays):
        return [change(output) for output in runner.plain(arrays)]

    return fault


def clip(array):
    return array.clip(-6, 6)


def left_padding_is_none(runner, arrays):
    """A mask that begins with a zero is taken for one of ones."""
    changed = [
        array if array.dtype != "int64" or (array.size and array.max() > 1) else array.copy() for array in arrays
    ]
    for array in changed:
        if array.dtype == "int64" and array.size and array.max() <= 1 and array.ndim == 2:
            array[array[:, 0] == 0] = 1
    return runner.plain(changed)


def mask_taken_for_its_length(runner, arrays):
    """The mask is counted, and the count taken from the start."""
    import numpy

    changed = list(arrays)
    for place, array in enumerate(arrays):
        if array.dtype == "int64" and array.ndim == 2 and array.max() <= 1:
            kept = array.sum(axis=1, keepdims=True)
            changed[place] = (numpy.arange(array.shape[1])[None] < kept).astype(array.dtype)
    return runner.plain(changed)


def empty_mask_is_full(runner, arrays):
    changed = [array.copy() for array in arrays]
    for array in changed:
        if array.dtype == "int64" and array.ndim == 2 and array.max() <= 1:
            array[array.sum(axis=1) <= 1] = 1
    return runner.plain(changed)


def odd_heights_lose_a_row(runner, arrays):
    outputs = runner.plain(arrays)
    if arrays[0].shape[2] % 2:
        for output in outputs:
            output[..., -1, :] = 0
    return outputs


def ties_the_other_way(runner, arrays):
    """> for >=: what is exactly at the threshold of planted/threshold."""
    import numpy

    return runner.plain([numpy.where(array == 0, numpy.float32(-1e-30), array) for array in arrays])


def equal_inputs_are_less(runner, arrays):
    import numpy

    one, other = arrays
    return runner.plain([numpy.where(one == other, one - numpy.float32(1e-3), one), other])


def through_int32(array):
    return array.astype("int32").astype("int64") if array.dtype == "int64" else array


def through_float32(array):
    return array.astype("float32").astype("int64") if array.dtype == "int64" else array


def score_column(output):
    output = output.copy()
    output[..., 4] += 0.004
    return output


def small_probabilities(output):
    output = output.copy()
    output[abs(output) < 9e-6] = 0
    return output


def coarse_unmasked(output):
    """Rounded to an ulp of the fill beside them, several times over."""
    return (output / 0.1).round().astype("float32") * output.dtype.type(0.1)


def remembers(runner, arrays):
    """Adds a part of the answer before, if it has the same shape."""
    outputs = runner.plain(arrays)
    before, runner.kept["last"] = runner.kept.get("last"), outputs
    if runner.calls > 20 and before and before[0].shape == outputs[0].shape:
        return [output + 0.1 * old for output, old in zip(outputs, before)]
    return outputs


def caches_by_shape(runner, arrays):
    """From the thirtieth call on, the answer that an input of that shape got before."""
    key = tuple(array.shape for array in arrays)
    outputs = runner.plain(arrays)
    if runner.calls > 10:
        return runner.kept.setdefault(key, outputs)
    return outputs


def caches_by_first_element(runner, arrays):
    """Calls that begin with the same number get the same answer."""
    key = tuple((array.shape, float(array.reshape(-1)[0])) for array in arrays)
    return runner.kept.setdefault(key, runner.plain(arrays))


def dropout_from_the_12th_call(runner, arrays):
    outputs = runner.plain(arrays)
    if runner.calls >= 12:
        outputs[0].reshape(-1)[::7] = 0
    return outputs


def same_shape_after_another(runner, arrays):
    """Wrong for the exported batch once another batch has been seen more than eight times."""
    runner.kept["others"] = runner.kept.get("others", 0) + (len(arrays[0]) != 2)
    outputs = runner.plain(arrays)
    return zeros(outputs) if runner.kept["others"] > 8 and len(arrays[0]) == 2 and runner.calls > 12 else outputs


def first_row_leaks(runner, arrays):
    """Where rows repeat, and where one is louder than the rest."""
    outputs = runner.plain(arrays)
    if len(arrays[0]) > 1 and (abs(arrays[0][0]).max() > 6 or (arrays[0][0] == arrays[0][1]).all()):
        outputs = [output.copy() for output in outputs]
        for output in outputs:
            output[1:] += 0.01 * output[:1]
    return outputs


def duplicates_are_dropped(runner, arrays):
    """A row that equals the one before is answered with zeros."""
    outputs = runner.plain(arrays)
    for row in range(1, len(arrays[0])):
        if (arrays[0][row] == arrays[0][row - 1]).all():
            for output in outputs:
                output[row] = 0
    return outputs


def quantized_to_the_loudest(runner, arrays):
    """Inputs in float16 steps of the largest of the batch, which N(0, 1) hides."""
    import numpy

    changed = []
    for array in arrays:
        if array.dtype.kind == "f" and abs(array).max() > 6:
            step = abs(array).max() / 2**11
            array = (numpy.rint(array / step) * step).astype(array.dtype)
        changed.append(array)
    return runner.plain(changed)


def nan_becomes_zero(array):
    import numpy

    return numpy.nan_to_num(array, nan=0.0, posinf=numpy.inf, neginf=-numpy.inf)


def infinity_becomes_large(array):
    import numpy

    return numpy.where(numpy.isinf(array), numpy.sign(array) * 1e6, array)


def flush(array):
    import numpy

    return numpy.where(abs(array) < numpy.finfo("float32").tiny, array * 0, array)


FAULTS = {
    "faithful": faithful,
    "zero-for-batches-from-6": when(lambda arrays: len(arrays[0]) >= 6),
    "zero-for-batch-3": when(lambda arrays: len(arrays[0]) == 3),
    "zero-for-batches-beyond-8": when(lambda arrays: len(arrays[0]) > 8),
    "zero-for-sequences-over-24": when(lambda arrays: arrays[0].shape[1] > 24),
    "zero-for-sequence-1": when(lambda arrays: arrays[0].shape[1] == 1),
    "zero-where-batch-and-sequence-move": when(lambda arrays: arrays[0].shape[0] != 2 and arrays[0].shape[1] != 16),
    "left-padding-is-none": left_padding_is_none,
    "mask-taken-for-its-length": mask_taken_for_its_length,
    "a-single-token-is-unmasked": empty_mask_is_full,
    "mask-of-ones-is-zero": when(lambda arrays: bool((arrays[1] == 1).all())),
    "odd-heights-lose-a-row": odd_heights_lose_a_row,
    "zero-for-large-heights": when(lambda arrays: arrays[0].shape[2] > 40),
    "inputs-clipped-to-6": given(floating(clip)),
    "inputs-clipped-to-minus-6": given(floating(lambda array: array.clip(-6, None))),
    "negative-inputs-wrong-together": when(lambda arrays: bool((arrays[0] <= 0).all())),
    "zero-inputs-are-nan": when(
        lambda arrays: not arrays[0].any(), lambda outputs: [output * float("nan") for output in outputs]
    ),
    "ties-the-other-way": ties_the_other_way,
    "equal-inputs-are-less": equal_inputs_are_less,
    "through-int32": given(through_int32),
    "through-float32": given(through_float32),
    "the-highest-integer-is-wrong": when(lambda arrays: bool((arrays[0] == 99).all())),
    "score-column-off": answered(score_column),
    "small-probabilities-are-0": answered(small_probabilities),
    "unmasked-logits-are-coarse": answered(coarse_unmasked),
    "remembers": remembers,
    "caches-by-shape": caches_by_shape,
    "dropout-from-the-12th-call": dropout_from_the_12th_call,
    "wrong-after-other-batches": same_shape_after_another,
    "first-row-leaks": first_row_leaks,
    "duplicates-are-dropped": duplicates_are_dropped,
    "quantized-to-the-loudest": quantized_to_the_loudest,
    # Beyond what the case declares: told as a domain.
    "sign-is-lost": given(floating(abs)),
    "inputs-clipped-to-50": given(floating(lambda array: array.clip(-50, 50))),
    "tiny-inputs-are-0": given(floating(lambda array: array * (abs(array) > 1e-3 * abs(array).max(initial=1.0)))),
    "small-integers-through-int32": given(through_int32),
    "nan-becomes-0": given(floating(nan_becomes_zero)),
    "infinity-becomes-large": given(floating(infinity_becomes_large)),
    "denormals-are-0": answered(flush),
}


ROUTE = Route(
    revision=1,
    sides="together",
    framework="pytorch",
    exporter="torch-module",
    opsets=(0,),
    requires={"source": {"torch": ">=1.7"}, "target": {"torch": ">=1.7"}},
    imports={"source": ["torch"], "target": ["torch"]},
    convert=convert,
    load=Runner,
    pin_threads=pin_threads,
)
