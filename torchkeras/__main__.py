"""`python -m torchkeras SCRIPT.py [ARGS]` runs a Keras script on PyTorch, unmodified."""

import os
import runpy
import sys

from torchkeras import dropin

_USAGE = """usage: python -m torchkeras SCRIPT.py [ARGS ...]
       python -m torchkeras -m MODULE [ARGS ...]

Runs a script written for Keras or tf.keras on PyTorch: in this process `import keras`
and `from tensorflow import keras` mean torchkeras. The script is not changed."""


def main(argv):
    """Runs the script or module that the arguments name; returns the exit status."""
    if not argv or argv[0] in ("-h", "--help"):
        print(_USAGE, file=sys.stdout if argv else sys.stderr)
        return 0 if argv else 2
    if argv[0] == "-m":
        if len(argv) < 2:
            print(_USAGE, file=sys.stderr)
            return 2
        dropin.install()
        sys.argv = argv[1:]
        runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
        return 0
    script = argv[0]
    if script.startswith("-"):
        print(f"torchkeras: unknown option {script}\n\n{_USAGE}", file=sys.stderr)
        return 2
    if not os.path.isfile(script):
        print(f"torchkeras: there is no script {script!r}", file=sys.stderr)
        return 2
    dropin.install()
    sys.argv = list(argv)
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    runpy.run_path(script, run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
