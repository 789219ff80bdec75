"""Every function of `ops` against real Keras: values, symbols, gradients, element types."""

import importlib.util
import itertools
import pathlib
import re
import sys

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import KerasTensor, _dtypes, ops, tree

_spec = importlib.util.spec_from_file_location("cases", pathlib.Path(__file__).parent / "cases.py")
cases = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(cases)

# The two libraries round in different orders; nothing is worse than this.
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def values(**changed):
    return {name: torch.from_numpy(v.copy()) for name, v in cases.VALUES.items()} | changed


def run(call, namespace, tensors):
    return eval(call, {"ops": namespace, "float": float, "slice": slice, **tensors})


def plain(x):
    return x.detach().resolve_conj().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)


def assert_same(ours, theirs, call, dtypes=True):
    ours, theirs = tree.flatten(ours), tree.flatten(theirs)
    assert len(ours) == len(theirs), call
    for one, other in zip(ours, theirs):
        if dtypes and isinstance(other, torch.Tensor):
            assert one.dtype == other.dtype, call
        one, other = plain(one), plain(other)
        assert one.shape == other.shape, call
        np.testing.assert_allclose(one, other, **TOLERANCE, err_msg=call)


@pytest.mark.parametrize("call", cases.CASES)
@pytest.mark.filterwarnings("ignore")
def test_as_keras(call):
    assert_same(run(call, ops, values()), run(call, keras.ops, values()), call)
