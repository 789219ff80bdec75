"""Real Keras is the oracle: the torch backend on the CPU, in the same process."""

import os

os.environ["KERAS_BACKEND"] = "torch"
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import pytest
import torch

import torchkeras

# Beside another process two threads only wait for each other.
torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else 2)


@pytest.fixture(autouse=True)
def _fresh_start():
    torchkeras.utils.clear_session(free_memory=False)
    torchkeras.utils.set_random_seed(0)
    torchkeras.config._dtype_policy = None  # as before anybody chose one
