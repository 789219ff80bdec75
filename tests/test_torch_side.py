"""Layers and models are torch modules: everything in torch works on them."""

import copy
import io
import pickle

import numpy as np
import pytest
import torch
from torch import nn

import torchkeras
from torchkeras import layers


def mlp():
    return torchkeras.Sequential(
        [torchkeras.Input((6,)), layers.Dense(8, "relu"), layers.Dropout(0.5), layers.Dense(3)]
    )


def functional():
    x = inputs = torchkeras.Input((8, 8, 2))
    x = layers.Conv2D(4, 3, padding="same")(x)
    x = layers.BatchNormalization()(x)
    shortcut = torch.relu(x)
    x = layers.Conv2D(4, 3, padding="same")(shortcut)
    x = layers.Add()([x, shortcut])
    return torchkeras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))


class Subclassed(torchkeras.Model):
    def __init__(self):
        super().__init__()
        self.blocks = [layers.Dense(4, "relu"), layers.Dense(4, "relu")]
        self.head = nn.Linear(4, 3)
        self.by_name = {"norm": layers.LayerNormalization()}

    def call(self, inputs, training=None):
        x = inputs
        for block in self.blocks:
            x = block(x)
        return self.head(self.by_name["norm"](x))


def subclassed():
    model = Subclassed()
    model(torch.zeros(1, 6))
    return model


MODELS = {"sequential": mlp, "functional": functional, "subclassed": subclassed}


def example(name):
    return torch.randn(5, 8, 8, 2) if name == "functional" else torch.randn(5, 6)


@pytest.fixture(params=MODELS)
def case(request):
    return MODELS[request.param](), example(request.param)


def test_one_key_for_each_weight(case):
    model, _ = case
    state = model.state_dict()
    assert len(state) == len(model.weights)
    assert {t.data_ptr() for t in state.values()} == {w.data_ptr() for w in model.weights}
    for name, parameter in model.named_parameters():
        assert isinstance(parameter, nn.Parameter) and model.get_parameter(name) is parameter


def test_named_modules_shows_the_layers(case):
    model, _ = case
    modules = dict(model.named_modules())
    assert all(any(m is layer for m in modules.values()) for layer in model.layers if layer.weights)


def test_state_dict_of_another_model_loads():
    a, b = functional(), functional()
    x = example("functional")
    assert not torch.allclose(a(x), b(x))
    renamed = dict(zip(b.state_dict(), a.state_dict().values()))
    b.load_state_dict(renamed)
    torch.testing.assert_close(b(x), a(x))


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
def test_copies(case, again):
    model, x = case
    other = again(model)
    torch.testing.assert_close(other(x), model(x))
    assert [type(w) for w in other.weights] == [type(w) for w in model.weights]
    assert [w.stride() for w in other.weights] == [w.stride() for w in model.weights]
    with torch.no_grad():
        next(other.parameters()).add_(1.0)
    assert not torch.allclose(other(x), model(x))


def test_torch_save(case):
    model, x = case
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    torch.testing.assert_close(torch.load(file, weights_only=False)(x), model(x))


def test_copy_of_a_compiled_model_trains_on():
    model = mlp()
    model.compile("adam", "mse")
    x, y = np.ones((8, 6), "float32"), np.ones((8, 3), "float32")
    model.fit(x, y, verbose=0)
    other = copy.deepcopy(model)
    other.fit(x, y, verbose=0)
    assert int(other.optimizer.iterations) == 2 and int(model.optimizer.iterations) == 1


def test_half_and_double(case):
    model, x = case
    expected = model(x)
    model.double()
    assert model(x).dtype is torch.float64
    torch.testing.assert_close(model(x).float(), expected, atol=1e-5, rtol=1e-5)
    model.half()
    assert all(w.dtype is torch.float16 for w in model.parameters())
    torch.testing.assert_close(model(x).float(), expected, atol=2e-2, rtol=2e-2)
    model.to(torch.float32)
    assert model(x).dtype is torch.float32


def test_moving_keeps_variables():
    model = functional()
    before = model.weights
    model.to("cpu").float()
    assert all(a is b for a, b in zip(before, model.weights))
    assert model.to("meta").weights[0].device.type == "meta"


def test_hooks():
    layer = layers.Dense(2)
    seen = []
    layer.register_forward_pre_hook(lambda module, args: seen.append("before"))
    layer.register_forward_hook(lambda module, args, output: seen.append(tuple(output.shape)))
    model = torchkeras.Sequential([torchkeras.Input((3,)), layer])
    seen.clear()
    model(torch.ones(4, 3))
    assert seen == ["before", (4, 2)]


def test_compile_whole_graph(case):
    model, x = case
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), model(x))
    torch.testing.assert_close(compiled(x[:3]), model(x[:3]))


def test_compiled_once_for_many_calls(case):
    model, x = case
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(model, fullgraph=True, backend=backend)
    for _ in range(4):
        compiled(x)
    assert len(graphs) == 1


def test_compile_in_training():
    model = functional().train()
    other = copy.deepcopy(model)
    x = example("functional")
    torch.compile(model, fullgraph=True, backend="aot_eager")(x).sum().backward()
    other(x).sum().backward()
    for a, b in zip(model.parameters(), other.parameters()):
        torch.testing.assert_close(a.grad, b.grad, atol=1e-4, rtol=1e-4)
    for a, b in zip(model.buffers(), other.buffers()):
        torch.testing.assert_close(a, b)


def test_export(case):
    model, x = case
    program = torch.export.export(model, (x,))
    torch.testing.assert_close(program.module()(x), model(x))
    assert len(program.state_dict) == len(model.weights)


def test_torch_loop():
    model = mlp().train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    x, y = torch.randn(64, 6), torch.randint(0, 3, (64,))
    losses = []
    for _ in range(30):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_layers_in_nn_sequential():
    model = nn.Sequential(layers.Dense(3), nn.ReLU(), layers.Dropout(0.5))
    x = torch.randn(4, 5)
    out = model.eval()(x)
    assert out.shape == (4, 3) and torch.equal(out, model(x))
    assert list(model.state_dict()) == ["0.kernel", "0.bias"]
    assert not torch.equal(model.train()(torch.ones(4, 5)), model.eval()(torch.ones(4, 5)))


def test_module_mode_and_argument():
    layer = layers.Dropout(0.5)
    x = torch.ones(1000)
    assert torch.equal(layer(x), x)
    assert not torch.equal(layer.train()(x), x)
    assert torch.equal(layer(x, training=False), x)
    assert not torch.equal(layer.eval()(x, training=True), x)


def test_enclosing_call_decides_over_the_mode():
    model = torchkeras.Sequential([torchkeras.Input((1000,)), layers.Dropout(0.5)])
    x = torch.ones(1, 1000)
    assert not torch.equal(model(x, training=True), x)
    model.train()
    assert torch.equal(model(x, training=False), x)
    assert not torch.equal(model(x), x)


def test_trainable_is_requires_grad():
    layer = layers.Dense(2)
    layer.build((None, 3))
    layer.trainable = False
    assert not any(w.requires_grad for w in layer.weights) and layer.trainable_weights == []
    layer.requires_grad_(True)
    assert layer.trainable and len(layer.trainable_weights) == 2
    layer.bias.requires_grad_(False)
    assert [w.name for w in layer.trainable_weights] == ["kernel"]
    assert not layer.bias.trainable


def test_convolutions_copy_no_layout():
    layer = layers.Conv2D(8, 3)
    layer.build((None, 12, 12, 4))
    weight = layer.kernel.permute(3, 2, 0, 1)
    assert weight.is_contiguous(memory_format=torch.channels_last)
    x = torch.randn(2, 12, 12, 4)
    assert x.permute(0, 3, 1, 2).is_contiguous(memory_format=torch.channels_last)
    assert layer(x).is_contiguous()
    layer(x).sum().backward()
    assert layer.kernel.grad.stride() == layer.kernel.stride()


def test_weight_on_another_device_is_named():
    layer = layers.Dense(2)
    layer.build((None, 3))
    layer.to("meta")
    with pytest.raises(ValueError, match="meta.*cpu"):
        layer(torch.ones(1, 3))
