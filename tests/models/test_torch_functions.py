"""torch's functions, methods and operators on symbols make graphs that run, show, save and load."""

import json
import zipfile

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import torchkeras
from torchkeras.models import _torch_functions

X = torch.randn(5, 4, 3)
FUNCTIONS = {
    "amax": lambda x: x.amax(1),
    "bmm": lambda x: torch.bmm(x, x.transpose(1, 2)),
    "cat": lambda x: torch.cat([x, x], dim=-1),
    "chunk": lambda x: torch.chunk(x, 2, 1)[0],
    "clamp": lambda x: x.clamp(0, 1) + torch.clamp(x, min=0.5),
    "cumsum": lambda x: x.cumsum(1),
    "double": lambda x: x.double(),
    "einsum": lambda x: torch.einsum("bij->bji", x),
    "eq": lambda x: torch.eq(x, x).float(),
    "expand": lambda x: x[:, :1].expand(-1, 4, 3),
    "flatten": lambda x: x.flatten(1),
    "gelu": F.gelu,
    "layer_norm": lambda x: F.layer_norm(x, (3,)),
    "linear": lambda x: F.linear(x, torch.ones(2, 3)),
    "max": lambda x: x.max(dim=1).values,
    "mean": lambda x: x.mean(dim=1) + torch.mean(x, dim=(1,)),
    "minimum": lambda x: torch.minimum(x, x * 2),
    "norm": lambda x: torch.linalg.vector_norm(x, dim=-1),
    "normalize": lambda x: F.normalize(x),
    "operators": lambda x: (1 - x) * 2 / (x**2 + 1) - abs(-x) % 3 // 2,
    "masks": lambda x: (x > 0) & ~(x >= 1) | (x != 2) ^ (x <= 0),
    "pad": lambda x: F.pad(x, (1, 1)),
    "permute": lambda x: x.permute(0, 2, 1),
    "reflected": lambda x: torch.ones(4, 4) @ (torch.ones(3) * (torch.ones(3) + x)),
    "relu": torch.relu,
    "reshape": lambda x: x.reshape(-1, 12),
    "roll": lambda x: torch.roll(x, 1, 1),
    "round": round,
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x),
    "split": lambda x: torch.split(x, 2, 1)[1],
    "stack": lambda x: torch.stack([x, x], 1),
    "sum": lambda x: x.sum((1, 2), keepdim=True),
    "to": lambda x: x.to(torch.float16).type(torch.float64),
    "transpose": lambda x: x.transpose(1, 2),
    "unsqueeze": lambda x: x.unsqueeze(1).squeeze(1),
    "var": lambda x: x.var(1),
    "view": lambda x: x.view(-1, 12),
    "where": lambda x: torch.where(x > 0, x, x * 2),
    "array": lambda x: x * np.arange(3, dtype="float32") + np.ones(3, "float32"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_run_show_save_load(name, tmp_path):
    x = torchkeras.Input((4, 3))
    model = torchkeras.Model(x, FUNCTIONS[name](x))
    expected = model(X)
    if name != "round" and name != "array":  # which tensors have not
        torch.testing.assert_close(expected, FUNCTIONS[name](X))
    lines = []
    model.summary(print_fn=lines.append, line_length=120)
    for operation in model.operations:
        assert operation.name in "\n".join(lines)
    model.save(tmp_path / "model.keras")
    loaded = torchkeras.saving.load_model(tmp_path / "model.keras")
    assert torch.equal(loaded(X), expected)
    assert [o.name for o in loaded.operations] == [o.name for o in model.operations]
    again = torchkeras.Model.from_config(loaded.get_config())
    assert torch.equal(again(X), expected)


def test_weights_belong_to_layers(tmp_path):
    x = torchkeras.Input((3,))
    model = torchkeras.Model(x, nn.Linear(3, 2)(x))
    with pytest.raises(ValueError, match="given weights"):
        model.save(tmp_path / "model.keras")


@pytest.mark.parametrize(
    "name", ["load", "Tensor.register_hook", "Tensor.numpy", "os.system", "jit.load", "ops.load"]
)
def test_other_functions_are_refused(name, tmp_path):
    x = torchkeras.Input((3,))
    path = tmp_path / "model.keras"
    torchkeras.Model(x, x.mean(1)).save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {n: archive.read(n) for n in archive.namelist()}
    config = json.loads(parts["config.json"])
    config["config"]["layers"][1]["class_name"] = name
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for n, data in parts.items():
            archive.writestr(n, data)
    with pytest.raises(ValueError, match="none of those that it may"):
        torchkeras.saving.load_model(path)


def test_files_may_name_pure_functions_only():
    for name in _torch_functions._table():
        last = name.rpartition(".")[2]
        assert not last.endswith("_") and last not in ("load", "save", "apply_", "numpy", "set_")
        assert name.startswith(("Tensor.", "nn.functional.", "linalg.")) or "." not in name
