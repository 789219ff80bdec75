"""What all optimizers share: state, arguments, saving, the order of a step."""

import copy
import inspect
import io
import pickle
import sys
import warnings

import keras
import numpy as np
import pytest
import torch
import torch._dynamo
from torch import nn

import torchkeras
from torchkeras import optimizers
from torchkeras.optimizers import _adam, _sgd, schedules

NAMES = sorted(
    name
    for name in optimizers.__all__
    if inspect.isclass(getattr(optimizers, name)) and name != "Optimizer"
)


def weights(framework=torchkeras, count=2):
    rng = np.random.RandomState(0)
    return [
        framework.Variable(rng.randn(3, 4 + i).astype("float32"), name=f"w{i}")
        for i in range(count)
    ]


def grads(variables, seed=1):
    rng = np.random.RandomState(seed)
    return [torch.from_numpy(rng.randn(*v.shape).astype("float32")) for v in variables]


def arrays(variables):
    return [np.asarray(keras.ops.convert_to_numpy(v)) for v in variables]


def assert_close(ours, theirs):
    for a, b in zip(arrays(ours), arrays(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


# Arguments


@pytest.mark.parametrize("name", NAMES)
def test_signature_is_keras(name):
    ours = inspect.signature(getattr(optimizers, name)).parameters.values()
    theirs = inspect.signature(getattr(keras.optimizers, name)).parameters.values()
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs]


@pytest.mark.parametrize("name", NAMES)
def test_config_is_keras_and_makes_the_same(name):
    kwargs = {"learning_rate": 0.25, "use_ema": True, "ema_momentum": 0.5, "name": "mine"}
    optimizer = getattr(optimizers, name)(**kwargs)
    theirs = getattr(keras.optimizers, name)(**kwargs)
    assert optimizer.get_config() == theirs.get_config()
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(again) is type(optimizer) and again.get_config() == optimizer.get_config()
    assert type(optimizers.get(name.lower())) is type(optimizer)
    assert optimizers.serialize(optimizer)["module"] == "keras.optimizers"


def test_positional_arguments_go_where_keras_puts_them():
    assert optimizers.SGD(0.1, 0.9, True, 0.01, 1.0).clipnorm == 1.0
    optimizer = optimizers.AdamW(0.1, 0.2, 0.3, 0.4, 0.5, True, 1.0)
    assert (optimizer.weight_decay, optimizer.beta_1, optimizer.clipnorm) == (0.2, 0.3, 1.0)


@pytest.mark.parametrize(
    "make, match",
    [
        (lambda: optimizers.Adam(clipnorm=1.0, clipvalue=1.0), "Only one of `clipnorm`"),
        (lambda: optimizers.Adam(clipnorm=1.0, global_clipnorm=1.0), "Only one of `clipnorm`"),
        (lambda: optimizers.Adam(use_ema=True, ema_momentum=1.5), "`ema_momentum` must be in"),
        (lambda: optimizers.Adam(ema_overwrite_frequency=0), "`ema_overwrite_frequency` must be"),
        (lambda: optimizers.Adam(gradient_accumulation_steps=1), "must be an integer >= 2"),
        (lambda: optimizers.Adam(lr=1.0), "not recognized"),
        (lambda: optimizers.Adam(learning_rate="fast"), "`learning_rate` should be float"),
        (lambda: optimizers.Adam(learning_rate=None), "`learning_rate` should be float"),
        (lambda: optimizers.SGD(momentum=2.0), "`momentum` must be a float"),
        (lambda: optimizers.AdamW(weight_decay=None), "`weight_decay` must be a float"),
        (lambda: optimizers.Lion(beta_1=0.0), "`beta_1` must be in"),
        (lambda: optimizers.Ftrl(beta=0.0, l1_regularization_strength=-1.0), "positive or zero"),
        (lambda: optimizers.Ftrl(learning_rate_power=1.0), "negative or zero"),
        (lambda: optimizers.get("nothing"), "Could not interpret optimizer"),
        (lambda: optimizers.get(3), "Could not interpret optimizer"),
        (lambda: optimizers.get(lambda: 3), "Could not interpret optimizer"),
        (lambda: optimizers.SGD().apply([torch.ones(1)]), "must already be built"),
    ],
)
def test_bad_arguments(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_get():
    optimizer = optimizers.SGD()
    assert optimizers.get(optimizer) is optimizer
    assert optimizers.get(None) is None
    assert isinstance(optimizers.get("RMSProp"), optimizers.RMSprop)
    assert isinstance(optimizers.get({"class_name": "adam", "config": {}}), optimizers.Adam)


def test_configs_of_keras_2():
    old = {"lr": 0.5, "decay": 0.0, "momentum": 0.9, "jit_compile": False}
    with pytest.warns(UserWarning, match="`decay` is no longer supported"):
        optimizer = optimizers.deserialize({"class_name": "SGD", "config": old})
    assert optimizer.learning_rate.item() == 0.5 and optimizer.momentum == 0.9


# Learning rate and iterations


def test_learning_rate_is_a_variable_on_the_cpu():
    optimizer = optimizers.SGD(0.5)
    assert optimizer.learning_rate.path == "sgd/learning_rate"
    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == 0.25
    optimizer.learning_rate.assign(0.125)
    weight = torchkeras.Variable([1.0])
    optimizer.apply([torch.ones(1)], [weight])
    assert weight.item() == 0.875
    with torch.device("meta"):
        assert optimizers.SGD().learning_rate.device.type == "cpu"


def test_learning_rate_from_a_schedule():
    optimizer = optimizers.SGD(schedules.ExponentialDecay(1.0, 1, 0.5))
    assert [v.path for v in optimizer.variables] == ["sgd/iteration"]
    weight = torchkeras.Variable([0.0])
    for _ in range(3):
        optimizer.apply([torch.ones(1)], [weight])
    assert weight.item() == -1.75 and float(optimizer.learning_rate) == 0.125
    with pytest.raises(TypeError, match="learning rate is not settable"):
        optimizer.learning_rate = 0.1
    again = optimizers.SGD.from_config(optimizer.get_config())
    assert float(again.learning_rate) == 1.0
    optimizer = optimizers.SGD(0.5)
    optimizer.learning_rate = schedules.ExponentialDecay(1.0, 1, 0.5)
    assert [v.path for v in optimizer.variables] == ["sgd_1/iteration"]


def test_learning_rate_from_a_callable():
    rates = iter([1.0, 0.5])
    optimizer = optimizers.SGD(lambda: next(rates))
    weight = torchkeras.Variable([0.0])
    optimizer.apply([torch.ones(1)], [weight])
    optimizer.apply([torch.ones(1)], [weight])
    assert weight.item() == -1.5
    optimizer.learning_rate = 0.25
    assert [v.path for v in optimizer.variables] == ["sgd/iteration", "sgd/learning_rate"]


def test_iterations_may_be_assigned():
    results = []
    for framework in (torchkeras, keras):
        variables = weights(framework)
        optimizer = framework.optimizers.Adam(0.1)
        optimizer.build(variables)
        optimizer.iterations.assign(5)
        optimizer.apply(grads(variables), variables)
        assert int(optimizer.iterations) == 6
        results.append(variables)
    assert_close(*results)


def test_iterations_count_steps_not_calls():
    optimizer = optimizers.SGD(gradient_accumulation_steps=2)
    variables = weights()
    for _ in range(5):
        optimizer.apply(grads(variables), variables)
    assert int(optimizer.iterations) == 2


# Gradients and variables


def test_missing_gradients():
    optimizer, variables = optimizers.Adam(), weights()
    before = arrays(variables)
    gradients = grads(variables)
    with pytest.warns(UserWarning, match=r"Gradients do not exist for variables \['w1'\]"):
        optimizer.apply([gradients[0], None], variables)
    assert not np.allclose(before[0], variables[0].numpy())
    np.testing.assert_array_equal(before[1], variables[1].numpy())
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizer.apply([None, None], variables)


def test_gradients_without_variables():
    optimizer, variables = optimizers.SGD(1.0), weights()
    optimizer.build(variables)
    before = arrays(variables)
    gradients = grads(variables)
    optimizer.apply(gradients)
    for old, new, gradient in zip(before, variables, gradients):
        np.testing.assert_allclose(old - new.numpy(), gradient, atol=1e-6)
    with pytest.raises(ValueError, match="must match `optimizer.variables`"):
        optimizer.apply(gradients[:1])


def test_apply_gradients_takes_pairs():
    optimizer, variables = optimizers.SGD(1.0), weights()
    assert int(optimizer.apply_gradients(zip(grads(variables), variables))) == 1


def test_nothing_to_do():
    optimizer = optimizers.Adam()
    optimizer.apply([], [])
    assert int(optimizer.iterations) == 0


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_other_kinds(name):
    """Other strides, other dtypes, expanded, arrays: the same step as a plain gradient."""
    base = np.arange(1.0, 13.0, dtype="float32").reshape(3, 4) / 10
    kinds = [
        torch.from_numpy(base),
        torch.from_numpy(base.T.copy()).T,
        torch.from_numpy(base).double(),
        base,
        torchkeras.Variable(base),
        torch.from_numpy(base).to_sparse(),
    ]
    results = []
    for kind in kinds:
        weight = torchkeras.Variable(torch.ones(3, 4), name="w")
        optimizer = getattr(optimizers, name)(0.1)
        for _ in range(2):
            optimizer.apply([kind], [weight])
        results.append(weight.numpy())
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_expanded_gradients():
    weight = torchkeras.Variable(torch.zeros(3, 4))
    optimizers.SGD(1.0).apply([torch.ones(1, 1).expand(3, 4)], [weight])
    np.testing.assert_array_equal(weight.numpy(), -np.ones((3, 4)))


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_left_alone(name):
    options = ({}, {"clipnorm": 0.1}, {"global_clipnorm": 0.1}, {"clipvalue": 0.1})
    options += ({"loss_scale_factor": 2.0}, {"gradient_accumulation_steps": 2})
    for kwargs in options:
        variables = weights()
        gradients = grads(variables)
        getattr(optimizers, name)(**kwargs).apply(gradients, variables)
        for a, b in zip(gradients, grads(variables)):
            torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_a_gradient_of_another_shape_is_refused():
    weight = torchkeras.Variable(torch.ones(3))
    with pytest.raises(ValueError, match="must have the shape of its variable"):
        optimizers.Adam().apply([torch.ones(5)], [weight])


@pytest.mark.parametrize("name", NAMES)
def test_strides_are_kept(name):
    """A permuted variable, and one with gaps, step as a plain one does."""
    value = torch.randn(4, 5, 3)
    gapped = torch.zeros(4, 5, 6)
    gapped[..., ::2] = value
    kinds = [
        nn.Parameter(value.clone()),
        nn.Parameter(value.permute(2, 0, 1).contiguous().permute(1, 2, 0)),
        nn.Parameter(gapped[..., ::2]),
    ]
    gradients = [torch.randn(4, 5, 3) for _ in range(3)]
    for weight in kinds:
        strides = weight.stride()
        optimizer = getattr(optimizers, name)(0.1)
        for gradient in gradients:
            optimizer.apply([gradient], [weight])
        assert weight.stride() == strides
        torch.testing.assert_close(weight, kinds[0], rtol=1e-5, atol=1e-6)
    optimizer = getattr(optimizers, name)(0.1)
    optimizer.build([kinds[1]])
    same = [v for v in optimizer.variables if v.shape == kinds[1].shape]
    assert all(v.stride() == kinds[1].stride() for v in same)
    assert gapped[..., 1::2].abs().max() == 0


@pytest.mark.parametrize("name", NAMES)
def test_mixed_dtypes(name):
    variables = [
        torchkeras.Variable(torch.ones(3, 4, dtype=dtype), name=f"w{i}")
        for i, dtype in enumerate((torch.float32, torch.bfloat16, torch.float64))
    ]
    optimizer = getattr(optimizers, name)(0.1, global_clipnorm=1.0)
    for _ in range(3):
        optimizer.apply([torch.ones_like(v) for v in variables], variables)
    single, half, double = arrays([v.double() for v in variables])
    np.testing.assert_allclose(single, double, rtol=1e-5)
    np.testing.assert_allclose(half, double, rtol=0.05, atol=0.02)


@pytest.mark.parametrize("kwargs", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}])
def test_sgd_without_fused_kernels(kwargs, monkeypatch):
    check_unfused(_sgd, optimizers.SGD, kwargs, monkeypatch)


@pytest.mark.parametrize("kwargs", [{}, {"amsgrad": True}])
def test_adam_without_fused_kernels(kwargs, monkeypatch):
    check_unfused(_adam, optimizers.Adam, kwargs, monkeypatch)


def check_unfused(module, cls, kwargs, monkeypatch):
    results = []
    for fused in (True, False):
        monkeypatch.setattr(module, "runs_fused", lambda *_, fused=fused: fused)
        variables, optimizer = weights(), cls(0.1, **kwargs)
        for seed in range(5):
            optimizer.apply(grads(variables, seed), variables)
        results.append(variables)
    assert_close(*results)


def test_plain_parameters():
    module = nn.Linear(3, 2)
    optimizer = optimizers.Adam()
    optimizer.build(module.parameters())
    assert [v.path for v in optimizer.variables[2:]] == [
        "adam/parameter_0_momentum",
        "adam/parameter_0_velocity",
        "adam/parameter_1_momentum",
        "adam/parameter_1_velocity",
    ]
    module(torch.ones(4, 3)).sum().backward()
    before = module.weight.detach().clone()
    optimizer.apply(tuple(p.grad for p in module.parameters()), module.parameters())
    assert not torch.equal(before, module.weight)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that is not hidden")
@pytest.mark.parametrize("name", NAMES)
def test_slots_follow_a_moved_module(name):
    modules = nn.Linear(3, 2), nn.Linear(3, 2)
    modules[1].load_state_dict(modules[0].state_dict())
    for module, device in zip(modules, ("cpu", "cuda")):
        optimizer = getattr(optimizers, name)(0.1, use_ema=True, global_clipnorm=1.0)
        for target in ("cpu", device, device):
            module.to(target)
            variables = list(module.parameters())
            gradients = [g.to(target) for g in grads(variables)]
            optimizer.apply(gradients, variables)
        slots = [v for v in optimizer.variables if v.shape == module.weight.shape]
        assert {v.device.type for v in slots} == {device}
    for a, b in zip(modules[0].parameters(), modules[1].parameters()):
        torch.testing.assert_close(a, b.cpu(), rtol=1e-5, atol=1e-5)


def test_variables_seen_later_get_slots():
    optimizer, variables = optimizers.Adam(0.1), weights(count=3)
    optimizer.apply(grads(variables[:2]), variables[:2])
    optimizer.apply(grads(variables), variables)
    assert [v.path.split("/")[1] for v in optimizer.variables[-2:]] == [
        "w2_momentum",
        "w2_velocity",
    ]
    optimizer.apply(grads(variables[1:]), variables[1:])
    optimizer.build(variables)
    assert len(optimizer.variables) == 2 + 2 * 3


def test_lists_may_alternate_and_change_in_place():
    """The cache is of the content: a reference that never caches gives the same."""
    one, two = weights(count=3), weights(count=3)
    fast, slow = optimizers.Adam(0.1), optimizers.Adam(0.1)
    fast.build(one)
    slow.build(two)
    mine, other = list(one), list(two)
    for step in range(6):
        if step == 2:
            mine.pop(), other.pop()
        if step == 4:
            mine.reverse(), other.reverse()
        fast.apply(grads(mine, step), mine)
        slow._plan = None
        slow.apply(grads(other, step), other)
    for a, b in zip(arrays(one), arrays(two)):
        np.testing.assert_array_equal(a, b)


def test_frozen_variables_are_not_touched():
    variables = weights()
    optimizer = optimizers.SGD(0.1, momentum=0.9)
    optimizer.build(variables)
    variables[1].trainable = False
    trained = [v for v in variables if v.trainable]
    before = variables[1].numpy()
    optimizer.apply(grads(trained), trained)
    np.testing.assert_array_equal(before, variables[1].numpy())
    variables[1].trainable = True
    optimizer.apply(grads(variables), variables)
    assert not np.array_equal(before, variables[1].numpy())


# Parts of a step, against Keras


@pytest.mark.parametrize("kwargs", [{}, {"var_names": ["w0"]}, {"var_names": ["^w.*1", "x"]}])
def test_exclude_from_weight_decay(kwargs):
    results = []
    for framework in (torchkeras, keras):
        variables = weights(framework)
        optimizer = framework.optimizers.AdamW(0.01, weight_decay=0.5)
        optimizer.exclude_from_weight_decay(**kwargs or {"var_list": variables[1:]})
        for seed in range(3):
            optimizer.apply(grads(variables, seed), variables)
        results.append(variables)
    assert_close(*results)


def test_exclude_from_weight_decay_of_a_built_optimizer():
    variables = weights()
    optimizer = optimizers.SGD(0.5, weight_decay=0.5)
    optimizer.apply([torch.zeros_like(v) for v in variables], variables)
    before = arrays(variables)
    optimizer.exclude_from_weight_decay(var_names=["w1"])
    optimizer.apply([torch.zeros_like(v) for v in variables], variables)
    np.testing.assert_allclose(variables[0].numpy(), before[0] * 0.75, rtol=1e-6)
    np.testing.assert_array_equal(variables[1].numpy(), before[1])


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"gradient_accumulation_steps": 2},
        {"use_ema": True, "ema_overwrite_frequency": 2},
        {"use_ema": True, "ema_overwrite_frequency": 2, "gradient_accumulation_steps": 2},
    ],
)
def test_constraints_come_last(kwargs):
    results = []
    for framework in (torchkeras, keras):
        variables = weights(framework)
        for variable in variables:
            variable.constraint = lambda w: w * (w >= 0)
        optimizer = framework.optimizers.SGD(0.5, **kwargs)
        for seed in range(6):
            optimizer.apply(grads(variables, seed), variables)
        results.append([*variables, *optimizer.variables])
    assert_close(*results)
    assert min(v.min() for v in results[0][:2]) == 0


@pytest.mark.parametrize("steps", [None, 3])
def test_overwrite_with_gradient(steps):
    results = []
    for framework in (torchkeras, keras):
        variables = weights(framework, 3)
        variables[1].overwrite_with_gradient = True
        optimizer = framework.optimizers.Adam(
            0.01,
            gradient_accumulation_steps=steps,
            use_ema=True,
            loss_scale_factor=4.0,
            weight_decay=0.1,
            clipvalue=0.1,
        )
        for seed in range(6):
            optimizer.apply(grads(variables, seed), variables)
        results.append([*variables, *optimizer.variables])
    assert_close(*results)


def test_only_overwritten_variables():
    weight = torchkeras.Variable([1.0])
    weight.overwrite_with_gradient = True
    optimizer = optimizers.Adam()
    optimizer.apply([torch.tensor([7.0])], [weight])
    assert weight.item() == 7.0 and int(optimizer.iterations) == 1


def test_finalize_variable_values():
    results = []
    for framework in (torchkeras, keras):
        variables = weights(framework)
        optimizer = framework.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.8)
        for seed in range(4):
            optimizer.apply(grads(variables, seed), variables)
        optimizer.finalize_variable_values(variables)
        results.append(variables)
    assert_close(*results)


def test_scale_loss():
    assert optimizers.SGD().scale_loss(2.0) == 2.0
    assert optimizers.SGD(loss_scale_factor=4.0).scale_loss(2.0) == 8.0


def test_stateless_apply_changes_nothing():
    variables = weights()
    optimizer = optimizers.Adam(0.1, amsgrad=True)
    with pytest.raises(ValueError, match="Adam must be built"):
        optimizer.stateless_apply([], [], [])
    optimizer.apply(grads(variables), variables)
    before = arrays([*variables, *optimizer.variables])
    trained, state = optimizer.stateless_apply(
        [v.numpy() for v in optimizer.variables], grads(variables, 2), arrays(variables)
    )
    for old, new in zip(before, arrays([*variables, *optimizer.variables])):
        np.testing.assert_array_equal(old, new)
    optimizer.apply(grads(variables, 2), variables)
    for a, b in zip([*trained, *state], [*variables, *optimizer.variables], strict=True):
        torch.testing.assert_close(a, b.detach(), rtol=0, atol=0)
    with pytest.raises(ValueError, match="expected 8 variables"):
        optimizer.stateless_apply(state[1:], grads(variables), trained)
    with pytest.raises(ValueError, match="was built with 2 variables"):
        optimizer.stateless_apply(state, grads(variables), trained[1:])


# Optimizers of users


def keras_style(framework):
    class Heavy(framework.optimizers.Optimizer):
        def __init__(self, learning_rate=0.1, decay_rate=0.9, name="heavy", **kwargs):
            super().__init__(learning_rate=learning_rate, name=name, **kwargs)
            self.decay_rate = decay_rate

        def build(self, variables):
            if self.built:
                return
            super().build(variables)
            self.heavy = [self.add_variable_from_reference(v, name="heavy") for v in variables]
            self.total = self.add_variable((), name="total")

        def update_step(self, gradient, variable, learning_rate):
            heavy = self.heavy[self._get_variable_index(variable)]
            self.assign(heavy, heavy * self.decay_rate + gradient)
            self.assign_add(self.total, 1.0)
            self.assign_sub(variable, learning_rate * heavy)

        def get_config(self):
            return {**super().get_config(), "decay_rate": self.decay_rate}

    return Heavy


def test_keras_style_optimizers_run_unchanged():
    results, paths = [], []
    for framework in (torchkeras, keras):
        variables = weights(framework)
        optimizer = keras_style(framework)(weight_decay=0.1, clipnorm=0.5, use_ema=True)
        for seed in range(4):
            optimizer.apply(grads(variables, seed), variables)
        results.append([*variables, *optimizer.variables])
        paths.append([v.path for v in optimizer.variables])
        config = optimizer.get_config()
        assert type(optimizer).from_config(config).get_config() == config
    assert_close(*results)
    assert paths[0] == paths[1]
    stranger = torchkeras.Variable(torch.ones(2), name="stranger")
    optimizer = keras_style(torchkeras)()
    optimizer.build(weights())
    with pytest.raises(ValueError, match="Unknown variable: stranger"):
        optimizer.apply([torch.ones(2)], [stranger])


def test_two_hooks_make_an_optimizer():
    class Heavy(optimizers.Optimizer):
        slots = ("heavy",)

        def update(self, variables, gradients, learning_rate, heavies):
            torch._foreach_mul_(heavies, 0.9)
            torch._foreach_add_(heavies, gradients)
            torch._foreach_add_(variables, heavies, alpha=-learning_rate)

    results = []
    for cls in (Heavy, keras_style(torchkeras)):
        variables, optimizer = weights(), cls(0.1)
        for seed in range(4):
            optimizer.apply(grads(variables, seed), variables)
        results.append(variables)
    assert_close(*results)


def test_update_step_of_a_library_optimizer_may_be_extended():
    seen = []

    class Watching(optimizers.Adam):
        def update_step(self, gradient, variable, learning_rate):
            seen.append(variable.path)
            super().update_step(gradient, variable, learning_rate)

    results = []
    for cls in (Watching, optimizers.Adam):
        variables, optimizer = weights(), cls(0.1)
        for seed in range(3):
            optimizer.apply(grads(variables, seed), variables)
        results.append(variables)
    assert_close(*results)
    assert seen == ["w0", "w1"] * 3


def test_an_optimizer_without_hooks_says_so():
    with pytest.raises(NotImplementedError, match="must implement `update`"):
        optimizers.Optimizer(0.1).apply([torch.ones(2)], [torchkeras.Variable(torch.ones(2))])


def test_adding_variables():
    optimizer = optimizers.SGD()
    variables = weights()
    assert optimizer.add_variable((2,), "ones", "float64").numpy().tolist() == [1.0, 1.0]
    assert optimizer.add_variable_from_reference(variables[0]).path == "sgd/w0_var"
    first, second = optimizer.add_optimizer_variables(variables, ["a", "b"], ["ones", "zeros"])
    assert [v.path for v in first] == ["sgd/w0_a", "sgd/w1_a"]
    assert first[0].min() == 1 and second[0].max() == 0
    assert len(optimizer.add_optimizer_variables(variables, "c")) == 2
    optimizer.own = torchkeras.Variable(3.0, trainable=False)
    assert optimizer.variables[-1] is optimizer.own
    assert len(optimizer.variables) == 2 + 2 + 4 + 2 + 1
    with pytest.raises(ValueError, match="as many as there are names"):
        optimizer.add_optimizer_variables(variables, ["a", "b", "c"], ["ones", "zeros"])


def test_assign():
    optimizer, weight = optimizers.SGD(), nn.Parameter(torch.ones(2))
    optimizer.assign(weight, np.array([3.0, 4.0]))
    optimizer.assign_add(weight, torch.ones(2))
    optimizer.assign_sub(weight, 2.0)
    assert weight.tolist() == [2.0, 3.0]


# Copies and files


@pytest.mark.parametrize("name", NAMES)
def test_copies_go_on_alike(name):
    variables = weights()
    optimizer = getattr(optimizers, name)(0.1, use_ema=True, weight_decay=0.1)
    for seed in range(2):
        optimizer.apply(grads(variables, seed), variables)
    buffer = io.BytesIO()
    pickle.dump((variables, optimizer), buffer)
    buffer.seek(0)
    pairs = [copy.deepcopy((variables, optimizer)), pickle.load(buffer), (variables, optimizer)]
    for own, twin in pairs:
        count = len(twin.variables)
        twin.apply(grads(own, 7), own)
        assert len(twin.variables) == count
    for own, twin in pairs[:2]:
        for a, b in zip([*own, *twin.variables], [*variables, *optimizer.variables], strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("name", NAMES)
def test_variables_go_to_and_from_keras(name):
    ours, theirs = getattr(optimizers, name)(0.1), getattr(keras.optimizers, name)(0.1)
    mine, other = weights(), weights(keras)
    theirs.apply(grads(mine), other)
    store = {}
    theirs.save_own_variables(store)
    ours.build(mine)
    for variable, value in zip(mine, arrays(other)):
        variable.assign(value)
    ours.load_own_variables(store)
    ours.apply(grads(mine, 2), mine)
    theirs.apply(grads(mine, 2), other)
    assert_close(mine, other)
    store = {}
    ours.save_own_variables(store)
    assert list(store) == [str(i) for i in range(len(ours.variables))]
    theirs.load_own_variables(store)


def test_loading_another_number_of_variables_warns():
    optimizer = optimizers.Adam()
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer 'adam'"):
        optimizer.load_own_variables({"0": np.array(3)})
    assert int(optimizer.iterations) == 0


def test_set_weights():
    variables, optimizer = weights(), optimizers.Adam()
    with pytest.raises(ValueError, match="not yet been built"):
        optimizer.set_weights([])
    optimizer.build(variables)
    values = [np.full(v.shape, i, v.numpy().dtype) for i, v in enumerate(optimizer.variables)]
    optimizer.set_weights(values)
    for variable, value in zip(optimizer.variables, values):
        np.testing.assert_array_equal(variable.numpy(), value)
    with pytest.raises(ValueError, match="not compatible with provided weight shape"):
        optimizer.set_weights([*values[:-1], np.ones(7)])
    with pytest.raises(ValueError, match="has 6 variables"):
        optimizer.set_weights(values[1:])


# Cost


def test_few_python_calls():
    variables, optimizer = weights(), optimizers.Adam()
    gradients = grads(variables)
    optimizer.apply(gradients, variables)
    calls = []

    def count(frame, event, _):
        if event == "call":
            calls.append(frame.f_code.co_name)

    sys.setprofile(count)
    try:
        optimizer.apply(gradients, variables)
    finally:
        sys.setprofile(None)
    assert len(calls) <= 40, calls


@pytest.mark.parametrize("name", NAMES)
@torch._dynamo.config.patch(capture_scalar_outputs=True)
def test_a_step_compiles_without_a_graph_break(name):
    torch._dynamo.reset()
    results = []
    for compiled in (True, False):
        variables, optimizer = weights(), getattr(optimizers, name)(0.1, weight_decay=0.1)
        optimizer.build(variables)
        optimizer._plan_for(variables)

        def step(gradients, optimizer=optimizer, variables=variables):
            optimizer.apply(gradients, variables)

        if compiled:
            step = torch.compile(step, fullgraph=True, backend="eager")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for seed in range(3):
                step(grads(variables, seed))
        assert int(optimizer.iterations) == 3
        results.append(variables)
    assert_close(*results)
