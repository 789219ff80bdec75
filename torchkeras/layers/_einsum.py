"""EinsumDense: a matrix product whose axes an equation names."""

import copy
import functools
import re
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from torchkeras import activations, constraints, initializers, regularizers
from torchkeras._checks import is_positive_int
from torchkeras.layers._input_spec import InputSpec
from torchkeras.layers._layer import Layer
from torchkeras.layers._lora import adapted, stored
from torchkeras.layers._quantization import Axes, Quantizable

_EQUATION = re.compile(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?")


class EinsumDense(Quantizable, Layer):
    """Multiplies the inputs by a kernel along the axes that an equation names.

    Computes ``activation(einsum(equation, inputs, kernel) + bias)``. An ellipsis at one end of
    the inputs and the outputs stands for any axes, which are kept.

    Args:
        equation: Letters of the axes: ``"ab,bc->ac"``, ``"...b,bc->...c"`` or
            ``"ab...,bc->ac..."``.
        output_shape: Sizes of the outputs but those of the batch axis and of the ellipsis, or
            one size; ``None`` is the size of the inputs' axis of the same letter.
        activation: Function or its name; ``None`` returns the sum unchanged.
        bias_axes: Letters of the outputs' axes along which the bias varies; ``None``: no bias.
        kernel_initializer: Initializer of the kernel. One that scales by the fan in and out
            takes them from the equation: the axes that are summed, and those that are kept.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Term of the loss for the kernel.
        bias_regularizer: Term of the loss for the bias.
        kernel_constraint: Applied to the kernel after each update.
        bias_constraint: Applied to the bias after each update.
        lora_rank: Rank of an adapter that is trained in place of the kernel (see
            `enable_lora`); default none.
        lora_alpha: The adapter counts ``lora_alpha / lora_rank`` times; default once.
        gptq_unpacked_column_size: Columns of the matrix that GPTQ keeps the kernel as, as
            configs of quantized layers have it; default what the kernel's shape says.
        quantization_config: How `quantize` does it; default the mode's own way.

    Weights:
        kernel: a size for each letter of the equation's second part
        bias: sizes of ``bias_axes``, with 1 for other axes after the first of them; ``None``
            without ``bias_axes``

    Shapes:
        inputs: an axis for each letter of the equation's first part
        outputs: an axis for each letter of the equation's last part

    Raises:
        ValueError: when it is built, if the equation is not of one of the forms above, or
            disagrees with the sizes.

    Example:
        >>> layer = torchkeras.layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de")
        >>> layer(torch.ones(4, 7, 5)).shape
        torch.Size([4, 7, 2, 3])
    """

    _product: Any
    bias: Any

    def __init__(
        self,
        equation,
        output_shape,
        activation=None,
        bias_axes=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        gptq_unpacked_column_size=None,
        quantization_config=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._check_quantization(quantization_config)
        self._check_lora(lora_rank, lora_alpha)
        if gptq_unpacked_column_size is not None and not is_positive_int(gptq_unpacked_column_size):
            raise ValueError(
                "`gptq_unpacked_column_size` must be a positive integer or None. "
                f"Received: gptq_unpacked_column_size={gptq_unpacked_column_size}"
            )
        self.equation = equation
        one = isinstance(output_shape, int)
        self.partial_output_shape = (output_shape,) if one else tuple(output_shape)
        self.activation = activations.get(activation)
        self.bias_axes = bias_axes
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.gptq_unpacked_column_size = gptq_unpacked_column_size
        self._activate = None if self.activation is activations.linear else self.activation

    _config_optional = ("lora_rank", "lora_alpha", "gptq_unpacked_column_size")

    def _config_value(self, name):
        return super()._config_value("partial_output_shape" if name == "output_shape" else name)

    def build(self, input_shape):
        given, kernel, kept = _axes(self.equation, len(input_shape))
        sizes = self._sizes(input_shape)
        self._product = product = _product(given, kernel, kept)
        self._letters = given, kernel, kept
        self._build_main_weight(
            _known("kernel", (sizes[axis] for axis in kernel), self.equation),
            self._initializer_by_equation(kernel, kept),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            layout=product and product.kernel_order,
        )
        self._columns = tuple(sizes[axis] for axis in product.columns) if product else ()
        self.bias = None
        self._bias_is_fused = False
        if self.bias_axes:
            start = min(_place_in_output(axis, kept, self.equation) for axis in self.bias_axes)
            varies = [axis if axis in self.bias_axes else None for axis in kept[start:]]
            self.bias = self.add_weight(
                _known("bias", (sizes[a] if a else 1 for a in varies), self.equation),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
            # One bias for each column of the matrix can be added as they are multiplied.
            self._bias_is_fused = (
                product is not None and product.back is None and varies == product.columns
            )
        shared = {i: sizes[axis] for i, axis in enumerate(given) if axis in kernel}
        self.input_spec = InputSpec(ndim=len(given), axes=shared)
        self._lora_at_build()

    kernel = adapted("kernel")
    _kernel = stored("kernel")

    def _initializer_by_equation(self, kernel, kept):
        init = self.kernel_initializer
        if (
            not isinstance(init, initializers.VarianceScaling)
            or init.input_axes is not None
            or init.output_axes is not None
        ):
            return init
        init = copy.copy(init)
        init.input_axes = [i for i, axis in enumerate(kernel) if axis not in kept]
        init.output_axes = [i for i, axis in enumerate(kernel) if axis in kept]
        return init

    def call(self, inputs):
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_torch_dtype)
        fused = self.bias if self._bias_is_fused else None
        x = self._multiply(inputs, self.kernel, fused)
        if self.bias is not None and fused is None:
            x = x + self.bias
        activate = self._activate
        return x if activate is None else activate(x)

    def _multiply(self, x, kernel, bias=None):
        if self._product is None:
            return torch.einsum(self.equation, x, kernel)
        order, summed, kernel_order, columns, back = self._product
        if order is not None:
            x = x.permute(order)
        if summed > 1:
            x = x.flatten(-summed)
        if kernel_order is not None:
            kernel = kernel.permute(kernel_order)
        if kernel.ndim > 2:
            kernel = kernel.reshape(x.shape[-1], -1)
        x = F.linear(x, kernel.t(), None if bias is None else bias.flatten())
        if len(columns) > 1:
            x = x.unflatten(-1, self._columns)
        return x if back is None else x.permute(back)

    def _quantized_axes(self, shape):
        _, kernel, kept = self._letters
        reduced = tuple(i for i, axis in enumerate(kernel) if axis not in kept)
        # The scale is stored as it would multiply the outputs.
        scale = tuple(shape[kernel.index(axis)] if axis in kernel else 1 for axis in kept)
        columns = [axis for axis in kernel if axis in kept]
        return Axes(reduced, scale, tuple(columns.index(axis) for axis in kept if axis in kernel))

    _zero_name = "zero_point"

    def _add_few_bits(self, shape, mode, config):
        columns = self._rows_and_columns(shape)[2]
        if mode == "gptq" and self.gptq_unpacked_column_size not in (None, columns):
            raise ValueError(
                f"`gptq_unpacked_column_size` must be {columns} for a kernel of shape {shape}. "
                f"Received: gptq_unpacked_column_size={self.gptq_unpacked_column_size}"
            )
        super()._add_few_bits(shape, mode, config)
        if mode == "gptq":
            self.gptq_unpacked_column_size = columns

    def _calibration_letters(self, rank):
        return self._letters

    def _input_axes(self):
        given, kernel, kept = self._letters
        return tuple(i for i, axis in enumerate(given) if axis in kernel and axis not in kept)

    def compute_output_shape(self, input_shape):
        sizes = self._sizes(input_shape)
        return tuple(sizes[axis] for axis in _axes(self.equation, len(input_shape))[2])

    def _sizes(self, input_shape):
        """The size of each letter's axis."""
        given, kernel, kept = _axes(self.equation, len(input_shape))
        sizes = dict(zip(given, input_shape))
        named = [axis for axis in kept if axis.isalpha()]
        # An ellipsis in front takes the batch axis in.
        batch = () if given.startswith("0") else input_shape[:1]
        wanted = (*batch, *self.partial_output_shape)
        if len(named) > len(wanted):  # sizes too many are let go, as Keras does
            raise ValueError(
                f"`output_shape` must have {len(named) - len(batch)} sizes, one for each of the "
                f"axes {named[len(batch) :]} of '{self.equation}'. "
                f"Received: output_shape={self.partial_output_shape}"
            )
        for axis, size in zip(named, wanted):
            if axis not in given:
                sizes[axis] = size
            elif size is not None and size != sizes[axis]:
                raise ValueError(
                    f"Input shape and output shape do not match at shared dimension '{axis}'. "
                    f"Input shape is {sizes[axis]}, and output shape is {size}."
                )
        for axis in kernel:
            if axis not in sizes:
                raise ValueError(
                    f"Weight dimension '{axis}' did not have a match in either the input spec "
                    f"'{given}' or the output spec '{kept}'. For this layer, the weight must be "
                    "fully specified."
                )
        return sizes

    def extra_repr(self):
        return f"{self.equation!r}, output_shape={self.partial_output_shape}"


EinsumDense._quantizable_class = EinsumDense


class _Product(NamedTuple):
    """An equation as one product of matrices."""

    order: Any  # of the inputs' axes: those that are kept, those that are summed
    summed: int  # how many are summed
    kernel_order: Any  # of the kernel's axes: those that are summed, those that are kept
    columns: list  # the axes of the outputs that the kernel brings
    back: Any  # order of the outputs' axes after the product


@functools.cache
def _product(given, kernel, kept):
    """How to compute the equation as one product of matrices; ``None`` if that is no way."""
    summed = [axis for axis in given if axis in kernel and axis not in kept]
    rows = [axis for axis in given if axis not in summed]
    columns = [axis for axis in kernel if axis not in summed]
    repeats = any(len(set(axes)) < len(axes) for axes in (given, kernel, kept))
    if repeats or not summed or not columns or sorted(rows + columns) != sorted(kept):
        return None
    return _Product(
        _order(given, rows + summed),
        len(summed),
        _order(kernel, summed + columns),
        columns,
        _order(rows + columns, kept),
    )


def _order(axes, wanted):
    """The permutation that brings the axes in the wanted order; ``None`` if they are."""
    order = tuple(axes.index(axis) for axis in wanted)
    return None if order == tuple(range(len(order))) else order


@functools.cache
def _axes(equation, rank):
    """The axes of inputs, kernel and outputs, a character each: digits for the ellipsis.

    Raises:
        ValueError: if the equation has another form, or another rank.
    """
    match = _EQUATION.fullmatch(equation)
    first, given, last, kernel, first_kept, kept, last_kept = match.groups() if match else [""] * 7
    if not match or (first, last) != (first_kept, last_kept) or (first and last):
        raise ValueError(
            f"Invalid einsum equation '{equation}'. Equations must be in the form [X],[Y]->[Z], "
            "...[X],[Y]->...[Z], or [X]...,[Y]->[Z]...."
        )
    for axis in kept:
        if axis not in given and axis not in kernel:
            raise ValueError(
                f"Dimension '{axis}' was specified in the output '{kept}' but has no corresponding "
                f"dim in the input spec '{given}' or weight spec '{kernel}'"
            )
    elided = "".join(str(i) for i in range(rank - len(given)))
    if len(given) > rank:
        raise ValueError(
            f"The inputs must have an axis for each of '{given}' of '{equation}'. "
            f"Received: inputs of rank {rank}"
        )
    if first:
        return elided + given, kernel, elided + kept
    return (given + elided, kernel, kept + elided) if last else (given, kernel, kept)


def _known(weight, shape, equation):
    shape = tuple(shape)
    if None in shape:
        raise ValueError(
            "Shapes used to initialize variables must be fully-defined (no `None` dimensions). "
            f"Received: shape={shape} for the {weight} of '{equation}'. Give the missing sizes in "
            "`output_shape` or the shape of the inputs."
        )
    return shape


def _place_in_output(axis, kept, equation):
    if axis not in kept:
        raise ValueError(
            f"Bias dimension '{axis}' was requested, but is not part of the output spec "
            f"'{equation.partition('->')[2]}'"
        )
    return kept.index(axis)
