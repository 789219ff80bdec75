"""Keras scripts run character for character under `python -m torchkeras`."""

import pathlib
import subprocess
import sys

import pytest

import torchkeras
from torchkeras import dropin

HERE = pathlib.Path(__file__).parent
SCRIPTS = HERE / "scripts"
# Imports of the real ones fail in a child with this: nothing but torchkeras may be used.
NO_KERAS = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("keras", "tensorflow", "tf_keras"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import runpy
sys.argv = ["torchkeras", *sys.argv[1:]]
runpy.run_module("torchkeras", run_name="__main__", alter_sys=True)
"""


def run(*args, installed=True, cwd=None):
    how = ["-m", "torchkeras"] if installed else ["-c", NO_KERAS]
    return subprocess.run(
        [sys.executable, *how, *map(str, args)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
        env={**__import__("os").environ, "PYTHONPATH": str(HERE.parents[1])},
    )


@pytest.mark.parametrize("installed", [True, False], ids=["with_keras", "without_keras"])
def test_the_post(installed):
    done = run(SCRIPTS / "post.py", installed=installed)
    assert done.returncode == 0, done.stderr
    assert "dense_1 (Dense)" in done.stdout and "Total params: 7,116" in done.stdout
    assert "Epoch 5/5" in done.stdout and "100/100 ━━━━━━━━━━━━━━━━━━━━" in done.stdout
    assert "accuracy: " in done.stdout and "1/1 ━━━━━━━━━━━━━━━━━━━━" in done.stdout


@pytest.mark.parametrize("installed", [True, False], ids=["with_keras", "without_keras"])
def test_from_tensorflow_with_arguments(installed):
    done = run(SCRIPTS / "from_tensorflow.py", 3, installed=installed)
    assert done.returncode == 0, done.stderr
    assert "epochs 3 True" in done.stdout and "100/100 - " in done.stdout


def test_functional():
    done = run(SCRIPTS / "functional.py")
    assert done.returncode == 0, done.stderr
    assert "learned True" in done.stdout and "(3, 1)" in done.stdout


def test_same_objects_by_every_name():
    code = """
import pickle
import torchkeras, torchkeras.dropin
torchkeras.dropin.install()
import keras, keras.layers, tf_keras
import tensorflow.keras.layers as a
from tensorflow.python.keras.models import Sequential
from keras.utils import to_categorical
assert a.Dense is keras.layers.Dense is torchkeras.layers.Dense is tf_keras.layers.Dense
assert Sequential is torchkeras.Sequential
assert torchkeras.layers.__spec__.name == torchkeras.layers.__name__ == "torchkeras.layers"
assert type(pickle.loads(pickle.dumps(a.Dense(2)))) is torchkeras.layers.Dense
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "line, name",
    [
        ("import tensorflow as tf\ntf.constant(1)", "tensorflow.constant"),
        ("from tensorflow import data", "cannot import name 'data'"),
        ("import tensorflow.data", "tensorflow.data"),
        ("from tensorflow.python.framework import ops", "tensorflow.python.framework"),
        ("import keras.no_such_module", "keras.no_such_module"),
        ("import keras._variable", "keras._variable"),
    ],
)
def test_what_is_not_there_says_so(tmp_path, line, name):
    script = tmp_path / "script.py"
    script.write_text(line + "\n")
    done = run(script)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert name in last
    if "import tensorflow" in line:
        assert "torchkeras provides `tf.keras`" in last


def test_command_line(tmp_path):
    assert "usage: python -m torchkeras" in run("--help").stdout
    assert run().returncode == 2
    missing = run("nothing.py")
    assert missing.returncode == 2 and "no script 'nothing.py'" in missing.stderr
    assert "unknown option -x" in run("-x").stderr
    (tmp_path / "beside.py").write_text("value = 7\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, beside\nprint(__name__, sys.argv[1:], beside.value)\nsys.exit(3)\n"
    )
    done = run(script, "--flag", "x")
    assert done.stdout.split("\n")[0] == "__main__ ['--flag', 'x'] 7" and done.returncode == 3
    assert "__main__" in run("-m", "script", cwd=tmp_path).stdout


def test_install_and_uninstall_leave_no_trace():
    import keras

    before = {n: m for n, m in sys.modules.items() if n.partition(".")[0] == "keras"}
    dropin.install()
    try:
        import keras.layers as ours

        assert ours is torchkeras.layers
    finally:
        dropin.uninstall()
    import keras as again

    assert again is keras and keras is not torchkeras
    assert before == {n: m for n, m in sys.modules.items() if n.partition(".")[0] == "keras"}
