"""Models without a case file become one: located and hashed, never imported."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tfparity.errors import UsageError
from tfparity.inputs import case_files as cases
from tfparity.inputs import case_sources, own_models
from tfparity.inputs.own_models import Declared
from tfparity.worker import declare, plugins
from tfparity.worker.declare import Case

IMAGES = ("images=normal(batch, 3, 32, 32)",)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The cases that sources come to, in a folder with `nets/seg.py` and `single.py`, which nothing can import."""
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "__init__.py").write_text("raise SystemExit\nbuild = 1\n")
    (tmp_path / "nets" / "seg.py").write_text("raise SystemExit\nbuild = 1\n")
    (tmp_path / "single.py").write_text("raise SystemExit\nbuild = 1\n")
    monkeypatch.chdir(tmp_path)

    def of(
        *sources: str,
        inputs: tuple[str, ...] = (),
        outputs: tuple[str, ...] = (),
        axes: tuple[str, ...] = (),
        where: own_models.Where = own_models.NOWHERE,
    ):
        monkeypatch.setattr(declare, "_registry", {})
        monkeypatch.setattr(plugins, "_loaded", {})
        declared = Declared(inputs, outputs, axes)
        return list(cases.load(case_sources.files(sources, declared, tmp_path / "made", where)).values())

    return of


def saved(folder: Path, **config: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def told(case: Case) -> tuple[list[tuple[str, str, tuple[Any, ...]]], list[str], dict[str, tuple[int, ...]]]:
    return [(i.name, i.kind, i.shape) for i in case.inputs], [o.name for o in case.outputs], case.axes


def test_a_function_is_a_case_with_what_is_declared(made: Any) -> None:
    (case,) = made(
        "nets.seg:build",
        inputs=("images=normal(batch, 3, 64, width, std=0.5)", "ids=integers(batch, high=7)"),
        outputs=("ranking(logits)", "mask"),
        axes=("width=64,32,96",),
    )
    assert case.id == "yours/nets.seg.build"
    assert case.trained
    assert told(case) == (
        [("images", "normal", ("batch", 3, 64, "width")), ("ids", "integers", ("batch",))],
        ["logits", "mask"],
        {"batch": (2, 1, 5), "width": (64, 32, 96)},
    )
    assert [output.kind for output in case.outputs] == ["ranking", "float"]
    assert dict(case.inputs[0].arguments) == {"mean": 0.0, "std": 0.5}


@pytest.mark.parametrize(
    ("source", "changed", "moves"),
    [
        ("nets.seg:build", "nets/other.py", True),
        ("nets.seg:build", "nets/seg.py", True),
        ("nets.seg:build", "single.py", False),
        ("single:build", "single.py", True),
        ("single:build", "nets/seg.py", False),
    ],
)
def test_a_function_is_the_code_of_its_package(made: Any, source: str, changed: str, moves: bool) -> None:
    (before,) = made(source, inputs=IMAGES)
    Path(changed).write_text("more = build = 1\n")
    (after,) = made(source, inputs=IMAGES)
    assert (cases.digest(before) != cases.digest(after)) == moves


@pytest.mark.parametrize(("changed", "source"), [("nets/weights.pt", "nets.seg:build"), ("helper.py", "single:build")])
def test_what_lies_beside_the_code_counts(made: Any, changed: str, source: str) -> None:
    (before,) = made(source, inputs=IMAGES)
    Path(changed).write_text("new")
    (after,) = made(source, inputs=IMAGES)
    assert cases.digest(before) != cases.digest(after)


@pytest.mark.parametrize(
    ("code", "has"),
    [
        ("def build(): ...", True),
        ("async def build(): ...", True),
        ("class build: ...", True),
        ("build = bulid = 1", True),
        ("if True:\n    build = 1", True),
        ("def other():\n    global build\n    build = 1\nother()", True),
        ("(a, [build, *b]) = 1, [2, 3]", True),
        ("for build in (1, 2): ...", True),
        ("with open('a') as build: ...", True),
        ("import a as build", True),
        ("import build.deep", True),
        ("from a import build", True),
        ("from a import *", True),
        ("def __getattr__(name): ...", True),
        ("globals()['bu' + 'ild'] = 1", True),
        ("import sys\nsetattr(sys.modules[__name__], 'bu' + 'ild', 1)", True),
        ("print 'of Python 2'", True),
        ("\0", True),
        ("import single\nsingle.build = 1\ndef bulid(): ...", True),
        ("from sys import modules\nmodules[__name__].__init__(1)\ndef bulid(): ...", True),
        ("import importlib\nimportlib.import_module(__name__).other = 1\ndef bulid(): ...", True),
        ("import inspect\ninspect.currentframe().f_globals['b' + 'uild'] = 1\ndef bulid(): ...", True),
        ("import builtins\nbuiltins.exec('build = 1')\ndef bulid(): ...", True),
        ("def quite_another(): ...", True),  # a decorator elsewhere may put it there
        ("def bulid(): ...", False),
        ("net = object()\nbuilt = net.eval()", False),
        ("import build_all\nfrom a import build as built", False),
    ],
)
def test_a_name_that_a_module_cannot_have_is_refused_before_anything_runs(made: Any, code: str, *, has: bool) -> None:
    Path("single.py").write_text(code + "\n")
    if has:
        assert made("single:build", inputs=IMAGES)
        return
    with pytest.raises(UsageError, match=r"single:build: .*single\.py has no build, did you mean single:buil|bulid"):
        made("single:build", inputs=IMAGES)


def test_a_package_is_taken_before_a_module_of_its_name_and_may_fill_its_modules(made: Any) -> None:
    Path("single.py").write_text("def bulid(): ...\n")
    Path("single").mkdir()
    Path("single/__init__.py").write_text("def build(): ...\n")
    assert made("single:build", inputs=IMAGES)
    Path("single/__init__.py").write_text("from . import models\nmodels.build = len\n")
    Path("single/models.py").write_text("def bulid(): ...\n")
    assert made("single.models:build", inputs=IMAGES)


def test_the_place_of_a_model_does_not_count(made: Any, tmp_path: Path) -> None:
    (here,) = made("single:build", inputs=IMAGES)
    digest = cases.digest(here)
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "single.py").write_text("raise SystemExit\nbuild = 1\n")
    folder = Path.cwd()
    os.chdir(other)
    (there,) = made("single:build", inputs=IMAGES)
    os.chdir(folder)
    assert there.file != here.file
    assert cases.digest(there) == digest


def test_a_function_is_found_in_a_folder_that_path_names_before_all_others(
    made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "deep").mkdir(parents=True)
    (elsewhere / "tagger.py").write_text("raise SystemExit\nbuild = 1\n")
    (elsewhere / "deep" / "__init__.py").write_text("raise SystemExit\nbuild = 1\n")
    (elsewhere / "single.py").write_text("raise SystemExit\nbuild = 1\n")
    with pytest.raises(UsageError, match=r"tagger: no such module in .* name its folder with --path"):
        made("tagger:build", inputs=IMAGES)
    where = own_models.Where((elsewhere,))
    for source in ("tagger:build", "deep:build", "single:build"):
        (case,) = made(source, inputs=IMAGES, where=where)
        assert f"PLACE = {str(elsewhere.resolve())!r}" in Path(case.file).read_text()
    (before,) = made("tagger:build", inputs=IMAGES, where=where)
    (elsewhere / "tagger.py").write_text("changed = build = 1\n")
    assert cases.digest(made("tagger:build", inputs=IMAGES, where=where)[0]) != cases.digest(before)


@pytest.mark.parametrize("package", ["torchvision", "segmentation-models-pytorch", "Backbones"])
def test_a_builder_of_a_package_that_a_toolchain_holds_may_be_named(made: Any, package: str) -> None:
    module = package.lower().replace("-", "_")
    (case,) = made(f"{module}.models:build", inputs=IMAGES, where=own_models.Where((), lambda: {"torch", package}))
    assert dict(case.requires) == {package: ""}  # not applicable where an environment has it not
    text = Path(case.file).read_text()
    assert f"from {module}.models import build" in text
    assert "sys.path" not in text


def test_what_no_toolchain_holds_is_refused(made: Any) -> None:
    with pytest.raises(UsageError, match="no chosen toolchain has a package of that name"):
        made("gone.models:build", inputs=IMAGES, where=own_models.Where((), lambda: {"torch", "torchvision"}))


def test_a_package_that_is_installed_beside_us_is_no_model(made: Any) -> None:
    with pytest.raises(UsageError, match="what is installed beside tfparity does not count"):
        made("numpy:zeros", inputs=IMAGES)


def test_the_same_model_is_the_same_file(made: Any) -> None:
    assert made("single:build", inputs=IMAGES)[0].file == made("single:build", inputs=IMAGES)[0].file


@pytest.mark.parametrize(
    ("config", "inputs", "outputs"),
    [
        (
            {"architectures": ["BertForSequenceClassification"], "vocab_size": 50, "max_position_embeddings": 20},
            [("input_ids", "integers", ("batch", "sequence")), ("attention_mask", "mask", ("batch", "sequence"))],
            ["logits"],
        ),
        (
            {"architectures": ["T5ForConditionalGeneration"], "vocab_size": 50, "is_encoder_decoder": True},
            [
                ("input_ids", "integers", ("batch", "sequence")),
                ("attention_mask", "mask", ("batch", "sequence")),
                ("decoder_input_ids", "integers", ("batch", "target")),
            ],
            ["logits"],
        ),
        (
            {"architectures": ["ViTModel"], "image_size": [32, 48], "num_channels": 1},
            [("pixel_values", "normal", ("batch", 1, 32, 48))],
            ["last_hidden_state"],
        ),
        (
            {"architectures": ["Wav2Vec2ForCTC"], "vocab_size": 9, "conv_kernel": [3], "feat_extract_norm": "group"},
            [("input_values", "normal", ("batch", "samples"))],
            ["logits"],
        ),
        (
            {"architectures": ["BertForQuestionAnswering"], "vocab_size": 50},
            [("input_ids", "integers", ("batch", "sequence")), ("attention_mask", "mask", ("batch", "sequence"))],
            ["start_logits", "end_logits"],
        ),
    ],
    ids=["classifier", "encoder-decoder", "vision", "speech", "question answering"],
)
def test_a_saved_folder_is_two_cases_with_what_its_processor_gives(
    made: Any, tmp_path: Path, config: dict[str, Any], inputs: list[Any], outputs: list[str]
) -> None:
    plain, eager = made(str(saved(tmp_path / "My Model", **config)))
    assert (plain.id, eager.id) == ("yours/my-model", "yours/my-model-eager")
    assert told(plain)[:2] == told(eager)[:2] == (inputs, outputs)
    assert "attn_implementation" not in Path(plain.file).read_text().split("@case")[1]
    assert eager.requires == {"transformers": ">=4.36"}


@pytest.mark.parametrize(("segments", "high"), [(2, 2), (4, 4), (1, None), (0, None), (None, None), ("2", None)])
def test_token_types_are_given_where_the_model_tells_several_apart(
    made: Any, tmp_path: Path, segments: Any, high: int | None
) -> None:
    config = {"architectures": ["BertModel"], "vocab_size": 50, "type_vocab_size": segments}
    case, eager = made(str(saved(tmp_path / "m", **config)))
    names = ["input_ids", "attention_mask"] + ["token_type_ids"] * (high is not None)
    assert [one.name for one in case.inputs] == [one.name for one in eager.inputs] == names
    if high is not None:
        assert dict(case.inputs[2].arguments)["high"] == high


def test_positions_bound_the_sequence(made: Any, tmp_path: Path) -> None:
    folder = saved(tmp_path / "m", architectures=["BertModel"], vocab_size=5, max_position_embeddings=20)
    assert made(str(folder))[0].axes["sequence"] == (16, 7, 20)


def test_other_weights_are_another_case(made: Any, tmp_path: Path) -> None:
    folder = saved(tmp_path / "m", architectures=["BertModel"], vocab_size=5)
    before = cases.digest(made(str(folder))[0])
    (folder / "model.safetensors").write_bytes(b"WEIGHTS")
    assert cases.digest(made(str(folder))[0]) != before


def test_what_is_declared_goes_before_what_a_config_tells(made: Any, tmp_path: Path) -> None:
    folder = saved(tmp_path / "m", architectures=["ViTModel"], image_size=32)
    (case, _) = made(str(folder), inputs=("pixel_values=uniform(batch, 3, 8, 8)",), outputs=("pooler_output",))
    assert told(case)[:2] == ([("pixel_values", "uniform", ("batch", 3, 8, 8))], ["pooler_output"])


@pytest.mark.parametrize(
    ("source", "declared", "said"),
    [
        ("nets.gone:build", {"inputs": IMAGES}, r"no such module .* or on PYTHONPATH"),
        ("nets.seg:build", {}, r"what does the model take\? say --input NAME=KIND"),
        ("nets.seg:build", {"inputs": ("images",)}, "cannot be read: write NAME=KIND"),
        ("nets.seg:build", {"inputs": ("images=odd(3)",)}, "there is no kind 'odd'; kinds: normal, uniform"),
        ("nets.seg:build", {"inputs": ("x=integer(3)",)}, "no kind 'integer', did you mean 'integers'. kinds: normal"),
        ("nets.seg:build", {"inputs": ("x=normal(__import__('os').getpid())",)}, "cannot be read"),
        ("nets.seg:build", {"inputs": ("x=normal(3.5)",)}, "cannot be read"),
        ("nets.seg:build", {"inputs": ("class=normal(3)",)}, "cannot be read"),
        ("nets.seg:build", {"inputs": ("x=normal(3, foo=1)",)}, "unexpected keyword argument 'foo'"),
        ("nets.seg:build", {"inputs": ("x=integers(3)",)}, "missing 1 required keyword-only argument: 'high'"),
        ("nets.seg:build", {"inputs": ("x=normal(batch, -3)",)}, "cannot be read|sizes are 1 or more"),
        ("nets.seg:build", {"inputs": ("x=normal(0)",)}, "sizes are 1 or more"),
        ("nets.seg:build", {"inputs": ("x=integers(3, high='x')",)}, "bounds are numbers"),
        ("nets.seg:build", {"inputs": ("x=integers(3, high=0)",)}, "high is above low"),
        ("nets.seg:build", {"inputs": ("x=integers(3, high=9, dtype='lol')",)}, "a dtype is one of"),
        ("nets.seg:build", {"inputs": ("x=normal(3, name='y')",)}, "a name stands before"),
        ("nets.seg:build", {"inputs": ("x=normal(3, **3)",)}, "unexpected keyword|cannot be read"),
        ("nets.seg:build", {"inputs": IMAGES, "outputs": ("odd(y)",)}, "kinds: floating"),
        ("nets.seg:build", {"inputs": IMAGES, "outputs": ("rank(y)",)}, "no kind 'rank', did you mean 'ranking'"),
        ("nets.seg:build", {"inputs": IMAGES, "axes": ("batch=2",)}, "the exported size first"),
        ("single.py", {"inputs": IMAGES}, "are for module:function"),
        ("nets.seg:build", {"inputs": IMAGES, "outputs": ("\udcff",)}, "cannot be read"),
        ("nets.seg:build", {"inputs": ("x=normal(" + "-" * 60000 + "3)",)}, "cannot be read"),
        ("nets.seg:build", {"inputs": IMAGES, "axes": ("batch=" + "9" * 5000 + ",1",)}, "cannot be read"),
        ("nets.seg:build", {"inputs": IMAGES, "axes": ("batch=2,2",)}, "^--axis 'batch=2,2': .* different sizes"),
        ("nets.seg:build", {"inputs": IMAGES, "axes": ("batch=2,0",)}, "^--axis 'batch=2,0': .* above 0"),
        ("nets.seg:build", {"inputs": IMAGES, "axes": ("sequence=16,7",)}, "^--axis sequence=16,7: no input has that"),
        ("nets.seg:build", {"inputs": IMAGES, "axes": ("batch=2,1", "batch=3,4")}, "^--axis 'batch=3,4': another"),
        ("nets.seg:build", {"inputs": ("x=normal(batch, seq)",)}, "^the axis 'seq' .* --axis seq=16,7,24"),
        ("nets.seg:build", {"inputs": (*IMAGES, *IMAGES)}, "^--input .*: another --input names"),
        ("nets.seg:build", {"inputs": IMAGES, "outputs": ("y", "ranking(y)")}, "^--output 'ranking.y.': another"),
        ("nets.seg:build", {"inputs": ("x=normal(3)",), "outputs": ("x",)}, "both named 'x': --output names it"),
    ],
)
def test_what_cannot_be_read_is_told(made: Any, source: str, declared: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        made(source, **declared)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"vocab_size": 5}, "names no architecture"),
        ({"architectures": ["import os"], "vocab_size": 5}, "names no architecture"),
        ({"architectures": ["class"], "vocab_size": 5}, "names no architecture"),
        ({"architectures": "BertModel", "vocab_size": 5}, "names no architecture"),
        ({"architectures": [5], "vocab_size": 5}, "names no architecture"),
        ({"architectures": ["ClapModel"]}, "does not tell what the model takes"),
        ({"architectures": ["BertModel"], "vocab_size": True}, "does not tell what the model takes"),
        ({"architectures": ["ViTModel"], "image_size": "__import__('os')"}, "does not tell what the model takes"),
        ({"architectures": ["ViTModel"], "image_size": [8, "print()"]}, "does not tell what the model takes"),
        ({"architectures": ["ViTModel"], "image_size": [8, 8, 8]}, "does not tell what the model takes"),
    ],
)
def test_a_folder_that_does_not_tell_is_refused(made: Any, tmp_path: Path, config: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        made(str(saved(tmp_path / "m", **config)))


def test_a_config_that_is_no_json_is_told(made: Any, tmp_path: Path) -> None:
    (saved(tmp_path / "m") / "config.json").write_text("{")
    with pytest.raises(UsageError, match=r"config\.json: cannot be read"):
        made(str(tmp_path / "m"))
