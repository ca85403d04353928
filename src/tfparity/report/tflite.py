"""PyTorch to TFLite, route by route: docs/tflite.md, and what the site's page of it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tfparity.evidence.query import Table
from tfparity.planning import routes
from tfparity.records.vocabulary import Target, Verdict
from tfparity.report import markdown, targets, words
from tfparity.report.targets import Made
from tfparity.worker.routes import Gives

#: The dimension that a case's inputs call so.
BATCH = "batch"


@dataclass(frozen=True)
class ByRoute:
    """What a route's .tflite files of 32-bit floats came to. layout, integers: by the route's design. checked: files;
    right: those that answer as torch does; open: those of them whose batch takes other sizes, of `batched` that have
    one; flex: those that need operators of TensorFlow's own; share: the median share of the SavedModel's size, over
    models of targets.WEIGHTY megabytes or more, None without such a one."""

    route: str
    layout: str
    integers: str
    checked: int
    right: int
    batched: int
    open: int
    flex: int
    share: float | None


def by_route(table: Table) -> list[ByRoute]:
    """Every route that can give a .tflite, those that were checked most first."""
    names = dict.fromkeys(name for toolchain in table.toolchains for name in toolchain.routes)
    giving = {name: routes.route(name, table.project).gives for name in names}
    return rows_of(targets.made(cell for cells in table.cells.values() for cell in cells), giving)


def rows_of(found: Sequence[Made], giving: Mapping[str, Gives]) -> list[ByRoute]:
    """The same of recorded targets. giving: what each route gives, by its name."""
    rows = []
    for name, gives in giving.items():
        if Target.TFLITE_FLOAT32 not in gives.targets:
            continue
        mine = [one for one in found if one.cell.planned.route == name]
        files = [one for one in mine if one.target is Target.TFLITE_FLOAT32]
        right = [one for one in files if one.keeps]
        batched = [one for one in right if BATCH in one.deployed.dynamic]
        rows.append(
            ByRoute(
                route=name,
                layout=gives.layout or "–",
                integers=gives.integers or "–",
                checked=len(files),
                right=len(right),
                batched=len(batched),
                open=sum(one.deployed.dynamic[BATCH] for one in batched),
                flex=sum(bool(one.deployed.flex) for one in right),
                share=targets.shares(Target.TFLITE_FLOAT32, mine),
            )
        )
    return sorted(rows, key=lambda row: -row.checked)


def answer(rows: Sequence[ByRoute]) -> str:
    """The page's first sentence: how many files are right, and what they need."""
    checked, right = sum(row.checked for row in rows), sum(row.right for row in rows)
    if not checked:
        return f"No .tflite is recorded yet: {words.verdict(Verdict.UNTESTED).words}."
    flex, batched, kept = (sum(getattr(row, name) for row in rows) for name in ("flex", "batched", "open"))
    return (
        f"{right} of {checked} .tflite files of 32-bit floats answer as torch does; {right - flex} of these run on "
        f"LiteRT's own operators, {flex} need some of TensorFlow's, and {kept} of {batched} take any batch size."
    )


def page(table: Table) -> str:
    """The answer, the commands, the routes side by side, and what differs between them."""
    rows = by_route(table)
    parts = [
        "# PyTorch to TFLite",
        f"**{markdown.text(answer(rows))}**",
        COMMANDS,
        "## Route by route",
        markdown.table(HEAD, [_row(row) for row in rows], align="lrrrrll"),
        (
            "Answers right: within the tolerance of the SavedModel itself. Any batch: of right files whose model has "
            "a batch. Size: the median share of the SavedModel's, over models of five megabytes or more. Layout, "
            "integers: by the route's design."
        ),
        NOTES,
        _operators([one for cells in table.cells.values() for one in targets.made(cells)]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


HEAD = ["route", "answers right", "any batch", "needs TensorFlow's operators", "size", "layout", "integers"]


def _row(row: ByRoute) -> list[str]:
    untested = words.verdict(Verdict.UNTESTED).words
    return [
        f"**{markdown.text(row.route)}**",
        f"{row.right} of {row.checked}" if row.checked else untested,
        f"{row.open} of {row.batched}" if row.batched else "–",
        f"{row.flex} of {row.right}" if row.right else "–",
        f"{row.share:.2f}" if row.share else "–",
        markdown.text(row.layout),
        markdown.text(row.integers),
    ]


def _operators(found: Sequence[Made]) -> str:
    """Which operators of TensorFlow's own the right files need, the most frequent first."""
    counts: dict[str, int] = {}
    for one in found:
        if one.target is Target.TFLITE_FLOAT32 and one.keeps:
            for name in one.deployed.flex or ():
                counts[name] = counts.get(name, 0) + 1
    if not counts:
        return ""
    listed = ", ".join(
        f"{markdown.code(name)} {count}" for name, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    )
    return f"Operators of TensorFlow's own, and in how many of the right files: {listed}."


COMMANDS = """\
```sh
python -m nox -s convert -- torchvision/resnet18 --target saved-model --target tflite-float32 -o resnet18
```

takes the way that is recorded to work best, runs the file beside torch and leaves it as `resnet18/model.tflite`. A
model of your own stands in the place of `torchvision/resnet18` ([converting.md](converting.md)). On the device there
is an interpreter alone:

```sh
uv venv --python 3.12 device
uv pip install --python device/bin/python --require-hashes -r lockfiles/run-litert2.3.txt
```

```python
# infer.py
import numpy
from ai_edge_litert.interpreter import Interpreter

model = Interpreter("resnet18/model.tflite").get_signature_runner()
for name, about in model.get_input_details().items():
    print(name, about["dtype"].__name__, about["shape_signature"])  # -1: takes any size
for batch in 1, 4:
    for name, array in model(images=numpy.zeros((batch, 3, 64, 64), "float32")).items():
        print(name, array.shape)
```

```sh
device/bin/python infer.py
```

uv looks for a Python on PATH; `python -m nox -s tfparity -- interpreters` says which are elsewhere, for `--python`.

Smaller files (weights in 16 bits or 8, integers throughout), and which keep the answers: [targets.md](targets.md).
Will yesterday's interpreter load it: `tfparity runtimes model.tflite` ([runtimes.md](runtimes.md))."""

NOTES = """\
## What differs

- **Layout.** "kept": the file takes and gives arrays as torch does, images as (batch, channels, height, width).
  Phones' cameras give channels last: transpose on the way in. "inputs kept": outputs may come in another order, and
  tfparity calls such a file broken.
- **Integers.** "kept": torch's int64 stays int64, which is what to feed. "int32": feed `numpy.int32`.
- **TensorFlow's operators** (`SELECT_TF_OPS`, "Flex"). A file that needs them runs in TensorFlow's own
  `tf.lite.Interpreter`, and on a device where their library was linked in; ai-edge-litert and tflite-runtime refuse
  it. Where a model has a route without them, take that one: hf-from-pt for a BERT. Of onnx-tf, the erf of a GELU is
  what needs them most often; litert-torch writes none (`--route litert-torch`).
- **Any batch.** The signature runner above resizes by itself. With the older calls it is `resize_tensor_input(index,
  shape)`, then `allocate_tensors()`. Where litert-torch loses the batch, write its size in place of the name:
  `--input 'images=normal(1, 3, 64, 64)'`.
- **Interpreter.** `ai-edge-litert` is the package that goes on; `tflite-runtime` ended with 2.14, and TensorFlow's
  own `tf.lite` warns that it will go. Which of them gives the same answers:
  [runtimes.md](runtimes.md#what-was-measured)."""
