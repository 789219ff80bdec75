"""Memory: nothing stays behind, and what is not trained keeps no graph."""

import gc
import os
import weakref

import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import layers

X = np.ones((64, 32), "float32")
Y = np.zeros(64, "int64")


def classifier():
    model = torchkeras.Sequential(
        [torchkeras.Input((32,)), layers.Dense(256, "relu"), layers.Dense(256), layers.Dense(3)]
    )
    loss = torchkeras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def resident():
    """Bytes of memory that the process holds now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc here")


@needs_proc
def test_predicting_leaves_memory_as_it_is():
    model = classifier()
    for _ in range(100):
        model.predict_on_batch(X)
    before = resident()
    for _ in range(1000):
        model.predict_on_batch(X)
    assert resident() - before < 2**20


@needs_proc
def test_models_that_come_and_go_leave_memory_as_it_is():
    def cycle():
        model = classifier()
        model.fit(X, Y, batch_size=16, verbose=0)
        return weakref.ref(model), weakref.ref(model.layers[0].kernel)

    gone = [cycle() for _ in range(10)]
    gc.collect()
    assert not any(ref() for pair in gone for ref in pair)
    before = resident()
    for _ in range(50):
        cycle()
        gc.collect()
    # One model with its slots has about 0.9 MiB.
    assert resident() - before < 4 * 2**20


def test_frozen_layers_keep_no_graph():
    model = classifier()
    for layer in model.layers[:2]:
        layer.trainable = False
    hidden = model.layers[1](model.layers[0](torch.tensor(X)))
    assert not hidden.requires_grad
    model.fit(X, Y, batch_size=16, verbose=0)
    assert model.layers[0].kernel.grad is None and model.layers[2].kernel.grad is not None


def test_gradients_of_the_last_step_are_gone_before_the_next():
    seen = []

    class Looks(layers.Layer):
        def call(self, inputs):
            seen.append(model.layers[0].kernel.grad)
            return inputs

    model = classifier()
    model.add(Looks())
    model.compile("sgd", "mse")
    model.fit(X, np.ones((64, 3)), batch_size=16, verbose=0)
    assert len(seen) >= 4 and all(gradient is None for gradient in seen)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_step_never_waits_for_the_device(jit_compile):
    model = classifier()
    model.compile("adam", model.loss, metrics=["accuracy"], jit_compile=jit_compile)
    function = model.make_train_function()
    device = torch.device("cuda")
    batch = torch.tensor(X, device=device), torch.tensor(Y, device=device), None
    model.train()
    for _ in range(20):  # compilation and the comparison of times may wait
        function(iter([batch]))
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(20):
            function(iter([batch]))
    finally:
        torch.cuda.set_sync_debug_mode("default")
