"""Shims: each is documented, has a revision, and does what its name says where that needs no framework."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tfparity import paths
from tfparity.worker import plugins, shims

NAMES = sorted(path.stem.replace("_", "-") for path in (paths.WORKER / "shims").glob("[!_]*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_a_shim_says_why_it_is_there_with_a_link_and_has_a_revision(name: str) -> None:
    assert "https://" in (plugins.load(name, shims.__name__).__doc__ or "")
    assert shims.load(name).revision >= 1
    assert callable(shims.load(name).apply)


@pytest.mark.parametrize(
    ("name", "variable"), [("legacy-keras", "TF_USE_LEGACY_KERAS"), ("wrapt-pure-python", "WRAPT_DISABLE_EXTENSIONS")]
)
def test_a_switch_is_set_in_the_environment(monkeypatch: pytest.MonkeyPatch, name: str, variable: str) -> None:
    monkeypatch.delenv(variable, raising=False)
    shims.load(name).apply()
    assert os.environ[variable] == "1"
    monkeypatch.delenv(variable)


def test_an_unknown_shim_is_an_import_error() -> None:
    with pytest.raises(ImportError):
        shims.load("no-such-shim")


ONNX = """
class TensorProto:
    UNDEFINED, FLOAT, UINT16, INT32, FLOAT16 = 0, 1, 4, 6, 10

    class DataType:
        @staticmethod
        def values():
            return [0, 1, 4, 6, 10]
"""

ONNX_HELPER = """
def tensor_dtype_to_np_dtype(kind):
    return {1: "float32", 4: "uint16", 6: "int32", 10: "float16"}[kind]

def tensor_dtype_to_storage_tensor_dtype(kind):
    return {1: 1, 4: 6, 6: 6, 10: 4}[kind]

def tensor_dtype_to_field(kind):
    return "float_data" if kind == 1 else "int32_data"
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to import from, with an onnx that has no mapping; what a test imports is forgotten after it."""
    kept = taken_out()
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "__init__.py").write_text(ONNX)
    (tmp_path / "onnx" / "helper.py").write_text(ONNX_HELPER)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    taken_out()
    sys.modules.update(kept)


def taken_out() -> dict[str, ModuleType]:
    """The modules that the shims are about, no longer imported."""
    names = [name for name in sys.modules if name.partition(".")[0] in ("onnx", "tensorflow_addons")]
    return {name: sys.modules.pop(name) for name in names}


@pytest.mark.usefixtures("modules")
def test_the_addons_stub_imports_as_the_package_does() -> None:
    shims.load("tensorflow-addons-stub").apply()
    import tensorflow_addons as tfa

    assert callable(tfa.seq2seq.hardmax)
    assert tfa.__spec__.name == "tensorflow_addons"


@pytest.mark.usefixtures("modules")
def test_the_mapping_answers_as_onnx_helper_does_and_waits_for_onnx_until_asked() -> None:
    shims.load("onnx-mapping").apply()
    assert "onnx.helper" not in sys.modules
    from onnx import TensorProto, mapping
    from onnx.helper import mapping as same

    assert mapping is same
    assert mapping.TENSOR_TYPE_TO_NP_TYPE[TensorProto.INT32] == np.dtype("int32")
    assert mapping.NP_TYPE_TO_TENSOR_TYPE[np.dtype("float32")] == TensorProto.FLOAT
    storage = mapping.TENSOR_TYPE_TO_STORAGE_TENSOR_TYPE[TensorProto.FLOAT16]
    assert mapping.STORAGE_TENSOR_TYPE_TO_FIELD[storage] == "int32_data"
    assert mapping.STORAGE_TENSOR_TYPE_TO_FIELD[TensorProto.FLOAT] == "float_data"
    with pytest.raises(AttributeError, match="no attribute 'NO_SUCH_TABLE'"):
        _ = mapping.NO_SUCH_TABLE


def test_an_onnx_that_has_its_mapping_is_left_alone(modules: Path) -> None:
    (modules / "onnx" / "mapping.py").write_text("")
    shims.load("onnx-mapping").apply()
    assert "onnx.mapping" not in sys.modules


def test_an_environment_without_onnx_is_told_as_such(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(ImportError, match="No module named 'onnx'"):
        shims.load("onnx-mapping").apply()
