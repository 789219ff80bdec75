"""Layers whose main weight GPTQ or AWQ quantizes, by what the layer sees of some data."""

from typing import Any

import torch

from torchkeras import _state, quantizers
from torchkeras.layers._lora import LoRA
from torchkeras.quantizers import _calibrated

MODES = ("gptq", "awq")


class Calibrated(LoRA):
    """Mixin of the layers whose main weight can be quantized by calibration data.

    The weight is kept as a matrix: its first axis, or its first two, are the inputs. Until the
    data has been seen (see `Model.quantize`) the layer has its floats still, and computes with
    them.
    """

    # Of the layer and of `Quantizable`, which say what they are.
    _bits: Any
    _own_policy: Any
    _main_shape: Any
    quantization_config: Any
    add_weight: Any
    _add_state: Any

    # Name of the zero points' variable.
    _zero_name = "kernel_zero"

    def _calibration_letters(self, rank) -> tuple:
        """The letters of the axes of inputs of that rank, of the main weight, of the outputs."""
        raise NotImplementedError

    @property
    def is_gptq_calibrated(self):
        """Whether GPTQ's integers count, rather than the floats they are made from.

        Who sets the integers by hand sets this to true.
        """
        return self._bits == "gptq" and self._is_calibrated()

    @is_gptq_calibrated.setter
    def is_gptq_calibrated(self, value):
        self._set_calibrated("gptq", value)

    @property
    def is_awq_calibrated(self):
        """As `is_gptq_calibrated`, for AWQ."""
        return self._bits == "awq" and self._is_calibrated()

    @is_awq_calibrated.setter
    def is_awq_calibrated(self, value):
        self._set_calibrated("awq", value)

    def _set_calibrated(self: Any, mode, value):
        if value and self._bits == mode:
            self._let_floats_go()
        elif value or self._is_calibrated():
            raise ValueError(
                f"`is_{mode}_calibrated` can be set to True once the layer is quantized with "
                f"mode='{mode}', and not back: the floats are gone. Received: {value}"
            )

    def _is_calibrated(self: Any):
        return self._bits in MODES and self._adapted not in self._parameters

    def _rows_and_columns(self: Any, shape):
        """The axes of the matrix that a weight of that shape is kept as, as Keras chooses them."""
        if len(shape) == 2:
            first = 1
        elif len(shape) == 3:
            # Of queries, keys and values the first axis is the longest, of outputs the last.
            first = 1 if shape[0] == max(shape) else 2
        else:
            raise ValueError(
                "GPTQ and AWQ quantization only support kernels of 2 or 3 axes. Leave layer "
                f"'{self.name}' out with `filters`. Received: kernel.shape={tuple(shape)}"
            )
        rows = columns = 1
        for size in shape[:first]:
            rows *= size
        for size in shape[first:]:
            columns *= size
        return first, rows, columns

    def _add_few_bits(self: Any, shape, mode, config):
        """Registers the integers of a weight of that shape, and what they stand for."""
        _, rows, columns = self._rows_and_columns(shape)
        bits, size = config.weight_bits, config.group_size
        groups = 1 if size == -1 else -(-rows // size)
        weight = self.add_weight(
            (-(-columns // 2) if bits == 4 else columns, rows),
            "zeros",
            dtype="uint8",
            trainable=False,
            autocast=False,
            name=self._adapted,
        )
        # The floats are there too until the data has been seen.
        setattr(self, f"quantized_{self._adapted}", weight)
        self._add_state(f"{self._adapted}_scale", (columns, groups), self.variable_dtype, "ones")
        zero = self.add_weight(
            (columns, groups),
            "zeros",
            dtype="uint8",
            trainable=False,
            autocast=False,
            name=self._zero_name,
        )
        setattr(self, f"{self._adapted}_zero", zero)
        if mode == "awq":
            self._add_state("awq_scales", (rows,), self.variable_dtype, "ones")
        index = self._add_state("g_idx", (rows,), "float32")
        if size != -1:
            index.assign(torch.arange(rows, device=index.device) // size)

    def _few_bits(self: Any):
        """The integers as they count: ``(columns, rows)``."""
        stored = self.__dict__["_buffers"][f"quantized_{self._adapted}"]
        numbers = self.quantization_config or self._own_policy
        if numbers.weight_bits != 4:
            return stored
        columns = self._rows_and_columns(self._main_shape)[2]
        return quantizers.unpack_int4(stored, columns, axis=0, dtype="uint8")

    def _from_few_bits(self: Any):
        """What the integers stand for, in the compute type and the weight's shape."""
        buffers = self.__dict__["_buffers"]
        dtype = self._compute_torch_dtype
        group = buffers["g_idx"].long()
        scale = buffers[f"{self._adapted}_scale"].to(dtype)[:, group]
        zero = buffers[f"{self._adapted}_zero"].to(dtype)[:, group]
        weight = (self._few_bits().to(dtype) - zero) * scale
        if self._bits == "awq":
            weight = weight / buffers["awq_scales"].to(dtype)
        return weight.t().reshape(self._main_shape)

    # --- calibration -------------------------------------------------------------

    def _check_calibration(self: Any):
        """Raises if an axis that is summed is none of the matrix's rows."""
        given, kernel, _ = self._calibration_letters(self._inputs_rank())
        first = self._rows_and_columns(self._adapted_shape())[0]
        wrong = [axis for axis in kernel[first:] if axis in given]
        if wrong:
            raise ValueError(
                f"Layer '{self.name}' cannot be calibrated: its kernel of shape "
                f"{self._adapted_shape()} is kept as a matrix whose rows are its first "
                f"{first} axes, but the inputs have axis '{wrong[0]}', which is not among them. "
                "Leave the layer out with `filters`."
            )

    def _inputs_rank(self: Any):
        return self.input_spec.ndim or self.input_spec.min_ndim

    def _inputs_as_rows(self, x):
        """The inputs as ``(positions, kept, summed)``: the axes that the weight shares with them.

        Kept axes are those that the outputs have too: there is a product for each place there.
        """
        given, kernel, kept = self._calibration_letters(x.ndim)
        alone = [i for i, axis in enumerate(given) if axis not in kernel and axis not in kept]
        if alone:  # such axes are summed before the weight comes in
            x = x.sum(alone)
            given = "".join(axis for i, axis in enumerate(given) if i not in alone)
        shared = [axis for axis in kernel if axis in given]
        batches = [axis for axis in shared if axis in kept]
        summed = [axis for axis in shared if axis not in kept]
        positions = [axis for axis in given if axis not in shared]
        x = x.permute([given.index(axis) for axis in (*positions, *batches, *summed)])
        sizes = x.shape[len(positions) :]
        split = len(batches)
        return x.reshape(-1, sizes[:split].numel(), sizes[split:].numel())

    def _look_at(self: Any, x, seen):
        """What GPTQ or AWQ has to know of inputs, added to what has been ``seen`` before."""
        dtype = self._parameters[self._adapted].dtype
        x = self._inputs_as_rows(x.to(dtype if dtype.itemsize > 4 else torch.float32))
        if self._bits == "awq":
            largest = x.abs().amax(0)
            return largest if seen is None else torch.maximum(seen, largest)
        # The Hessian, without the factor that damping and rounding do not see.
        squares = torch.einsum("pbi,pbj->bij", x, x)
        return squares if seen is None else seen.add_(squares)

    def _over_rows(self: Any, seen, times):
        """What was seen of the inputs (an axis each, ``times`` over), for the matrix's rows."""
        given, kernel, kept = self._calibration_letters(self._inputs_rank())
        shape = tuple(self._main_shape)
        first = self._rows_and_columns(shape)[0]
        rows = kernel[:first]
        batches = [axis for axis in rows if axis in given and axis in kept]
        summed = [axis for axis in rows if axis in given and axis not in kept]
        sizes = [shape[kernel.index(axis)] for axis in batches]
        sizes += [shape[kernel.index(axis)] for axis in summed] * times
        place = {axis: i for i, axis in enumerate(rows)}
        # Rows of different places along the other axes have nothing to do with each other.
        operands = [
            seen.reshape(sizes),
            [place[axis] for axis in batches]
            + [place[axis] + first * i for i in range(times) for axis in summed],
        ]
        for axis in rows:
            if axis not in summed:
                size = shape[kernel.index(axis)]
                options = {"dtype": seen.dtype, "device": seen.device}
                if times == 2:
                    operands += [torch.eye(size, **options), [place[axis], place[axis] + first]]
                else:
                    operands += [torch.ones(size, **options), [place[axis]]]
        count = self._rows_and_columns(shape)[1]
        return torch.einsum(*operands, list(range(first * times))).reshape((count,) * times)

    def _calibrate(self: Any, seen):
        """Rounds the weight by what has been seen of the inputs; its floats are let go."""
        buffers = self.__dict__["_buffers"]
        name, config = self._adapted, self.quantization_config
        _, rows, columns = self._rows_and_columns(self._main_shape)
        weight = self._parameters[name].detach().reshape(rows, columns).to(seen.dtype)
        if self._bits == "gptq":
            found = _calibrated.gptq(weight, self._over_rows(seen, 2), config)
        else:
            found = _calibrated.awq(weight, self._over_rows(seen, 1), config)
            buffers["awq_scales"].assign(found.input_scale)
        integers = found.integers.to(torch.uint8)
        if config.weight_bits == 4:
            integers = quantizers.pack_int4(integers, axis=0, dtype="uint8")[0]
        buffers[f"quantized_{name}"].assign(integers)
        buffers[f"{name}_scale"].assign(found.scale)
        buffers[f"{name}_zero"].assign(found.zero)
        buffers["g_idx"].assign(found.group)
        self._let_floats_go()

    def _let_floats_go(self: Any):
        self._parameters.pop(self._adapted, None)
        _state.touch()
