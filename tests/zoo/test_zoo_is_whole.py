"""The zoo held against the packages themselves, inside the default toolchain's environment: no builder of torchvision
and no family that transformers had TensorFlow classes for is forgotten. Run by `nox -s zoo`."""

import json
import subprocess
from pathlib import Path

import pytest

from tfparity import paths
from tfparity.environments import install
from tfparity.inputs import case_files as cases
from tfparity.inputs import matrix
from tfparity.worker.routes import hf_from_pt

PROJECT = paths.project(Path(__file__).parents[2])

BUILDERS = """
import json, torchvision
print(json.dumps(torchvision.models.list_models()))
"""

FAMILIES = """
import json
from transformers.models.auto import modeling_tf_auto as auto
tables = [getattr(auto, name) for name in dir(auto) if name.startswith("TF_") and name.endswith("_NAMES")]
print(json.dumps(sorted({family for table in tables for family in table})))
"""

_UNSEEN = "1 % on some of its random weights is lost before the answer"
_NOISY = "float32's own rounding is as large as an error would be"
_LARGE = "its windows take clips of 224 pixels, too large for any tier"

#: Builders without a case, and why: a case has to tell a right answer from a wrong one (tried, and refused).
WITHOUT = {
    "efficientnet-b4": _UNSEEN,
    "efficientnet-b6": _UNSEEN,
    "efficientnet-b7": _UNSEEN,
    "efficientnet-v2-l": _UNSEEN,
    "efficientnet-v2-m": _UNSEEN,
    "fasterrcnn-mobilenet-v3-large-320-fpn": _UNSEEN,
    "fasterrcnn-mobilenet-v3-large-fpn": _UNSEEN,
    "keypointrcnn-resnet50-fpn": _UNSEEN,
    "maxvit-t": _UNSEEN,
    "mc3-18": _UNSEEN,
    "mvit-v1-b": _LARGE,
    "mvit-v2-s": _LARGE,
    "retinanet-resnet50-fpn": _UNSEEN,
    "ssd300-vgg16": _NOISY,
    "swin3d-b": _UNSEEN,
}

#: Families without a case of their own name, and which case stands for them.
STANDS_FOR = {
    "gpt-sw3": "gpt2",  # another tokenizer alone
    "sam-vision-model": "sam",  # its first half
}


@pytest.fixture(scope="module")
def names() -> set[str]:
    return set(cases.load([PROJECT.cases]))


@pytest.fixture(scope="module")
def python() -> Path:
    found = matrix.load(PROJECT.matrix)
    environment = found.environments[found.toolchains[found.default].source]
    return install.ensure(PROJECT, environment, paths.cache()).python


def told(python: Path, code: str) -> list[str]:
    """What the environment's own packages list, hyphens for underscores."""
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, timeout=300, check=True)
    listed: list[str] = json.loads(done.stdout.splitlines()[-1])
    return [name.replace("_", "-") for name in listed]


def test_every_builder_of_torchvision_has_a_case(names: set[str], python: Path) -> None:
    """Quantized ones as they are before they are quantized: their integer kernels no exporter takes."""
    builders = told(python, BUILDERS)
    assert len(builders) > 100
    wanted = {name.replace("quantized-", "quantizable-") for name in builders}
    assert {name for name in wanted if f"torchvision/{name}" not in names} == set(WITHOUT)


def test_every_family_with_tensorflow_classes_has_a_case(names: set[str], python: Path) -> None:
    families = told(python, FAMILIES)
    assert set(families) == hf_from_pt.FAMILIES
    without = [
        family
        for family in families
        if not any(name.startswith(f"huggingface/{STANDS_FOR.get(family, family)}") for name in names)
    ]
    assert without == []
