"""Branches, loops, and functions made of functions."""

import functools
import re

import torch

from torchkeras import tree
from torchkeras.graph._infer import infer
from torchkeras.graph._tensor import KerasTensor
from torchkeras.ops._convert import tensor
from torchkeras.ops._op import op


def _check_callable(name, value):
    if not callable(value):
        raise TypeError(f"`{name}` should be a callable. Received: {name}={value}")


@op
def associative_scan(f, elems, reverse=False, axis=0):
    """Results of an associative function over the elements up to each one.

    It takes about ``log2(n)`` calls of ``f`` on whole tensors.

    Args:
        f: Function of two structures like ``elems``, with ``f(f(a, b), c) == f(a, f(b, c))``.
        elems: Tensor, or structure of tensors of one size along the axis.
        reverse: Whether to go from the last element to the first.
        axis: Axis of the elements.

    Raises:
        ValueError: if the sizes differ.

    Example:
        >>> torchkeras.ops.associative_scan(torch.add, torch.tensor([1, 2, 3]))
        tensor([1, 3, 6])
    """
    _check_callable("f", f)
    leaves = [tensor(x) for x in tree.flatten(elems)]
    sizes = {x.shape[axis] for x in leaves}
    if len(sizes) != 1:
        raise ValueError(
            "Array inputs to associative_scan must have the same first dimension. "
            f"(saw: {[tuple(x.shape) for x in leaves]})"
        )
    (n,) = sizes
    if reverse:
        leaves = [torch.flip(x, [axis]) for x in leaves]
    step = 1
    while step < n:  # each place holds the last 2 * step elements after a round
        before = [torch.narrow(x, axis, 0, n - step) for x in leaves]
        after = [torch.narrow(x, axis, step, n - step) for x in leaves]
        both = f(tree.pack_sequence_as(elems, before), tree.pack_sequence_as(elems, after))
        start = [torch.narrow(x, axis, 0, step) for x in leaves]
        leaves = [torch.cat([s, tensor(b)], axis) for s, b in zip(start, tree.flatten(both))]
        step *= 2
    if reverse:
        leaves = [torch.flip(x, [axis]) for x in leaves]
    return tree.pack_sequence_as(elems, leaves)


def _cond_rule(pred, true_fn, false_fn):
    outputs = infer(true_fn, (), {}), infer(false_fn, (), {})
    flat = [tree.flatten(o) for o in outputs]
    if [getattr(s, "shape", s) for s in flat[0]] != [getattr(s, "shape", s) for s in flat[1]]:
        raise ValueError(
            "`true_fn` and `false_fn` should return outputs of the same kind (struct, dtype and "
            f"shape). Got {outputs[0]} and {outputs[1]} instead."
        )
    return outputs[0]


@op(rule=_cond_rule)
def cond(pred, true_fn, false_fn):
    """What one of two functions returns.

    Args:
        pred: Boolean, or tensor of one.
        true_fn: Function without arguments, called if ``pred`` holds.
        false_fn: Function without arguments, called otherwise; ``None`` returns ``None``.

    Example:
        >>> torchkeras.ops.cond(torch.tensor(True), lambda: 1, lambda: 2)
        1
    """
    if torch.compiler.is_compiling() and isinstance(pred, torch.Tensor):
        # Both branches go into the graph, which may give back no input as it is.
        branches = [functools.partial(_copied, fn) for fn in (true_fn, false_fn)]
        return torch.cond(pred.bool().reshape(()), branches[0], branches[1])
    if pred:
        return true_fn()
    return None if false_fn is None else false_fn()


def _copied(function):
    return tree.map_structure(torch.clone, function())


def custom_gradient(f):
    """Decorator: a function with a gradient of its own.

    Args:
        f: Function that returns its output and a function of the gradient of the output, which
            returns the gradients of the inputs. That one may name its argument ``upstream``.

    Example:
        >>> double = torchkeras.ops.custom_gradient(lambda x: (x * 2, lambda g: g * 2))
        >>> double(torch.tensor(3.0))
        tensor(6.)
    """

    @functools.wraps(f)
    def wrapper(*args):
        return _CustomGradient.apply(f, *args)

    return wrapper


class _CustomGradient(torch.autograd.Function):
    """Calls a function that returns its output and its gradient function."""

    @staticmethod
    def forward(ctx, f, *args):
        output, ctx.gradient = f(*args)
        ctx.n = len(args)
        return output

    @staticmethod
    def backward(ctx, *upstream):  # pyright: ignore[reportIncompatibleMethodOverride]
        gradients = ctx.gradient(*upstream)
        gradients = gradients if isinstance(gradients, (tuple, list)) else (gradients,)
        return (None, *gradients, *(None,) * (ctx.n - len(gradients)))


def _same(structure):
    """Symbols shaped like the leaves of a structure."""

    def symbol(leaf):
        if not isinstance(leaf, KerasTensor):
            leaf = infer(tensor, (leaf,), {})
        return KerasTensor(leaf.shape, leaf.dtype)

    return tree.map_structure(symbol, structure)


def _fori_rule(lower, upper, body_fun, init_val):
    return _same(init_val)


@op(rule=_fori_rule)
def fori_loop(lower, upper, body_fun, init_val):
    """``value = body_fun(i, value)`` for each ``i`` from ``lower`` to below ``upper``.

    Args:
        lower: First number.
        upper: End, which is not reached.
        body_fun: Function of the number and the value.
        init_val: First value, a structure of tensors.

    Example:
        >>> torchkeras.ops.fori_loop(0, 4, lambda i, total: total + i, torch.tensor(0))
        tensor(6)
    """
    value = init_val
    for i in range(int(lower), int(upper)):
        value = body_fun(i, value)
    return value


@op
def map(f, xs):
    """A function called on each slice along the first axis, one after another.

    Args:
        f: Function of one slice, or structure of slices.
        xs: Tensor, or structure of tensors of one size along the first axis.

    Example:
        >>> torchkeras.ops.map(lambda x: x * 2, torch.tensor([1, 2]))
        tensor([2, 4])
    """
    _check_callable("f", f)
    leaves = [torch.unbind(tensor(x)) for x in tree.flatten(xs)]
    results = [f(tree.pack_sequence_as(xs, list(slices))) for slices in zip(*leaves)]
    return _stacked(results)


def _stacked(structures):
    """Structures of tensors as one, each leaf along a new first axis."""
    columns = zip(*(tree.flatten(s) for s in structures))
    leaves = [torch.stack([tensor(v) for v in column]) for column in columns]
    return tree.pack_sequence_as(structures[0], leaves)


@op
def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    """``carry, y = f(carry, x)`` for each slice ``x`` along the first axis.

    Args:
        f: Function of the carried value and a slice, which returns the new value and an output.
        init: First carried value, a structure of tensors.
        xs: Tensor or structure of tensors; ``None`` passes ``None`` on.
        length: Number of slices, needed without ``xs``.
        reverse: Whether to go from the last slice to the first.
        unroll: How many rounds compilers would write out; of no use on torch.

    Raises:
        ValueError: if there is neither ``xs`` nor ``length``, or they differ, or ``unroll`` is not
            positive.

    Example:
        >>> torchkeras.ops.scan(lambda c, x: (c + x, c), torch.tensor(0), torch.tensor([1, 2]))
        (tensor(3), tensor([0, 1]))
    """
    _check_callable("f", f)
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(
            f"`unroll` must be an positive integer or boolean. Received: unroll={unroll}"
        )
    if xs is None and length is None:
        raise ValueError("Got no `xs` to scan over and `length` not provided.")
    leaves = [torch.unbind(tensor(x)) for x in tree.flatten(xs)] if xs is not None else []
    n = len(leaves[0]) if length is None else int(length)
    carry, ys = tree.map_structure(tensor, init), []
    for i in reversed(range(n)) if reverse else range(n):
        x = None if xs is None else tree.pack_sequence_as(xs, [slices[i] for slices in leaves])
        carry, y = f(carry, x)
        ys.append(y)
    if reverse:
        ys.reverse()
    if not ys:
        return carry, None
    return carry, None if ys[0] is None else _stacked(ys)


def _switch_rule(index, branches, *operands):
    return infer(branches[0], operands, {})


@op(rule=_switch_rule)
def switch(index, branches, *operands):
    """What one of several functions returns.

    Args:
        index: Which, from zero; numbers out of range mean the first or the last one.
        branches: The functions.
        operands: Their arguments.

    Example:
        >>> torchkeras.ops.switch(1, [torch.neg, torch.square], torch.tensor(3))
        tensor(9)
    """
    return branches[min(max(int(index), 0), len(branches) - 1)](*operands)


def vectorize(pyfunc, *, excluded=None, signature=None):
    """A function of elements (or small tensors) as a function of tensors of them.

    Args:
        pyfunc: Function of tensors without axes, or with those that ``signature`` names.
        excluded: Numbers and names of arguments that are passed on as they are.
        signature: Axes of arguments and results, like ``"(m,n),(n)->(m)"``; default none.

    Raises:
        ValueError: if ``signature`` has another form.

    Example:
        >>> torchkeras.ops.vectorize(lambda a, b: torch.where(a > b, a, b))([1, 5], [3, 3])
        tensor([3, 5], dtype=torch.int32)
    """
    excluded = set(excluded or ())
    core = None
    if signature is not None:
        if not re.fullmatch(r"\(.*\)->\(.*\)", signature.replace(" ", "")):
            raise ValueError(f"not a valid gufunc signature: {signature}")
        given = signature.replace(" ", "").split("->")[0]
        core = [len(g.split(",")) if g else 0 for g in re.findall(r"\(([^()]*)\)", given)]

    @functools.wraps(pyfunc)
    def wrapper(*args, **kwargs):
        places = [i for i in range(len(args)) if i not in excluded]
        names = [k for k in kwargs if k not in excluded]
        values = [tensor(args[i]) for i in places] + [tensor(kwargs[k]) for k in names]
        inner = core or [0] * len(values)
        if len(inner) != len(values):
            raise TypeError(
                f"wrong number of positional arguments: expected {len(inner)}, got {len(values)}"
            )
        outer = torch.broadcast_shapes(*(v.shape[: v.ndim - c] for v, c in zip(values, inner)))
        values = [v.expand(outer + v.shape[v.ndim - c :]) for v, c in zip(values, inner)]

        def call(*slices):
            full = list(args)
            for i, s in zip(places, slices):
                full[i] = s
            return pyfunc(*full, **{**kwargs, **dict(zip(names, slices[len(places) :]))})

        for _ in outer:
            call = torch.vmap(call)
        return call(*values)

    return wrapper


@op
def vectorized_map(function, elements):
    """A function of slices along the first axis called on all of them at once.

    Args:
        function: Function of one slice, or structure of slices, made of torch functions.
        elements: Tensor, or structure of tensors of one size along the first axis.

    Example:
        >>> torchkeras.ops.vectorized_map(lambda x: x * 2, torch.tensor([1, 2]))
        tensor([2, 4])
    """
    elements = tree.map_structure(tensor, elements)
    return torch.vmap(function)(elements)


def _while_rule(cond, body, loop_vars, maximum_iterations=None):
    symbols = _same(loop_vars)
    return tuple(symbols) if isinstance(symbols, list) else symbols


@op(rule=_while_rule)
def while_loop(cond, body, loop_vars, maximum_iterations=None):
    """The variables after ``variables = body(*variables)`` as long as ``cond(*variables)`` holds.

    Args:
        cond: Function of the variables that returns a boolean.
        body: Function of the variables that returns their new values.
        loop_vars: First values: a tuple or list of tensors, or one alone.
        maximum_iterations: Most rounds; default no bound.

    Example:
        >>> torchkeras.ops.while_loop(lambda i: i < 3, lambda i: i + 1, torch.tensor(0))
        tensor(3)
    """
    alone = not isinstance(loop_vars, (tuple, list))
    variables = tree.map_structure(tensor, (loop_vars,) if alone else tuple(loop_vars))
    rounds = 0
    while (maximum_iterations is None or rounds < maximum_iterations) and cond(*variables):
        values = body(*variables)
        variables = (values,) if not isinstance(values, (tuple, list)) else tuple(values)
        rounds += 1
    variables = tree.map_structure(tensor, variables)
    return variables[0] if alone else variables
