"""Names that every docstring example may use."""

import numpy as np
import pytest
import torch

import torchkeras


@pytest.fixture(autouse=True)
def _example_names(doctest_namespace):
    torchkeras.utils.clear_session(free_memory=False)
    doctest_namespace.update(np=np, torch=torch, torchkeras=torchkeras)
