"""What the code of a case's file tells of the packages that it can reach."""

import ast
import functools

#: Packages that bring no model of another one.
PLAIN = frozenset(
    [
        *("__future__", "abc", "collections", "contextlib", "copy", "dataclasses", "enum", "functools", "itertools"),
        *("math", "numbers", "numpy", "operator", "random", "tfparity", "torch", "torchvision", "typing", "warnings"),
    ]
)

#: By what code gets at modules and objects that it does not import: builtins, and what modules have (torch.load).
BUILTINS = frozenset(["__import__", "eval", "exec"])
LOADING = frozenset(["hub", "import_module", "load", "load_module"])


@functools.lru_cache(maxsize=None)
def cannot_reach(file: str, package: str) -> bool:
    """Whether nothing that is made by a file's code can be of that package: the file doesn't name it, imports only
    PLAIN ones, and loads nothing else. False where that cannot be told."""
    try:
        with open(file, encoding="utf-8") as source:
            text = source.read()
        tree = ast.parse(text)
    except (OSError, ValueError, SyntaxError):
        return False
    if package in text:
        return False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "."] if not node.level else ["."]
            names += [alias.name for alias in node.names if alias.name in LOADING]
        elif isinstance(node, ast.Name):
            names = [node.id] if node.id in BUILTINS else []
        elif isinstance(node, ast.Attribute):  # .eval() is no builtin
            names = [node.attr] if node.attr in LOADING else []
        else:
            continue
        if any(name.partition(".")[0] not in PLAIN for name in names):
            return False
    return True
