"""The scripts are run with stand-ins for the frameworks: every remedy that is carried is in force where the route
works, also one that puts something in the place of a converter's own function."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import pytest

from tfparity import paths
from tfparity.features.convert import script as conversion_script
from tfparity.features.convert import templates
from tfparity.inputs import matrix
from tfparity.planning.remedies import MOST_TOGETHER
from tfparity.worker.declare import Case, Input, Output
from tfparity.worker.remedies import load

MATRIX = matrix.load(paths.project(Path(__file__).parents[2]).matrix)

CASE = Case(
    "a/b",
    (Input("images", "normal", ("batch", 3, 8, 8), "float32", (("mean", 0.0), ("std", 1.0))),),
    (Output("scores", "float"),),
    {"batch": (2, 1, 5)},
    {},
    (),
    {},
    MagicMock(),
    __file__,
    1,
)

#: Of each route: the module and the function that take the model across, and whether the export is to ONNX.
WORK = {
    "onnx-tf": ("onnx_tf.backend", "prepare", True),
    "onnx-tf-dynamo": ("onnx_tf.backend", "prepare", True),
    "onnx2tf": ("onnx2tf.onnx2tf", "convert", True),
    "hf-from-pt": ("transformers.TFBert", "from_pretrained", False),
    "nobuco": ("nobuco", "pytorch_to_keras", False),
    "torchax": ("torchax.export", "exported_program_to_jax", False),
    "litert-torch": ("litert_torch", "convert", False),
}

MODULES = """
jax jax.experimental jax.experimental.jax2tf litert_torch nobuco onnx onnx.version_converter onnx2tf onnx2tf.onnx2tf
onnx_tf onnx_tf.backend tensorflow torch torch._dynamo torchax torchax.export transformers transformers.TFBert
"""


def parts(name: str) -> list[str]:
    return [part for part in ("exporting", "rewrite", "converting") if getattr(load(name), part)]


REMEDIES = sorted(
    path.stem.replace("_", "-") for path in (paths.WORKER / "remedies").glob("*.py") if not path.stem.startswith("_")
)


class World:
    """Stand-ins for the frameworks and for the carried remedies; `calls` are those of what does the work, each with the
    names of the remedies that were in force."""

    def __init__(self, route: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.entered: list[str] = []
        self.rewritten: list[str] = []
        self.exports: list[list[str]] = []
        self.conversions: list[list[str]] = []
        self.modules = {name: MagicMock(name=name) for name in MODULES.split()}
        for name, module in self.modules.items():
            parent, _, child = name.rpartition(".")
            if parent:
                setattr(self.modules[parent], child, module)
            monkeypatch.setitem(sys.modules, name, module)
        self.modules["torch"].nn.Module = type("Module", (), {"eval": lambda self: self})
        pretrained = type("Bert", (MagicMock,), {})
        self.modules["transformers"].PreTrainedModel = pretrained
        self.model = pretrained()
        self.model.modules.return_value = [self.model]
        self.model.save_pretrained = lambda _: self.exports.append(list(self.entered))
        self.modules["torch"].onnx.export.side_effect = self._export
        self.modules["onnx"].save.side_effect = self._export
        module, self.function, _ = WORK[route]
        self.worker = self.modules[module]
        setattr(self.worker, self.function, self._convert)
        monkeypatch.setitem(sys.modules, "carried", ModuleType("carried"))
        monkeypatch.setitem(sys.modules, "carried.remedies", self._remedies())

    def _export(self, *_: Any, **__: Any) -> Any:
        self.exports.append(list(self.entered))
        return MagicMock()

    def _convert(self, *_: Any, **__: Any) -> Any:
        self.conversions.append(list(self.entered))
        return (MagicMock(), MagicMock()) if self.function == "exported_program_to_jax" else MagicMock()

    def _remedies(self) -> ModuleType:
        module = ModuleType("carried.remedies")
        for name in REMEDIES:
            module.__dict__[name.replace("-", "_")] = stub = MagicMock(spec=parts(name))
            for part in parts(name):
                if part == "rewrite":
                    stub.rewrite = lambda _, name=name: self.rewritten.append(name)
                else:
                    setattr(stub, part, lambda name=name, part=part: self._manager(name, patches=part == "converting"))
        return module

    @contextlib.contextmanager
    def _manager(self, name: str, *, patches: bool) -> Iterator[None]:
        """In force as a remedy is that patches: what was looked up before has nothing of it."""
        kept = getattr(self.worker, self.function)

        def patched(*given: Any, **named: Any) -> Any:
            self.entered.append(name)
            try:
                return kept(*given, **named)
            finally:
                self.entered.remove(name)

        if patches:
            setattr(self.worker, self.function, patched)
        else:
            self.entered.append(name)
        yield
        if patches:
            setattr(self.worker, self.function, kept)
        else:
            self.entered.remove(name)

    def run(self, folder: Path, name: str) -> None:
        text = (folder / name).read_text().replace("model = ...", "model = MODEL")
        exec(compile(text, name, "exec"), {"MODEL": self.model, "__name__": "__main__"})


def run(route: str, case: Case, folder: Path, remedies: list[str], monkeypatch: pytest.MonkeyPatch) -> World:
    environments = [MATRIX.environments["source-torch2.15"], MATRIX.environments["target-onnx2tf2.6"]]
    conversion_script.write(folder, route, case, environments, 13, remedies, output_axes=[{0: "batch"}], tflite={})
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", "")
    world = World(route, monkeypatch)
    for name in ("export.py", "convert.py"):
        if (folder / name).exists():
            world.run(folder, name)
    return world


@pytest.mark.parametrize("route", sorted(templates.ROUTES))
def test_every_carried_remedy_is_in_force_where_the_route_works(
    tmp_path: Path, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx = WORK[route][2]
    possible = [name for name in REMEDIES if parts(name) and (onnx or parts(name) == ["converting"])]
    for taken in (possible[place : place + MOST_TOGETHER] for place in range(0, len(possible), MOST_TOGETHER)):
        folder = tmp_path / "-".join(taken)
        folder.mkdir()
        world = run(route, CASE, folder, taken, monkeypatch)
        (conversion,) = world.conversions
        assert sorted(conversion) == [name for name in taken if "converting" in parts(name)]
        if onnx:
            assert world.exports[0] == [name for name in taken if "exporting" in parts(name)]
            assert world.rewritten == [name for name in taken if "rewrite" in parts(name)]
        for name in taken:
            assert (folder / "carried" / "remedies" / f"{name.replace('-', '_')}.py").exists()


@pytest.mark.parametrize("route", sorted(templates.ROUTES))
def test_without_remedies_nothing_is_carried(tmp_path: Path, route: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(route, CASE, tmp_path, [], monkeypatch).conversions == [[]]
    assert "carried" not in "".join(path.read_text() for path in tmp_path.glob("*.py"))


@pytest.mark.parametrize("route", ["onnx-tf", "onnx2tf"])
def test_the_remedies_of_a_file_are_in_force_too(tmp_path: Path, route: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = ["explicit-attention", "lstm-zero-bias"]
    world = run(route, CASE._replace(onnx_opset=17), tmp_path, taken, monkeypatch)
    assert world.exports[0] == ["explicit-attention"]
    assert world.rewritten == ["lstm-zero-bias"]


def test_every_route_is_run_here() -> None:
    assert WORK.keys() == templates.ROUTES.keys()
