"""Shims: each is documented, has a revision, and does what its name says where that needs no framework."""

import os
import sys
import types
from pathlib import Path

import pytest

from tfparity import paths
from tfparity.worker import shims

NAMES = sorted(path.stem.replace("_", "-") for path in (paths.WORKER / "shims").glob("[!_]*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_a_shim_says_why_it_is_there_with_a_link_and_has_a_revision(name: str) -> None:
    module = shims.load(name)
    assert "https://" in (module.__doc__ or "")
    assert shims.revision(name) >= 1
    assert callable(module.apply)


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


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tensorflow_addons", "tensorflow_addons.seq2seq", "onnx.mapping", "onnx.helper.mapping"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        # What the test puts in is taken out again.
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        del sys.modules[name]


@pytest.mark.usefixtures("modules")
def test_the_addons_stub_imports_as_the_package_does() -> None:
    shims.load("tensorflow-addons-stub").apply()
    import tensorflow_addons as tfa  # type: ignore[import-not-found]

    assert callable(tfa.seq2seq.hardmax)
    assert tfa.__spec__.name == "tensorflow_addons"


@pytest.mark.usefixtures("modules")
def test_the_mapping_answers_as_onnx_helper_does() -> None:
    shims.load("onnx-mapping").apply()
    import numpy as np
    from onnx import TensorProto, mapping  # type: ignore[attr-defined]
    from onnx.helper import mapping as same  # type: ignore[attr-defined]

    assert mapping is same
    assert mapping.TENSOR_TYPE_TO_NP_TYPE[TensorProto.INT64] == np.dtype("int64")
    assert mapping.NP_TYPE_TO_TENSOR_TYPE[np.dtype("float32")] == TensorProto.FLOAT
    storage = mapping.TENSOR_TYPE_TO_STORAGE_TENSOR_TYPE[TensorProto.FLOAT16]
    assert mapping.STORAGE_TENSOR_TYPE_TO_FIELD[storage] == "int32_data"
    assert mapping.STORAGE_TENSOR_TYPE_TO_FIELD[TensorProto.FLOAT] == "float_data"
    with pytest.raises(AttributeError, match="no attribute 'NO_SUCH_TABLE'"):
        _ = mapping.NO_SUCH_TABLE


@pytest.mark.usefixtures("modules")
def test_an_onnx_that_has_its_mapping_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "__init__.py").write_text("")
    (tmp_path / "onnx" / "mapping.py").write_text("")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    for name in [name for name in sys.modules if name == "onnx" or name.startswith("onnx.")]:
        monkeypatch.delitem(sys.modules, name)
    shims.load("onnx-mapping").apply()
    assert "onnx.mapping" not in sys.modules
