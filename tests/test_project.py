"""The shape of the house: who imports whom, how long files are, what every public name has."""

import ast
import importlib
import inspect
import pathlib
import subprocess
import sys

import pytest

import torchkeras

PACKAGE = pathlib.Path(torchkeras.__file__).parent
# Each may import only what stands before it.
ORDER = """
config tree _dtypes _shapes _device _state _checks saving _configurable _registry
_variable random activations initializers regularizers constraints dtype_policies
graph ops quantizers losses metrics optimizers layers callbacks utils training models dropin
__main__
""".split()
FILES = sorted(PACKAGE.rglob("*.py"))
NAMESPACES = [
    "activations",
    "callbacks",
    "config",
    "constraints",
    "dtype_policies",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "optimizers.schedules",
    "quantizers",
    "random",
    "regularizers",
    "saving",
    "tree",
    "utils",
    "utils.bounding_boxes",
]


def top(module):
    """``layers`` for ``torchkeras.layers._conv``."""
    return module.split(".")[1] if "." in module else ""


def own_imports(tree):
    """The torchkeras modules that a file imports, and whether inside a function."""
    for node in ast.walk(tree):
        for inner in ast.walk(node) if isinstance(node, ast.FunctionDef) else ():
            if isinstance(inner, (ast.Import, ast.ImportFrom)):
                names = [getattr(inner, "module", None) or ""] + [a.name for a in inner.names]
                if any(name.split(".")[0] == "torchkeras" for name in names):
                    yield "", True
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("torchkeras"):
            if node.module == "torchkeras":
                yield from ((f"torchkeras.{alias.name}", False) for alias in node.names)
            else:
                yield node.module, False
        elif isinstance(node, ast.Import):
            yield from ((a.name, False) for a in node.names if a.name.startswith("torchkeras."))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_downward(path):
    relative = path.relative_to(PACKAGE)
    if relative.name == "__init__.py" and len(relative.parts) == 1:
        return  # the package itself gathers everything
    place = ORDER.index(relative.parts[0].removesuffix(".py"))
    for module, inside in own_imports(ast.parse(path.read_text())):
        assert not inside, "an import of torchkeras inside a function"
        assert ORDER.index(top(module)) <= place, f"{relative} imports {module} from above"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_are_of_readable_length(path):
    assert len(path.read_text().splitlines()) <= 950
    assert ast.get_docstring(ast.parse(path.read_text())), "a file says what it is about"


@pytest.mark.parametrize("name", NAMESPACES)
def test_public_names(name):
    module = importlib.import_module(f"torchkeras.{name}")
    # capitals first, as the linter sorts, or plainly
    assert len(set(module.__all__)) == len(module.__all__)
    for public in module.__all__:
        obj = getattr(module, public)
        if inspect.isclass(obj) or inspect.isfunction(obj):
            assert inspect.getdoc(obj), f"{name}.{public} has no docstring"


def test_signatures_are_those_of_keras():
    import keras

    wrong = []
    for name in NAMESPACES:
        theirs = keras
        for part in name.split("."):
            theirs = getattr(theirs, part, None)
        ours = importlib.import_module(f"torchkeras.{name}")
        for public in ours.__all__:
            a, b = getattr(ours, public), getattr(theirs, public, None)
            if b is None or not (inspect.isclass(a) or inspect.isfunction(a)):
                continue
            if name == "models" and public in ("Model", "Functional"):
                continue  # theirs is `*args, **kwargs`
            mine, real = parameters(a), parameters(b)
            if [p for p in real if p[0] not in dict(mine)] or shared(mine, real) != shared(
                real, mine
            ):
                wrong.append((f"{name}.{public}", real, mine))
    assert not wrong


def parameters(obj):
    """Names and defaults of what a function or constructor takes by name, in order."""
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    try:
        found = inspect.signature(obj).parameters.values()
    except (TypeError, ValueError):
        return []
    return [(p.name, _default(p.default)) for p in found if p.kind in plain and p.name != "self"]


def _default(value):
    """A default as text; ``(1, 1)`` and ``1`` say the same of a window."""
    if isinstance(value, (list, tuple)) and len(set(value)) == 1:
        value = value[0]
    return repr(value).lower()


def shared(these, those):
    """The parameters that both have."""
    names = dict(those)
    return [p for p in these if p[0] in names]


def test_import_is_light():
    code = (
        "import sys, torch, time; t = time.perf_counter(); import torchkeras;"
        "print([m for m in ('h5py', 'matplotlib', 'pandas', 'sklearn', 'tensorflow', 'keras', "
        "'safetensors', 'torch._dynamo', 'sympy') if m in sys.modules])"
    )
    before = subprocess.run(
        [sys.executable, "-c", code.replace("import torchkeras;", "pass;")],
        capture_output=True,
        text=True,
    )
    after = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert after.stdout == before.stdout, after.stderr
