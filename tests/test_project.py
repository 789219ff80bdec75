"""The shape of the house: who imports whom, how long files are."""

import ast
import pathlib
import subprocess
import sys

import pytest

import torchkeras

PACKAGE = pathlib.Path(torchkeras.__file__).parent
# Each may import only what stands before it.
ORDER = """
config tree _dtypes _shapes _device _state _checks saving _configurable _registry
_variable _stateless random activations initializers regularizers constraints dtype_policies
mixed_precision graph ops quantizers losses metrics optimizers layers callbacks utils training
models wrappers visualization backend dropin __main__
""".split()
FILES = sorted(PACKAGE.rglob("*.py"))


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
