"""Arrays that are given by name, held against what an artifact says that it takes."""

from typing import Any, Dict, List, Optional, Tuple

from tfparity.worker.messages import Refused


def fitted(given: List[Tuple[str, Any]], takes: List[List[Any]]) -> Dict[str, Any]:
    """The arrays by name, integers in the artifact's own width. Raises Refused where names, dtypes or sizes differ: a
    client that sends them gets no answer either."""
    import numpy

    arrays = dict(given)
    names = [name for name, _, _ in takes]
    if sorted(arrays) != sorted(names):
        raise Refused("InputNames", "the artifact takes %s, not %s" % (listed(names), listed(arrays)))
    found = {}
    for name, dtype, shape in takes:
        array = numpy.asarray(arrays[name])
        wanted = numpy.dtype(dtype)
        if array.dtype != wanted:
            cast = array.astype(wanted)
            if array.dtype.kind not in "iu" or wanted.kind not in "iu" or not (cast == array).all():
                raise Refused("InputType", "%r is %s, the artifact takes %s" % (name, array.dtype.name, wanted.name))
            array = cast
        if not _fits(array.shape, shape):
            raise Refused("InputShape", "%r is %s, the artifact takes %s" % (name, shown(array.shape), shown(shape)))
        found[name] = array
    return found


def _fits(shape: Tuple[int, ...], declared: Optional[List[int]]) -> bool:
    if declared is None:
        return True
    return len(shape) == len(declared) and all(size in (-1, own) for size, own in zip(declared, shape))


def shown(shape: Any) -> str:
    """(?, 3, 224, 224), where ? is an open axis."""
    if shape is None:
        return "of any rank"
    return "(%s)" % ", ".join("?" if size == -1 else str(size) for size in shape)


def listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "nothing"


def chosen_signature(names: List[str]) -> str:
    """`serving_default`, or the only one that there is."""
    if "serving_default" in names:
        return "serving_default"
    if len(names) != 1:
        raise Refused("NoSignature", "no serving_default among its %d signatures: %s" % (len(names), listed(names)))
    return names[0]
