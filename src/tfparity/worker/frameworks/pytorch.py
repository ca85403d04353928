"""PyTorch as the source framework, from 1.7 on."""

import copy
import inspect
from typing import Any, Callable, Collection, Dict, Iterator, List, Tuple

from tfparity.worker import arrays
from tfparity.worker.declare import Case, Sample
from tfparity.worker.frameworks import Framework, _slopes
from tfparity.worker.messages import Refused

SEED = 0

#: Seeds and batch size of the passes that set batch-norm statistics: none is a sample's.
CALIBRATION_SEEDS = (100, 101)
CALIBRATION_BATCH = 8

#: Standard deviation of what is added to a constant weight (a zero bias, a norm's ones).
SPREAD = 0.1

#: Largest magnitude of a weight that is spread in a user's own model though its elements differ: class tokens and
#: biases begin with a deviation of 1e-6, layer scales with 1e-6 to 1e-4.
TINY = 1e-3

#: A layer's gain on unit inputs, deviation times the root of its fan-in, below which its weights are scaled up to one.
#: A normal deviation of 0.02 is 0.13 on the 40 channels of a small ConvNeXt: what two such layers add is lost beside
#: the skip connection.
FAINT = 0.5


def pin_threads(count: int) -> None:
    import torch

    torch.set_num_threads(count)


def build(case: Case) -> Any:
    """The case's model: seeded, in eval mode; if it is not trained, constant weights spread, batch norm calibrated.

    Raises Refused: "QuantizedModel" where weights are quantized, "TrainingMode" where any module is left in train mode,
    "InputOrder" where an input has the name of another parameter of the model.
    """
    import torch

    torch.manual_seed(SEED)
    model = case.factory()
    if not isinstance(model, torch.nn.Module):
        raise Refused("NotAModule", "the factory gives a %s, not a torch.nn.Module" % type(model).__name__)
    _refuse_quantized(model)
    _refuse_train_mode(model)
    _refuse_other_order(model, case)
    model.eval()
    if not case.trained:
        with torch.no_grad():
            _spread_constants(model)
            _calibrate(model, case)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model


def _refuse_other_order(model: Any, case: Case) -> None:
    """Inputs go by position: one that has the name of another parameter would be given to the wrong one, and the
    converted model would take it there by its name."""
    forward: Any = getattr(model, "forward", None)
    try:
        taken = inspect.signature(forward).parameters.values()
    except (TypeError, ValueError):  # a scripted model, or none that can be called
        return
    names = [one.name for one in taken if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    for position, declared in enumerate(case.inputs):
        if declared.name in names and names.index(declared.name) != position:
            raise Refused(
                "InputOrder",
                "forward takes %s: the input %r stands at the place of %s; declare inputs in forward's order"
                % (", ".join(names), declared.name, names[position] if position < len(names) else "none"),
            )


def _refuse_quantized(model: Any) -> None:
    """Quantized modules pack weights in tuples and have no float64 form: nothing could be compared."""
    import torch

    def quantized(value: Any) -> bool:
        if isinstance(value, tuple):
            return any(quantized(one) for one in value)
        return isinstance(value, torch.Tensor) and value.is_quantized

    names = [name for name, value in model.state_dict().items() if quantized(value)]
    if names:
        raise Refused(
            "QuantizedModel",
            "the weights are quantized (%s): convert the float model and quantize afterwards" % names[0],
        )


def _refuse_train_mode(model: Any) -> None:
    """Every module is checked: dropout inside a recurrent layer and a detector's whole forward depend on the mode,
    too."""
    left = [name or type(module).__name__ for name, module in model.named_modules() if module.training]
    if left:
        shown = ", ".join(left[:3]) + (" and %d more" % (len(left) - 3) if len(left) > 3 else "")
        raise Refused(
            "TrainingMode",
            "the model is left in train mode (%s): batch norm, dropout and whatever else asks would act as in "
            "training; call model.eval() in the factory" % shown,
        )


def _spread_constants(model: Any) -> None:
    """Add seeded noise to weights whose elements are all equal (a zero bias): they would hide what a converter does to
    them."""
    import torch

    random = torch.Generator().manual_seed(SEED)
    for _, tensor in sorted(model.state_dict(keep_vars=False).items()):
        if (
            isinstance(tensor, torch.Tensor)
            and tensor.is_floating_point()
            and tensor.numel() > 1
            and bool((tensor == tensor.reshape(-1)[0]).all())
        ):
            tensor.add_(torch.randn(tensor.shape, generator=random).to(tensor.dtype) * SPREAD)


def _calibrate(model: Any, case: Case) -> None:
    """Set batch-norm statistics by a seeded pass in train mode: with those of a fresh network a random mobilenet_v2
    answers 1e-15 to everything, and any comparison passes."""
    norms = _norms(model)
    if not norms:
        return
    momenta = [module.momentum for module in norms]
    for module in norms:
        module.reset_running_stats()
        module.momentum = None  # a plain average over the passes
        module.train()
    sizes = {axis: tried[0] for axis, tried in case.axes.items()}
    if "batch" in sizes:
        sizes["batch"] = CALIBRATION_BATCH
    for seed in CALIBRATION_SEEDS:
        run(model, arrays.inputs(case, Sample(-1, seed, sizes, None)))
    for module, momentum in zip(norms, momenta):
        module.momentum = momentum
        module.eval()


def enliven(model: Any, case: Case) -> None:
    """Of a user's own model whose weights mean nothing: spread what is too small to be seen, scale faint layers up
    where no batch norm does, and give batch norms means to subtract. After a convolution without bias they average out
    to zero, and 1 % of that is nothing."""
    import torch

    random = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for _, tensor in sorted(model.state_dict().items()):
            if not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point() or tensor.numel() < 2:
                continue
            if float(tensor.abs().max()) <= TINY:
                tensor.add_(torch.randn(tensor.shape, generator=random).to(tensor.dtype) * SPREAD)
        for parameter in [] if _norms(model) else model.parameters():
            gain = float(parameter.std()) * (parameter.numel() / len(parameter)) ** 0.5 if parameter.dim() > 1 else 1.0
            if 0.0 < gain < FAINT:
                parameter.mul_(1.0 / gain)
        _calibrate(model, case)
        for module in _norms(model):
            size = module.running_var.sqrt() * SPREAD
            module.running_mean.add_(torch.randn(size.shape, generator=random).to(size.dtype) * size)


def _norms(model: Any) -> List[Any]:
    """The batch norms that keep statistics."""
    import torch

    kind = torch.nn.modules.batchnorm._BatchNorm
    return [module for module in model.modules() if isinstance(module, kind) and module.track_running_stats]


def run(model: Any, given: List[Any], double: bool = False) -> List[Any]:
    """The model's outputs as numpy arrays. With `double`, floating inputs are float64, and so is what `forward` creates
    without a dtype."""
    import torch

    tensors = [torch.from_numpy(array.copy()) for array in given]
    usual = torch.get_default_dtype()
    if double:
        tensors = [tensor.double() if tensor.is_floating_point() else tensor for tensor in tensors]
        torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            answer = model(*tensors)
    finally:
        torch.set_default_dtype(usual)
    outputs = list(answer) if isinstance(answer, (tuple, list)) else [answer]
    for output in outputs:
        if not isinstance(output, torch.Tensor):
            raise Refused("OutputType", "the model gives a %s; wrap it to give tensors" % type(output).__name__)
    return [output.detach().cpu().numpy() for output in outputs]


def double(model: Any) -> Any:
    return copy.deepcopy(model).double()


def _weights(model: Any) -> Dict[str, Tuple[Any, Any]]:
    """Each floating weight of two or more elements, once, by name: its tensor, and the sign by which each element
    moves, as int8.

    The direction is a seeded coin per element: a norm that follows cannot divide it out, as it would a common factor.
    """
    import torch

    random = torch.Generator().manual_seed(SEED)
    found = {}
    seen = set()
    for name, tensor in sorted(model.state_dict(keep_vars=True).items()):
        if not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point() or tensor.numel() < 2:
            continue
        if tensor.data_ptr() in seen:
            continue
        seen.add(tensor.data_ptr())
        found[name] = tensor, torch.randint(0, 2, tensor.shape, generator=random).to(torch.int8) * 2 - 1
    return found


def moved_weights(model: Any, given: List[Any], skipped: Collection[str] = ()) -> Iterator[Tuple[str, List[Any]]]:
    """For each weight that is not among the skipped, the outputs with every element moved by 1 % up or down."""
    for name, (weight, signs) in _weights(model).items():
        if name not in skipped:
            tensor = weight.detach()
            kept = tensor.clone()
            tensor.mul_(1 + 0.01 * signs.to(tensor.dtype))
            outputs = run(model, given)
            tensor.copy_(kept)
            yield name, outputs


def sizes(model: Any) -> Dict[str, float]:
    return {name: float(weight.detach().abs().max()) for name, (weight, _) in _weights(model).items()}


def slopes(model: Any, given: List[Any], before: List[Any], needed: List[float]) -> Dict[str, List[float]]:
    """See Framework.slopes and _slopes.bounds."""
    weights = _weights(model)
    return _slopes.bounds(model, given, before, needed, weights) if len(weights) > _slopes.FEW else {}


def timed(model: Any, given: List[Any]) -> Callable[[], Any]:
    """A call without arguments, in eager mode and without gradients; inputs are tensors already."""
    import torch

    tensors = [torch.from_numpy(array.copy()) for array in given]

    def call() -> Any:
        with torch.no_grad():
            return model(*tensors)

    return call


def nudged(model: Any, seed: int) -> Any:
    """A copy whose floating weights are moved by about one ulp, up or down by a seeded coin per element."""
    import torch

    random = torch.Generator().manual_seed(seed)
    moved = copy.deepcopy(model)
    seen = set()
    with torch.no_grad():
        for _, tensor in sorted(moved.state_dict(keep_vars=False).items()):
            if not isinstance(tensor, torch.Tensor):  # what a module keeps by get_extra_state
                continue
            if tensor.is_floating_point() and tensor.data_ptr() not in seen:
                seen.add(tensor.data_ptr())
                signs = torch.randint(0, 2, tensor.shape, generator=random).to(tensor.dtype) * 2 - 1
                tensor.mul_(1 + torch.finfo(tensor.dtype).eps * signs)
    return moved


def parameters(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


FRAMEWORK = Framework(
    pin_threads=pin_threads,
    build=build,
    run=run,
    double=double,
    moved_weights=moved_weights,
    slopes=slopes,
    enliven=enliven,
    sizes=sizes,
    parameters=parameters,
    timed=timed,
    nudged=nudged,
)
