"""Which known name is meant."""

from pathlib import Path

import pytest

from tfparity.errors import CaseError, UsageError
from tfparity.features.convert import named
from tfparity.inputs import case_files, names, yaml_input
from tfparity.inputs.own_models import Declared
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.worker import declare

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


IDS = ["litert2.3-torch2.13", "tf2.15-torch2.15", "tf2.16-torch2.2", "tf2.16-torch2.2-shims", "tf2.6-torch1.9"]


@pytest.mark.parametrize(
    ("word", "first"),
    [
        ("tf2.16-torch2", "tf2.16-torch2.2"),
        ("tensorflow-2.16", "tf2.16-torch2.2"),
        ("torch2.13", "litert2.3-torch2.13"),
    ],
)
def test_the_nearest_names_begin_with_the_one_that_is_meant(word: str, first: str) -> None:
    found = names.nearest(word, IDS)
    assert (found[0], len(found)) == (first, 3)


def test_of_many_names_the_nearest_are_told_and_of_few_all() -> None:
    many = [f"name-{number}" for number in range(40)]
    assert yaml_input.did_you_mean("xyz", many).endswith("? (37 more)")
    assert yaml_input.did_you_mean("xyz", many).startswith(", did you mean one of 'name-")
    assert yaml_input.did_you_mean("xyz", ["b", "a"]) == " (there are a, b)"
    assert yaml_input.did_you_mean("Name_39", many) == ", did you mean 'name-39'?"
    assert yaml_input.did_you_mean("xyz", []) == ""


@pytest.mark.parametrize(
    ("model", "guess"),
    [
        ("resnet18", "did you mean 'torchvision/resnet18'?"),
        ("torchvision/resnet50x", "did you mean 'torchvision/resnet50'?"),
        ("xyzzy", "-- cases` lists them"),
        ("models/xyzzy", "-- cases` lists them"),
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


MINE = """\
from tfparity import case, normal


@case("mine/a", inputs=[normal(2)])
def net():
    \"\"\"One.\"\"\"


@case("mine/other", inputs=[normal(2)])
def other():
    \"\"\"Another.\"\"\"
"""


def test_a_model_is_a_case_a_source_or_one_case_of_a_source(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "folder").mkdir()

    def of(model: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        made = named.chosen(model, Choice()).choice
        return made.sources, made.case_globs

    monkeypatch.setenv("TFPARITY_PROJECT", str(tmp_path.cwd()))
    assert of("mine.py") == (("mine.py",), ())
    assert of("folder") == (("folder",), ())
    assert of("gone.onnx") == (("gone.onnx",), ())  # told as a file that is not there
    assert of("package.module:build") == (("package.module:build",), ())
    assert of("mine.py:mine/a") == (("mine.py",), ("mine/a",))
    assert of("folder:yours/net-eager") == (("folder",), ("yours/net-eager",))
    assert of("mine.py:net") == (("mine.py",), ("mine/a",))  # by its function
    with pytest.raises(CaseError, match="no such case file"):
        of("gone.py:mine/a")
    with pytest.raises(UsageError, match=r"^mine.py has no case 'b/c'; it has mine/a, mine/other$"):
        of("mine.py:b/c")
    with pytest.raises(UsageError, match="did you mean 'mine/other'"):
        of("mine.py:mine/othr")


@pytest.fixture
def torch_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    return tmp_path / "hub" / "checkpoints"


@pytest.mark.parametrize("id", ["torchvision/resnet18", "torchvision/fcn", "operators/gelu", "huggingface/bert"])
def test_a_case_of_the_zoo_with_random_weights_is_told_as_such_with_its_sizes(id: str, torch_home: Path) -> None:
    made = named.chosen(id, Choice())
    assert (made.choice.sources, made.choice.case_globs, made.choice.tier) == ((), (id,), "all")
    assert made.told.startswith("with random weights: the way, not the model; as the zoo has it, takes ")
    assert (str(torch_home) in made.told) == (id == "torchvision/resnet18")


def test_of_a_trained_case_nothing_is_told() -> None:
    assert named.chosen("trained/silero-vad", Choice()).told == ""


@pytest.mark.parametrize(
    ("id", "file", "builder"),
    [
        ("torchvision/resnet18", "resnet18-f37072fd.pth", "resnet18"),
        ("torchvision/mobilenet-v2", "mobilenet_v2-b0353104.pth", "mobilenet_v2"),
        ("torchvision/squeezenet1-1", "squeezenet1_1-b8a52dc0.pth", "squeezenet1_1"),
        ("torchvision/resnet18", "resnet18-11ad3fa6.pth.part", None),
        ("torchvision/resnet50", "resnet18-f37072fd.pth", None),
        ("operators/gelu", "gelu-f37072fd.pth", None),
    ],
)
def test_torchvisions_own_weights_are_taken_where_they_are_on_the_disk(
    torch_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, id: str, file: str, builder: str | None
) -> None:
    monkeypatch.setenv("TFPARITY_CACHE", str(tmp_path / "cache"))
    (torch_home / file).write_bytes(b"weights")
    made = named.chosen(id, Choice())
    if builder is None:
        assert made.choice.sources == ()
        return
    assert made.kin == id
    assert made.told == f"with torchvision's own weights, {torch_home / file}"
    (source,) = made.choice.sources
    text = Path(source).read_text()
    assert f"models.get_model('{builder}', weights=named[0])" in text
    assert f"'/{file}'" in text
    (case,) = case_files.load([Path(source)]).values()
    assert case.trained
    assert case.inputs[0].shape == ("batch", 3, 224, 224)
    before = case_files.digest(case)
    (torch_home / file).write_bytes(b"other weights")
    (source,) = named.chosen(id, Choice()).choice.sources
    registered = {name: one for name, one in declare.registered().items() if name != case.id}
    monkeypatch.setattr(declare, "_registry", registered)
    (again,) = case_files.load([Path(source)]).values()
    assert case_files.digest(again) != before


def test_what_is_declared_goes_before_the_usual_size_of_images(torch_home: Path) -> None:
    (torch_home / "resnet18-f37072fd.pth").write_bytes(b"weights")
    declared = Declared(inputs=("pixels=normal(batch, 3, 96, 96)",))
    made = named.chosen("torchvision/resnet18", Choice(declared=declared)).choice
    assert made.declared == Declared()
    assert "normal('batch', 3, 96, 96, name='pixels')" in Path(made.sources[0]).read_text()


@pytest.mark.parametrize(
    ("config", "kin"),
    [
        ('{"model_type": "bert"}', "huggingface/bert"),
        ('{"model_type": "xlm_roberta"}', "huggingface/xlm-roberta"),
        ("{}", None),
        ('{"model_type": 5}', None),
    ],
)
def test_a_saved_folder_is_like_the_case_of_its_family(tmp_path: Path, config: str, kin: str | None) -> None:
    (tmp_path / "config.json").write_text(config)
    assert named.chosen(str(tmp_path), Choice()).kin == kin
