"""A module that carries a REVISION does not change without a look at that number: revisions.json knows both.

Run as a program it writes the list anew: python tests/unit/test_revisions_raised.py
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).parent
WORKER = HERE.parents[1] / "src" / "tfparity" / "worker"
KNOWN = HERE / "revisions.json"
FOLDERS = ("exporters", "remedies", "routes", "shims", "targets")

ADVICE = (
    "changed since revisions.json was written. Raise the REVISION of each whose results can change (evidence by it "
    "becomes stale); then, and also where none can, run: python tests/unit/test_revisions_raised.py"
)


def neighbours(path: Path) -> Iterator[Path]:
    """The modules of the same folder that it imports, in their order."""
    package = f"tfparity.worker.{path.parent.name}"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                start, _, name = f"{node.module}.{alias.name}".rpartition(f"{package}.")
                found = path.with_name(name.partition(".")[0] + ".py")
                if not start and name and found.is_file():
                    yield found


def with_neighbours(path: Path) -> list[Path]:
    """It, and what it needs from its folder, each once."""
    found = [path]
    for one in found:  # grows
        found += [other for other in dict.fromkeys(neighbours(one)) if other not in found]
    return found


def revision(paths: Sequence[Path]) -> int | None:
    """The REVISION of the first that has one."""
    for path in paths:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "REVISION":
                return int(ast.literal_eval(node.value))
    return None


def essence(node: object) -> object:
    """The code without docstrings, comments and layout, the same under every Python. (ast.dump is not.)"""
    if isinstance(node, list):
        return [essence(one) for one in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    body = fields.get("body")
    if isinstance(body, list) and body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        fields["body"] = body[1:]
    told = {name: essence(value) for name, value in fields.items() if value not in (None, []) and name != "kind"}
    return [type(node).__name__, sorted(told.items())]


def digest(texts: Sequence[str]) -> str:
    return hashlib.sha256(repr([essence(ast.parse(text)) for text in texts]).encode()).hexdigest()


def present() -> dict[str, list[int | str]]:
    """Module → its REVISION, and the digest of its code with that of its neighbours."""
    found: dict[str, list[int | str]] = {}
    for path in sorted(path for folder in FOLDERS for path in (WORKER / folder).glob("[!_]*.py")):
        paths = with_neighbours(path)
        number = revision(paths)
        if number is not None:
            texts = [one.read_text(encoding="utf-8") for one in paths]
            found[f"{path.parent.name}/{path.stem}"] = [number, digest(texts)]
    return found


def test_no_module_changes_without_a_look_at_its_revision() -> None:
    known, now = json.loads(KNOWN.read_text(encoding="utf-8")), present()
    changed = sorted(name for name in {*known, *now} if known.get(name) != now.get(name))
    assert not changed, f"{', '.join(changed)}: {ADVICE}"


def test_every_module_with_a_revision_is_there() -> None:
    names = set(present())
    assert {"exporters/onnx_legacy", "remedies/auto_cast", "routes/onnx_tf_dynamo", "shims/onnx_mapping"} <= names
    assert not {"exporters/onnx_files", "remedies/_functions"} & names
    assert [path.stem for path in with_neighbours(WORKER / "remedies" / "resize_handler.py")] == [
        "resize_handler",
        "_handlers",
        "_resize",
    ]


def test_words_and_layout_are_free() -> None:
    plain = 'def f(x):\n    """Of x."""\n    return (x + 1)'
    assert digest([plain]) == digest(['"""New."""\n\n# why\ndef f(x):\n    return x + 1'])
    assert len({digest([text]) for text in (plain, plain.replace("1", "2"), plain.replace("x", "y"))}) == 3


if __name__ == "__main__":
    rows = (f'  "{name}": {json.dumps(entry)}' for name, entry in present().items())
    KNOWN.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
