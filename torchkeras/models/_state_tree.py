"""All variables of a model as a tree of dicts, by their paths."""

import torch

from torchkeras._variable import Variable

_FORMATS = ("backend_tensor", "numpy_array")


def _groups(model):
    """The (name, variables) pairs that a state tree has."""
    optimizer = getattr(model.optimizer, "variables", None)
    return {
        "trainable_variables": model.trainable_variables,
        "non_trainable_variables": model.non_trainable_variables,
        "optimizer_variables": list(optimizer) if optimizer is not None else [],
        "metrics_variables": model.metrics_variables,
    }


def _by_path(variables):
    found = {}
    for variable in variables:
        path = getattr(variable, "path", None)
        if path is None:
            raise ValueError(
                "A plain torch parameter has no path, so it has no place in a state tree. Use "
                "`model.state_dict()`."
            )
        if path in found:
            raise ValueError(
                f"The following variable path is found twice in the model: '{path}'. "
                "`get_state_tree()` can only be called when all variable paths are unique. Make "
                "sure to give unique names to your layers (and other objects)."
            )
        found[path] = variable
    return found


def get_state_tree(model, value_format):
    """The values of all variables, nested by the parts of their paths."""
    if value_format not in _FORMATS:
        raise ValueError(
            f"Invalid `value_format` argument. Expected one of {set(_FORMATS)}. "
            f"Received: value_format={value_format}"
        )
    state: dict = {}
    for group, variables in _groups(model).items():
        tree = state[group] = {}
        for path, variable in _by_path(variables).items():
            *folders, name = path.split("/")
            place = tree
            for folder in folders:
                place = place.setdefault(folder, {})
            tensor = variable.detach().as_subclass(torch.Tensor)
            place[name] = tensor if value_format == _FORMATS[0] else Variable.numpy(variable)
    return state


def set_state_tree(model, state):
    """Sets variables from (a part of) such a tree; nothing is changed if something does not fit."""
    groups = _groups(model)
    changes = []
    for group, tree in state.items():
        if group not in groups:
            raise ValueError(f"Unknown variable name: {group}")
        variables = _by_path(groups[group])
        for path, value in _leaves(tree):
            if path not in variables:
                raise ValueError(f"The model has no variable '{path}' among its {group}.")
            variable = variables[path]
            if tuple(value.shape) != tuple(variable.shape):
                raise ValueError(
                    f"The variable '{path}' has shape {tuple(variable.shape)}. "
                    f"Received: a value of shape {tuple(value.shape)}"
                )
            changes.append((variable, value))
    for variable, value in changes:
        variable.assign(value)


def _leaves(tree, path=""):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}{name}/")
        else:
            yield f"{path}{name}", value
