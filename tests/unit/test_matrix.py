"""matrix.yaml: what loads, and what a wrong one says."""

import datetime
import json
import re
import textwrap
from pathlib import Path

import pytest

from tfparity import paths
from tfparity.errors import MatrixError
from tfparity.inputs import matrix

ROOT = paths.PACKAGE.parent.parent

GOOD = """\
schema: 1
default: tf2.12-torch1.13
environments:
  - id: newest-torch
    python: "3.11"
    as-of: 2026-11-20
    pins: {torch: 2.15.0}
  - id: old-tensorflow
    python: "3.11"
    as-of: 2026-11-20
    pins: {tensorflow: 2.15.1}
toolchains:
  - id: tf2.12-torch1.13
    python: "3.10"
    as-of: 2023-07-15
    pins: {torch: 1.13.1, tensorflow: 2.12.1}
  - id: apart
    source: newest-torch
    routes: {onnx-tf: old-tensorflow}
    note: slow
"""


def load(folder: Path, text: str) -> matrix.Matrix:
    file = folder / "matrix.yaml"
    file.write_text(textwrap.dedent(text))
    return matrix.load(file)


def refused(folder: Path, old: str, new: str) -> str:
    """What is said of the good file with one change."""
    assert old in GOOD
    with pytest.raises(MatrixError) as caught:
        load(folder, GOOD.replace(old, new, 1))
    return str(caught.value).replace(f"{folder}/", "")


def test_pins_in_a_toolchain_are_an_environment_of_its_name_that_does_both_sides(tmp_path: Path) -> None:
    loaded = load(tmp_path, GOOD)
    toolchain = loaded.toolchains["tf2.12-torch1.13"]
    assert toolchain.source == "tf2.12-torch1.13"
    assert toolchain.routes == {"onnx-tf": "tf2.12-torch1.13", "onnx-tf-dynamo": "tf2.12-torch1.13"}
    environment = loaded.environments["tf2.12-torch1.13"]
    assert type(environment) is matrix.Environment
    assert (environment.python, environment.as_of) == ("3.10", datetime.date(2023, 7, 15))
    assert environment.pins == {"torch": "1.13.1", "tensorflow": "2.12.1"}


def test_a_split_toolchain_has_the_routes_and_environments_that_it_names(tmp_path: Path) -> None:
    toolchain = load(tmp_path, GOOD).toolchains["apart"]
    assert toolchain.environments() == ["newest-torch", "old-tensorflow"]
    assert toolchain.routes == {"onnx-tf": "old-tensorflow"}
    assert toolchain.note == "slow"


def test_a_short_toolchain_can_send_one_route_elsewhere(tmp_path: Path) -> None:
    changed = GOOD.replace("tensorflow: 2.12.1}\n", "tensorflow: 2.12.1}\n    routes: {onnx-tf-dynamo: newest-torch}\n")
    routes = load(tmp_path, changed).toolchains["tf2.12-torch1.13"].routes
    assert routes == {"onnx-tf": "tf2.12-torch1.13", "onnx-tf-dynamo": "newest-torch"}


def test_toolchains_keep_the_order_of_the_file_and_limits_have_defaults(tmp_path: Path) -> None:
    loaded = load(tmp_path, GOOD)
    assert list(loaded.toolchains) == ["tf2.12-torch1.13", "apart"]
    assert (loaded.limits.seconds, loaded.limits.memory_gib, loaded.limits.remedy_seconds) == (600, 8, 1800)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("as-of: 2023-07-15", "as_off: 2023-07-15", r"^matrix.yaml:15: unknown key 'as_off', did you mean 'as-of'\?"),
        ("    as-of: 2023-07-15\n", "", r"^matrix.yaml:\d+: the key 'as-of' is missing"),
        ("as-of: 2023-07-15", "as-of: 2023-07-32", r"^matrix.yaml:15: .*as-of: "),
        ("as-of: 2023-07-15", "as-of: 20230715", r"^matrix.yaml:15: .*as-of: write a day: 2023-07-15"),
        ('"3.10"', "3.10", r"^matrix.yaml:14: .*python: write it in quotes"),
        ('"3.10"', '"3.6"', r"^matrix.yaml:14: .*python: Python '3.6' is none of 3.7, 3.8"),
        ("torch: 1.13.1", "torch: 1.13", r"^matrix.yaml:16: .*pins.torch: write it in quotes"),
        ("torch: 1.13.1", "torch: newest", r"^matrix.yaml:16: .*'newest' is not an exact version"),
        ("torch: 1.13.1", "torch: '>=1.13'", r"^matrix.yaml:16: .*'>=1.13' is not an exact version"),
        ("torch: 1.13.1", "onnx_tf: 1.10.0", r"^matrix.yaml:16: .*write the package 'onnx_tf' as 'onnx-tf'"),
        ("{torch: 1.13.1, tensorflow: 2.12.1}", "{}", r"^matrix.yaml:16: .*pins: .*at least 1"),
        ("    note: slow", "    nota: slow", r"^matrix.yaml:20: unknown key 'nota', did you mean 'note'\?"),
        ("source: newest-torch", "source: newest-torh", r"^matrix.yaml:18: no environment 'newest-torh', did you mean"),
        ("onnx-tf: old-tensorflow", "onnx-tf: old", r"^matrix.yaml:19: no environment 'old'"),
        ("onnx-tf: old-tensorflow", "onnxtf: old-tensorflow", r"^matrix.yaml:19: .*no route 'onnxtf', did you mean"),
        ("default: tf2.12-torch1.13", "default: tf2.12-torch", r"^matrix.yaml:2: no toolchain .*, did you mean"),
        ("id: apart", "id: tf2.12-torch1.13", r"^matrix.yaml:17: a second toolchain 'tf2.12-torch1.13'"),
        ("id: tf2.12-torch1.13", "id: newest-torch", r"^matrix.yaml:13: an environment 'newest-torch' is declared too"),
        ("id: old-tensorflow", "id: newest-torch", r"^matrix.yaml:8: a second environment 'newest-torch'"),
        ("onnx-tf: old-tensorflow", "onnx-tf: newest-torch", r"^matrix.yaml:8: no toolchain uses .*'old-tensorflow'"),
        ("id: apart", "id: Apart toolchain", r"^matrix.yaml:17: .*id: "),
        ("schema: 1", "schema: 2", r"^matrix.yaml:1: schema: "),
        (
            "schema: 1\n",
            "schema: 1\nlimits: {second: 3}\n",
            r"^matrix.yaml:2: unknown key 'second', did you mean 'seconds'",
        ),
        ("schema: 1\n", "schema: 1\nlimits: {seconds: 0}\n", r"^matrix.yaml:2: limits.seconds: .*greater than 0"),
        ("schema: 1\n", "schema: 1\nlimits: {seconds: .inf}\n", r"^matrix.yaml:2: limits.seconds: .*less than or"),
        ("schema: 1\n", "schema: 1\nlimits: {seconds: 1e308}\n", r"^matrix.yaml:2: limits.seconds: "),
        ("schema: 1\n", "schema: 1\nlimits: {memory-gib: .inf}\n", r"^matrix.yaml:2: limits.memory-gib: .*less than"),
        ("schema: 1\n", "schema: 1\nlimits: {memory-gib: 1.0e-300}\n", r"^matrix.yaml:2: limits.memory-gib: .*great"),
        ("schema: 1\n", "schema: 1\nlimits: {remedy-seconds: .nan}\n", r"^matrix.yaml:2: limits.remedy-seconds: "),
        ("schema: 1", "schema: 1\nschema: 1", r"^matrix.yaml:2: found duplicate key"),
        ("toolchains:", "toolchains: [", r"^matrix.yaml:\d+: "),
        ("    note: slow", "    note: slow\n    shims: [onnx-mapping]", r"^matrix.yaml:21: unknown key 'shims'"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    message = refused(tmp_path, old, new)
    assert re.search(said, message), message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("shims: [onnx-maping]", "no shim 'onnx-maping', did you mean 'onnx-mapping'?"),
        ("overrides: [tensorflow-addons python_version]", "is not a requirement"),
        ("overrides: tensorflow-addons", "overrides: "),
    ],
)
def test_a_wrong_shim_or_override_is_refused(tmp_path: Path, extra: str, said: str) -> None:
    message = refused(tmp_path, '    python: "3.10"\n', f'    python: "3.10"\n    {extra}\n')
    assert "matrix.yaml:15: " in message
    assert said in message


@pytest.mark.parametrize(
    ("text", "said"), [("", "not a mapping"), ("- 1", "not a mapping"), ("a: \0", "matrix.yaml"), ("a: [", ":1: ")]
)
def test_a_file_that_is_no_matrix_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(MatrixError) as caught:
        load(tmp_path, text)
    assert said in str(caught.value)


def test_a_missing_or_unreadable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MatrixError, match="no project of tfparity is here: go into a clone"):
        matrix.load(tmp_path / "matrix.yaml")
    (tmp_path / "matrix.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(MatrixError, match="cannot be read"):
        matrix.load(tmp_path / "matrix.yaml")


def test_the_digest_follows_what_a_resolution_depends_on_and_nothing_else(tmp_path: Path) -> None:
    def digest(old: str, new: str) -> str:
        return load(tmp_path, GOOD.replace(old, new, 1)).environments["tf2.12-torch1.13"].digest()

    same = digest("", "")
    assert digest("tensorflow: 2.12.1}\n", "tensorflow: 2.12.1}\n    note: other words\n") == same
    assert digest('"3.10"\n', '"3.10"\n    shims: [onnx-mapping]\n') == same
    assert digest("{torch: 1.13.1, tensorflow: 2.12.1}", "{tensorflow: 2.12.1, torch: 1.13.1}") == same
    others = {
        digest('"3.10"', '"3.9"'),
        digest("2023-07-15", "2023-07-16"),
        digest("torch: 1.13.1", "torch: 1.13.0"),
        digest('"3.10"\n', '"3.10"\n    overrides: [numpy<2]\n'),
    }
    assert len(others | {same}) == 5


def test_the_schema_for_editors_is_what_the_models_say() -> None:
    committed = json.loads((ROOT / "docs" / "matrix.schema.json").read_text())
    assert committed == matrix.json_schema()


def test_the_schema_knows_every_key_and_refuses_others() -> None:
    text = json.dumps(matrix.json_schema())
    for key in ("as-of", "memory-gib", "overrides", "source", "routes"):
        assert f'"{key}"' in text
    assert "as_of" not in text
    assert '"additionalProperties": false' in text


def test_the_real_matrix_spans_the_tensorflow_releases_and_pythons() -> None:
    loaded = matrix.load(ROOT / "matrix.yaml")
    assert len(loaded.toolchains) >= 14
    minors = {
        int(environment.pins["tensorflow"].split(".")[1])
        for environment in loaded.environments.values()
        if "tensorflow" in environment.pins
    }
    assert minors == set(range(4, 22))
    assert {environment.python for environment in loaded.environments.values()} == set(matrix.PYTHONS)
    assert any(len(toolchain.environments()) > 1 for toolchain in loaded.toolchains.values())
    assert not loaded.environments[loaded.toolchains[loaded.default].source].shims


def test_toolchain_ids_can_be_read_without_a_yaml_library() -> None:
    text = (ROOT / "matrix.yaml").read_text().split("\ntoolchains:\n")[1]
    assert re.findall(r"^  - id: (\S+)$", text, re.MULTILINE) == list(matrix.load(ROOT / "matrix.yaml").toolchains)


RUNTIMES = """\
runtimes:
  - id: run-tf2.15
    python: "3.11"
    as-of: 2026-11-20
    runs: [saved-model, tflite]
    pins: {tensorflow-cpu: 2.15.1}
toolchains:
"""


def refused_runtime(folder: Path, old: str, new: str) -> str:
    """What is said of the good file with a runtime that has one change."""
    assert old in RUNTIMES
    return refused(folder, "toolchains:\n", RUNTIMES.replace(old, new, 1))


def test_a_runtime_is_locked_and_is_no_environment_of_a_toolchain(tmp_path: Path) -> None:
    loaded = load(tmp_path, GOOD.replace("toolchains:\n", RUNTIMES, 1))
    runtime = loaded.runtimes["run-tf2.15"]
    assert runtime.runs == ("saved-model", "tflite")
    assert "run-tf2.15" not in loaded.environments
    assert list(loaded.locked) == [*loaded.environments, "run-tf2.15"]


def test_a_compiler_takes_a_target_and_any_tflite_file_where_it_is_named(tmp_path: Path) -> None:
    compiling = RUNTIMES.replace("    runs: [saved-model, tflite]", "    compiler: vela\n    runs: [tflite-int8-io]")
    compiler = load(tmp_path, GOOD.replace("toolchains:\n", compiling, 1)).runtimes["run-tf2.15"]
    assert (compiler.compiler, compiler.target) == ("vela", "tflite-int8-io")
    assert [compiler.opens(kind) for kind in ("tflite", "saved-model")] == [True, False]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    runs:", "    rums:", "matrix.yaml:16: unknown key 'rums', did you mean 'runs'?"),
        ("[saved-model, tflite]", "[]", "matrix.yaml:16: runtimes.runs"),
        (
            "[saved-model, tflite]",
            "[saved_model]",
            "matrix.yaml:16: runtimes.runs: Input should be 'saved-model', 'tflite' or 'tflite-int8-io'",
        ),
        ("    runs: [saved-model, tflite]\n", "", "runs"),
        ("    runs:", "    compiler: vella\n    runs:", "runtimes.compiler: no compiler 'vella', did you mean 'vela'?"),
        ("    runs:", "    compiler: vela\n    runs:", "a compiler takes tflite-int8-io alone: runs: [tflite-int8-io]"),
        ("[saved-model, tflite]", "[tflite, tflite-int8-io]", "a compiler is named under compiler:"),
        ("id: run-tf2.15", "id: old-tensorflow", "matrix.yaml:13: an environment or a toolchain 'old-tensorflow'"),
        ("id: run-tf2.15", "id: apart", "matrix.yaml:13: an environment or a toolchain 'apart'"),
    ],
)
def test_a_wrong_runtime_is_refused_with_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert message in refused_runtime(tmp_path, old, new)


def test_a_second_runtime_of_an_id_is_refused(tmp_path: Path) -> None:
    entry = RUNTIMES.removeprefix("runtimes:\n").removesuffix("toolchains:\n")
    assert "a second runtime 'run-tf2.15'" in refused_runtime(tmp_path, "toolchains:\n", entry + "toolchains:\n")


MAKERS = """\
makers:
  - id: quantizer
    python: "3.12"
    as-of: 2026-11-20
    makes: [litert-int8, litert-dynamic-int8]
    pins: {litert-quantizer: 0.11.0}
toolchains:
"""


def refused_maker(folder: Path, old: str, new: str) -> str:
    """What is said of the good file with a maker of targets that has one change."""
    assert old in MAKERS
    return refused(folder, "toolchains:\n", MAKERS.replace(old, new, 1))


def test_a_maker_of_targets_is_locked_and_is_no_environment_of_a_toolchain(tmp_path: Path) -> None:
    loaded = load(tmp_path, GOOD.replace("toolchains:\n", MAKERS, 1))
    assert "quantizer" not in {**loaded.environments, **loaded.runtimes}
    assert list(loaded.locked) == [*loaded.environments, "quantizer"]
    assert loaded.maker("litert-int8") is loaded.makers["quantizer"]
    assert loaded.maker("litert-dynamic-int4") is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    makes:", "    mades:", "matrix.yaml:16: unknown key 'mades', did you mean 'makes'?"),
        ("[litert-int8, litert-dynamic-int8]", "[]", "matrix.yaml:16: makers.makes"),
        ("litert-int8,", "tflite-int8,", "no target 'tflite-int8' that an environment of its own makes; there are lit"),
        ("id: quantizer", "id: apart", "matrix.yaml:13: something else is called 'apart'"),
    ],
)
def test_a_wrong_maker_is_refused_with_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert message in refused_maker(tmp_path, old, new)


def test_a_target_has_one_maker(tmp_path: Path) -> None:
    entry = MAKERS.removeprefix("makers:\n").removesuffix("toolchains:\n")
    again = entry.replace("id: quantizer", "id: another") + "toolchains:\n"
    assert "quantizer makes 'litert-int8', too" in refused_maker(tmp_path, "toolchains:\n", again)
