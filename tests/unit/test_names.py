"""Which known name is meant."""

import pytest

from tfparity.errors import UsageError
from tfparity.features.convert import named
from tfparity.inputs import names
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection

KNOWN = [
    "torchvision/resnet18",
    "torchvision/resnet50",
    "torchvision/squeezenet1-0",
    "torchvision/squeezenet1-1",
    "torchvision/mobilenet-v2",
    "huggingface/bert",
    "huggingface/bert-eager",
    "operators/gelu",
    "operators/gelu-tanh",
]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("resnet18", "torchvision/resnet18"),  # without its family
        ("ResNet18", "torchvision/resnet18"),
        ("torchvision/resnet50x", "torchvision/resnet50"),
        ("torchvision/squeezenet", "torchvision/squeezenet1-0"),  # begins so
        ("squeezenet1_1", "torchvision/squeezenet1-1"),
        ("torchvision/mobilenet_v2", "torchvision/mobilenet-v2"),
        ("torchvison/resnet18", "torchvision/resnet18"),
        ("huggingface/brt", "huggingface/bert"),
        ("bert", "huggingface/bert"),
        ("operators/gelu_t*", "operators/gelu-tanh"),
        ("timm/resnet18", "torchvision/resnet18"),
        ("xyzzy", None),
        ("", None),
        ("*", None),
    ],
)
def test_the_closest_name_is_the_one_that_a_person_would_take(word: str, meant: str | None) -> None:
    assert names.closest(word, KNOWN) == meant


def test_of_nothing_nothing_is_meant() -> None:
    assert names.closest("resnet18", []) is None


@pytest.mark.parametrize(
    ("model", "guess"),
    [
        ("resnet18", "did you mean 'torchvision/resnet18'?"),
        ("torchvision/resnet50x", "did you mean 'torchvision/resnet50'?"),
        ("xyzzy", "tfparity cases` lists them"),
        ("models/xyzzy", "tfparity cases` lists them"),
    ],
)
def test_a_model_that_is_none_is_told_with_the_closest_case(model: str, guess: str) -> None:
    with pytest.raises(UsageError) as refused:
        named.chosen(model, Choice())
    assert guess in str(refused.value)


@pytest.mark.parametrize("glob", ["torchvision/squeezenet", "resnet18", "huggingface/brt"])
def test_a_glob_that_matches_no_case_is_told_with_the_closest(glob: str) -> None:
    with pytest.raises(UsageError, match=rf"no case matches '{glob}', did you mean '\w+/[\w-]+'\?"):
        _ = Selection(Choice(case_globs=(glob,))).planned


def test_a_glob_that_another_tier_has_is_told_with_that_tier() -> None:
    with pytest.raises(UsageError, match="no case of the tier 'smoke' matches 'torchvision/vit-b-16'; --tier all has"):
        _ = Selection(Choice(case_globs=("torchvision/vit-b-16",), tier="smoke")).planned


def test_a_model_is_a_case_a_source_or_one_case_of_a_source(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").touch()
    (tmp_path / "folder").mkdir()

    def of(model: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        made = named.chosen(model, Choice())
        return made.sources, made.case_globs

    monkeypatch.setenv("TFPARITY_PROJECT", str(tmp_path.cwd()))
    assert of("mine.py") == (("mine.py",), ())
    assert of("folder") == (("folder",), ())
    assert of("gone.onnx") == (("gone.onnx",), ())  # told as a file that is not there
    assert of("package.module:build") == (("package.module:build",), ())
    assert of("mine.py:mine/a") == (("mine.py",), ("mine/a",))
    assert of("folder:yours/net-eager") == (("folder",), ("yours/net-eager",))
    assert of("gone.py:mine/a") == (("gone.py",), ("mine/a",))


def test_a_case_of_the_zoo_is_named_by_its_id() -> None:
    made = named.chosen("torchvision/resnet18", Choice())
    assert (made.sources, made.case_globs, made.tier) == ((), ("torchvision/resnet18",), "all")
