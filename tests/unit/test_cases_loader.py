"""Case files are loaded with errors at their place, and a digest follows what a case is made of, nothing else."""

import os
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest

from tfparity.errors import CaseError
from tfparity.inputs import case_digest
from tfparity.inputs import case_files as cases
from tfparity.worker import declare, plugins

ZOO = '''\
"""A family."""

from tfparity import case, integers, normal

WIDTH = 4
DEPTH = 2
REASON = "why"


def _layer(width):
    return [width]


def _unused(width):
    return {width}


class Net:
    def forward(self):
        return _layer(WIDTH)


@case("family/one", inputs=[normal("batch", 4)], tags={"smoke"})
def one():
    """The first."""
    # a comment
    return Net().forward()


@case("family/two", inputs=[integers(2, 4, high=9)])
def two():
    return _layer(3)
'''


@pytest.fixture(autouse=True)
def _an_empty_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing declared before, and what a test declares is forgotten after it."""
    monkeypatch.setattr(declare, "_registry", {})
    monkeypatch.setattr(plugins, "_loaded", {})
    mine = {name: module for name, module in sys.modules.items() if name.startswith("tfparity_plugin_")}
    for name in mine:
        del sys.modules[name]
    yield
    for name in [name for name in sys.modules if name.startswith("tfparity_plugin_")]:
        del sys.modules[name]
    sys.modules.update(mine)


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A case file with that text."""

    def write(text: str, name: str = "family.py") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def digests(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Digest by id of the cases in a text. Every text stands in a folder of its own, under the same name."""
    numbers = count()

    def digests(text: str) -> dict[str, str]:
        declare._registry.clear()
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        path = folder / "family.py"
        path.write_text(text, encoding="utf-8")
        return {id: cases.digest(case) for id, case in cases.load([path]).items()}

    return digests


# Loading


def test_cases_come_by_id_in_the_order_of_the_file(write: Write) -> None:
    found = cases.load([write(ZOO)])
    assert list(found) == ["family/one", "family/two"]
    assert found["family/one"].tags == ("smoke",)


def test_a_folder_gives_the_cases_of_its_python_files_by_name_of_file(write: Write, tmp_path: Path) -> None:
    write(ZOO, "b.py")
    write(ZOO.replace("family/", "another/"), "a.py")
    write("not python", "notes.txt")
    assert list(cases.load([tmp_path])) == ["another/one", "another/two", "family/one", "family/two"]


def test_loading_a_file_twice_gives_the_same_cases(write: Write) -> None:
    path = write(ZOO)
    assert cases.load([path, path]) == cases.load([path]) != {}


def test_loading_one_file_gives_no_case_of_another(write: Write) -> None:
    cases.load([write(ZOO, "b.py")])
    assert list(cases.load([write(ZOO.replace("family/", "another/"), "a.py")])) == ["another/one", "another/two"]


def test_a_case_file_is_found_through_a_link(write: Write, tmp_path: Path) -> None:
    link = tmp_path / "link.py"
    link.symlink_to(write(ZOO))
    assert list(cases.load([link])) == ["family/one", "family/two"]


@pytest.mark.parametrize("damage", [b"", b"damaged"])
def test_a_file_read_before_gives_the_same_cases_whatever_the_cache_holds(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    monkeypatch.setenv("TFPARITY_CACHE", str(tmp_path / "cache"))
    path = write(ZOO)

    def again() -> dict[str, str]:
        declare._registry.clear()
        plugins._loaded.clear()
        return {id: cases.digest(case) for id, case in cases.load([path]).items()}

    first = again()
    with monkeypatch.context() as patched:
        patched.setattr(case_digest, "read", None)
        assert again() == first
    entries = list((tmp_path / "cache" / "read").iterdir())
    whole = [entry.read_bytes() for entry in entries]
    for entry in entries:
        entry.write_bytes(damage)
    assert again() == first
    assert [entry.read_bytes() for entry in entries] == whole


def test_an_error_in_a_file_read_before_has_its_line(write: Write) -> None:
    path = write(ZOO + "\n\nraise KeyError('x')\n")
    first = refused(path)
    declare._registry.clear()
    assert str(refused(path)) == str(first)
    assert first.line == ZOO.count("\n") + 3


def refused(path: Path) -> CaseError:
    with pytest.raises(CaseError) as caught:
        cases.load([path])
    return caught.value


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "no such case file" in str(refused(tmp_path / "absent.py"))


def test_a_file_that_is_no_python_file_is_refused_for_its_name(write: Write) -> None:
    assert "ends in .py" in str(refused(write(ZOO, "family.txt")))


@pytest.mark.parametrize("kind", ["a loop of links", "a link to nothing", "a pipe", "a folder"])
def test_what_is_no_file_among_case_files_is_refused_by_its_name(write: Write, kind: str) -> None:
    folder = write(ZOO).parent
    odd = folder / "odd.py"
    if kind == "a pipe":
        os.mkfifo(odd)
    elif kind == "a folder":
        odd.mkdir()
    else:
        odd.symlink_to(odd.with_name("other.py"))
        if "loop" in kind:
            odd.with_name("other.py").symlink_to(odd)
    assert Path(refused(folder).file).suffix == ".py"
    assert "is no file that can be read" in str(refused(folder))


def test_a_case_file_whose_path_is_not_utf_8_is_read(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.py"))
    path.write_text(ZOO)
    found = cases.load([path])["family/one"]
    assert found.file == str(path)
    assert cases.digest(found)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert "no case is declared here" in str(refused(tmp_path))


def test_a_file_without_a_case_is_refused(write: Write) -> None:
    wrong = refused(write("WIDTH = 4\n"))
    assert "no case is declared here" in str(wrong)
    assert wrong.file.endswith("family.py")


def test_a_wrong_declaration_is_refused_at_its_line(write: Write) -> None:
    wrong = refused(write(ZOO.replace('"family/two"', '"Family two"')))
    assert (Path(wrong.file).name, wrong.line) == ("family.py", 30)
    assert "family/name" in str(wrong)


def test_an_id_that_stands_in_two_files_is_refused_with_both_places(write: Write) -> None:
    cases.load([write(ZOO, "first.py")])
    wrong = refused(write(ZOO, "second.py"))
    assert Path(wrong.file).name == "second.py"
    assert "first.py:23" in str(wrong)


def test_a_syntax_error_is_refused_at_its_line(write: Write) -> None:
    wrong = refused(write("from tfparity import case\n\ndef broken(:\n"))
    assert (Path(wrong.file).name, wrong.line) == ("family.py", 3)


def test_a_syntax_error_in_an_imported_file_is_refused_there(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    write("\n\n\n\ndef broken(:\n", "shared_by_cases.py")
    wrong = refused(write("import shared_by_cases\n"))
    assert (Path(wrong.file).name, wrong.line) == ("shared_by_cases.py", 5)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("import no_such_framework", "ModuleNotFoundError"),
        ("1 / 0", "ZeroDivisionError"),
        ("exit(3)", "SystemExit"),
        ("__import__('os')._exit(3)", "SystemExit when imported: os._exit(3)"),
        ("from os import _exit; _exit(0)", "SystemExit when imported: os._exit(0)"),
        ("import posix, os; [os._exit(n) for n in (0, 1)]", "SystemExit"),
    ],
)
def test_a_file_that_raises_is_refused_at_the_line_that_did(write: Write, line: str, name: str) -> None:
    wrong = refused(write(f"from tfparity import case\n\n{line}\n"))
    assert wrong.line == 3
    assert f"raises {name}" in str(wrong)


def test_an_interrupt_is_no_fault_of_the_file(write: Write) -> None:
    with pytest.raises(KeyboardInterrupt):
        cases.load([write("raise KeyboardInterrupt\n")])


def test_no_factory_is_called_by_loading(write: Write) -> None:
    assert cases.load([write(ZOO.replace("return _layer(3)", "raise SystemExit(1)"))])["family/two"]


# Digests

ONE, TWO = "family/one", "family/two"

#: Nanoseconds since 1970 of a file that nobody has touched lately.
LONG_AGO = 10**18


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return Net().forward()", "return Net().forward() * 1"),
        ("WIDTH = 4", "WIDTH = 5"),
        ("WIDTH = 4", "WIDTH = 4\nWIDTH += 1"),
        ("WIDTH = 4", "WIDTH = 5\nWIDTH = 4"),
        ("return [width]", "return [width, width]"),
        ("return _layer(WIDTH)", "return _layer(WIDTH + 1)"),
        ("class Net:", "class Net(dict):"),
        ("def one():", "def one(seed=0):"),
        ("return Net().forward()", "return Net().forward(b'4')"),
    ],
)
def test_a_digest_changes_with_all_that_the_factory_reaches(
    digests: Callable[[str], dict[str, str]], old: str, new: str
) -> None:
    assert digests(ZOO.replace(old, new))[ONE] != digests(ZOO)[ONE]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('normal("batch", 4)', 'normal("batch", 5)'),
        ('normal("batch", 4)', 'normal("batch", 4, std=2.0)'),
        ('tags={"smoke"}', 'requires={"torch": ">=2"}'),
        ('tags={"smoke"}', 'insensitive={"*.bias": REASON}'),
        ('tags={"smoke"}', 'outputs=["logits"]'),
        ('tags={"smoke"}', 'axes={"batch": (2, 3)}'),
    ],
)
def test_a_digest_changes_with_the_declaration(digests: Callable[[str], dict[str, str]], old: str, new: str) -> None:
    assert digests(ZOO.replace(old, new, 1))[ONE] != digests(ZOO)[ONE]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# a comment", "# another comment\n"),
        ("The first.", "The first one, in other words."),
        ('    """The first."""\n', ""),
        ('"""A family."""', '"""A family of two."""'),
        ('{"smoke"}', "()"),
        ('{"smoke"}', '["pitfall", "smoke"]'),
        ('tags={"smoke"}', 'operators=["Gelu"]'),
        ("return Net().forward()", "return (\n        Net().forward()\n    )"),
        ("from tfparity import case, integers, normal", "from tfparity import case, floating, integers, normal"),
        ("return _layer(3)", "return _layer(4)"),
        ('"family/two"', '"family/three"'),
        ("DEPTH = 2", "DEPTH = 3"),
        ("return {width}", "return {width, width}"),
        ("WIDTH = 4\nDEPTH = 2", "DEPTH = 2\nWIDTH = 4"),
    ],
)
def test_a_digest_stays_where_the_case_is_the_same(
    digests: Callable[[str], dict[str, str]], old: str, new: str
) -> None:
    assert old in ZOO
    assert digests(ZOO.replace(old, new, 1))[ONE] == digests(ZOO)[ONE]


def test_the_digest_of_a_case_that_does_not_reach_a_change_stays(digests: Callable[[str], dict[str, str]]) -> None:
    assert digests(ZOO.replace("WIDTH = 4", "WIDTH = 5"))[TWO] == digests(ZOO)[TWO]


def test_two_cases_have_two_digests(digests: Callable[[str], dict[str, str]]) -> None:
    assert len(set(digests(ZOO).values())) == 2


def test_the_place_of_the_file_is_not_in_the_digest(digests: Callable[[str], dict[str, str]]) -> None:
    assert digests(ZOO) == digests("\n\n" + ZOO)


@pytest.mark.parametrize("change", ["1", "2"])
def test_factories_of_the_same_name_each_count_for_their_own_case(
    digests: Callable[[str], dict[str, str]], change: str
) -> None:
    head = "from tfparity import case, normal\n\n"
    same = '@case("family/f{0}", inputs=[normal(2)])\ndef _():\n    return {0}\n\n'
    text = head + same.format(1) + same.format(2)
    before, after = digests(text), digests(text.replace(f"return {change}", "return 7"))
    assert [id for id in before if before[id] != after[id]] == [f"family/f{change}"]


MADE = """from tfparity import case, normal


def _sized(name, width):
    @case("family/" + name, inputs=[normal(2)])
    def made():
        return [width]


_sized("one", 3)
_sized("two", {"deep": (4,)})
"""


def test_a_made_factory_counts_with_the_values_that_it_was_made_for(digests: Callable[[str], dict[str, str]]) -> None:
    before, after = digests(MADE), digests(MADE.replace("(4,)", "(5,)") + '_sized("three", 3)\n')
    assert before[ONE] == after[ONE]
    assert before[TWO] != after[TWO]


@pytest.mark.parametrize("signature", ["width=width", "*, width=width"])
def test_a_made_factory_counts_with_its_defaults(digests: Callable[[str], dict[str, str]], signature: str) -> None:
    text = MADE.replace("def made():", f"def made({signature}):")
    before, after = digests(text), digests(text.replace('"one", 3', '"one", 4'))
    assert before[TWO] == after[TWO]
    assert before[ONE] != after[ONE]


def test_a_table_that_is_filled_by_a_call_counts_with_the_call(digests: Callable[[str], dict[str, str]]) -> None:
    text = ZOO.replace("WIDTH = 4", "TABLE = {}\nWIDTH = 4").replace("_layer(WIDTH)", "_layer(TABLE)")
    text = text.replace("REASON =", "def fill(table, n):\n    table[n] = n\n\n\nfill(TABLE, 8)\nREASON =")
    changed = digests(text.replace("TABLE, 8", "TABLE, 9"))
    assert digests(text)[ONE] != changed[ONE]
    assert digests(text)[TWO] != changed[TWO]  # fill may change anything


#: What a user's file does on import, each with a part of it that no name in a factory reaches.
EFFECTS = {
    "a decorator": ("def register(kind):\n    return kind\n\n\n@register\nclass Block:\n    depth = 1\n", "depth = 1"),
    "a decorator that is called": ("import kinds\n\n\n@kinds.register('a')\ndef block():\n    return 1\n", "return 1"),
    "a decorator within a branch": (
        "import kinds\n\nif 2:\n\n    @kinds.add\n    def block():\n        return 1\n",
        "return 1",
    ),
    "a decorated method": (
        "import kinds\n\n\nclass Block:\n    @kinds.add\n    def f(self):\n        return 1\n",
        "return 1",
    ),
    "a base class": (
        "class Base:\n    def __init_subclass__(cls):\n        pass\n\n\nclass A(Base):\n    depth = 1\n",
        "depth = 1",
    ),
    "a metaclass": ("import kinds\n\n\nclass A(metaclass=kinds.Meta):\n    depth = 1\n", "depth = 1"),
    "a bare call": ("def configure():\n    global DEPTH\n    DEPTH = 1\n\n\nconfigure()\n", "DEPTH = 1"),
    "a call in a loop": ("def add(n):\n    kinds = n\n\n\nfor n in (1, 2):\n    add(n)\n", "(1, 2)"),
    "a call that is kept": ("def add(n):\n    return n\n\n\n_ = add(1)\n", "add(1)"),
    "a call in a class": ("def add(n):\n    return n\n\n\nclass A:\n    n = add(1)\n", "add(1)"),
    "a call of a package": ("import kinds\n\nkinds.set_default(1)\n", "default(1)"),
    "a call of an imported function": ("from kinds import seed\n\nseed(1)\n", "seed(1)"),
    "a call of another name of a module": ("import kinds\n\nk = kinds\nk.add(1)\n", "add(1)"),
    "code in a text": ('exec("SIZE = 1")\n', "SIZE = 1"),
    "the names of the module": ("globals().update(SIZE=1)\n", "SIZE=1"),
    "a method of an object of its own": (
        "class Table:\n    def update(self):\n        return 1\n\n\ntable = Table()\ntable.update()\n",
        "return 1",
    ),
    "a function within a branch": ("if 2:\n\n    def block():\n        return 1\n\n    block()\n", "return 1"),
    "a function under a builtin's name": ("def dict():\n    return 1\n\n\ndict()\n", "return 1"),
    **{
        name: (f"def patch(*_, **__):\n    return 1\n\n\n{code}\n", "return 1")
        for name, code in {
            "another name of a function": "run = patch\nrun()",
            "another name, a builtin's": "len = patch\nlen()",
            "a default": "def block(x=patch()):\n    pass",
            "a default of a keyword": "def block(*, x=patch()):\n    pass",
            "a default of a lambda": "block = lambda x=patch(): x",
            "a default of a method": "class Block:\n    def f(self, x=patch()):\n        pass",
            "a base": "class Block(type(patch())):\n    pass",
            "an annotation": "def block(x: patch()):\n    pass",
            "an annotation of what is given back": "def block() -> patch():\n    pass",
            "an annotation of a name": "depth: patch() = 2",
            "a lambda that is called": "(lambda: patch())()",
            "a loop over functions": "for f in (patch,):\n    f()",
            "a function that maps": "_ = list(map(lambda _: patch(), [2]))",
            "a function that sorts": "_ = sorted([2], key=patch)",
            "a comprehension": "_ = [patch() for _ in (2,)]",
            "a text": '_ = f"{patch()}"',
            "an element of a table": 'TABLES = {"a": patch}\nTABLES["a"]()',
            "what a table's method gives": 'TABLES = {"a": patch}\nTABLES.get("a")()',
            "an argument of a case": '@case("family/zero", inputs=[normal(patch())])\ndef zero():\n    pass',
            "a function that declares": (
                'def _more(name):\n    patch()\n\n    @case("family/" + name, inputs=[normal(2)])\n'
                '    def made():\n        pass\n\n\n_more("zero")'
            ),
            "a function that declares by another's name": (
                "def _more(make):\n    make()\n\n    @case('family/zero', inputs=[normal(2)])\n"
                "    def made():\n        pass\n\n\n_more(patch)"
            ),
        }.items()
    },
}


@pytest.mark.parametrize("effect", EFFECTS)
def test_a_file_that_changes_what_no_name_tells_counts_as_a_whole(
    digests: Callable[[str], dict[str, str]], effect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = ModuleType("kinds")
    kinds.add = kinds.seed = kinds.set_default = lambda made: made  # type: ignore[attr-defined]
    kinds.register, kinds.Meta = (lambda _: kinds.add), type  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kinds", kinds)
    code, part = EFFECTS[effect]
    assert part in code
    text = ZOO.replace("REASON =", f"{code}\n\nREASON =", 1)
    before, after = digests(text), digests(text.replace(part, part.replace("1", "7")))
    assert [id for id in before if before[id] == after[id]] == []
    assert digests(text) == digests(text.replace("REASON =", "# why\nREASON =", 1))


@pytest.mark.parametrize(
    "code",
    [
        "def _two(n):\n    return _sized(n, 3)\n\n\n_two('seven')\n",
        "TABLE = {}\nTABLE.update(width=1)\n",
        "TABLE = dict(width=1)\n",
        "import tfparity\n\nIMAGES = tfparity.normal(1)\n",
        "class Block(dict):\n    depth = 1\n\n    @property\n    def width(self):\n        return 1\n",
        "def block():\n    return configure(1)\n",
        "block = lambda: configure(1)\n",
        "WIDE = sorted({'a': 1})\nDEEP = {'a': 1}.get('a', len('abc'))\n",
        "TEXT = 'a1'.replace('a', 'b').join(['1', '3'])\n",
        "def _two(n):\n    label = n.lower().strip()\n    return _sized(label, 3)\n\n\n_two('Seven')\n",
        "def block(x: int = 1, *, y: float = 3.0) -> list[int]:\n    return [x]\n",
        "class Block(dict):\n    def f(self, x=(1, 3)):\n        return x\n",
    ],
)
def test_what_only_declares_and_names_leaves_other_cases_as_they_are(
    digests: Callable[[str], dict[str, str]], code: str
) -> None:
    before = digests(f"{MADE}\n{code}")
    after = digests(f"{MADE}\n{code.replace('1', '7').replace('3', '8')}")
    assert before["family/one"] == after["family/one"]


def test_a_factory_made_for_what_has_no_plain_value_is_refused(digests: Callable[[str], dict[str, str]]) -> None:
    with pytest.raises(CaseError, match="'family/one': its factory closes over width, a type: pass plain values"):
        digests(MADE.replace('"one", 3', '"one", dict'))


def test_a_lambda_is_in_the_digest_of_its_case(digests: Callable[[str], dict[str, str]]) -> None:
    text = 'from tfparity import case, normal\n\ncase("family/one", inputs=[normal(2)], tags=["a"])(lambda: 1)\n'
    assert digests(text)[ONE] != digests(text.replace("lambda: 1", "lambda: 2"))[ONE]
    assert digests(text)[ONE] == digests(text.replace('["a"]', '["b"]'))[ONE]


def test_a_factory_in_a_loop_is_in_the_digest_of_its_cases(digests: Callable[[str], dict[str, str]]) -> None:
    text = (
        "from tfparity import case, normal\n\nSCALE = 2\n\nfor n in (1, 2):\n\n"
        '    @case(f"family/f{n}", inputs=[normal(2)])\n    def _made(n=n):\n        return n * SCALE\n'
    )
    before = digests(text)
    assert len(set(before.values())) == 2
    for old, new in (("n * SCALE", "n + SCALE"), ("SCALE = 2", "SCALE = 3")):
        after = digests(text.replace(old, new))
        assert [id for id in before if before[id] == after[id]] == []


@pytest.mark.parametrize(
    "change",
    ['TABLE["width"] = 5', "TABLE.update(width=5)", "if DEPTH > 1:\n    TABLE = {}", "del TABLE"],
)
def test_a_change_of_a_reached_table_is_in_the_digest(digests: Callable[[str], dict[str, str]], change: str) -> None:
    text = ZOO.replace("WIDTH = 4", "TABLE = {}\nWIDTH = 4").replace("_layer(WIDTH)", "_layer(TABLE)")
    assert digests(text)[ONE] != digests(text.replace("REASON =", f"{change}\nREASON ="))[ONE]


def test_the_digest_of_a_known_case_is_the_same_under_every_python(digests: Callable[[str], dict[str, str]]) -> None:
    """Recorded evidence stands under keys made of digests: this one may only move on purpose."""
    assert digests(ZOO)[ONE] == "4a268dcaf81d03b9cc9dfff31bb2db91a52462a97f531da70f73b9bc866fc49b"


def test_a_digest_is_made_once_until_the_file_changes(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(ZOO)
    os.utime(path, ns=(LONG_AGO, LONG_AGO))
    case = cases.load([path])[ONE]
    before = cases.digest(case)
    with monkeypatch.context() as patched:
        patched.setattr(case_digest, "read", None)
        assert cases.digest(case) == before
    path.write_text(ZOO.replace("WIDTH = 4", "WIDTH = 5"))
    assert cases.digest(case) != before


def test_a_file_of_a_moment_ago_is_read_again_though_nothing_shows_a_change(write: Write) -> None:
    path = write(ZOO)
    written = path.stat().st_mtime_ns
    case = cases.load([path])[ONE]
    before = cases.digest(case)
    path.write_text(ZOO.replace("WIDTH = 4", "WIDTH = 5"))
    os.utime(path, ns=(written, written))
    assert cases.digest(case) != before


def test_cases_of_one_place_do_not_share_a_digest(write: Write) -> None:
    path = write(ZOO)
    os.utime(path, ns=(LONG_AGO, LONG_AGO))
    case = cases.load([path])[ONE]
    assert cases.digest(case) != cases.digest(case._replace(trained=True))


def test_a_case_that_has_gone_from_its_file_is_refused(write: Write) -> None:
    path = write(ZOO)
    case = cases.load([path])[TWO]
    path.write_text("WIDTH = 4\n")
    with pytest.raises(CaseError, match="has gone while it was in use"):
        cases.digest(case)


GIVEN = """
from tfparity import case, given

SOUNDS = ["a", "b"]


def make(shape, seed):
    return SOUNDS


def say(arrays):
    return "a"


@case("family/given", inputs=[given("batch", 4, make=make)], answer=say)
def model():
    return 1
"""


def test_a_digest_follows_the_function_that_gives_an_input(digests: Callable[[str], dict[str, str]]) -> None:
    before = digests(GIVEN)
    assert digests(GIVEN.replace("return SOUNDS", "return SOUNDS[0]")) != before
    assert digests(GIVEN.replace('["a", "b"]', '["a", "c"]')) != before
    assert digests(GIVEN.replace('return "a"', 'return "an a"')) == before


def test_the_function_that_gives_an_input_is_of_the_case_file(write: Write) -> None:
    wrong = refused(write(GIVEN.replace("make=make", "make=print")))
    assert "what gives the input 'input' must be a function of this file" in str(wrong)
