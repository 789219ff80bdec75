"""The part that all optimizers share: state, order of a step, clipping, decay, averages."""

# torch's lists of exports leave its foreach and fused functions out.
# pyright: reportPrivateImportUsage=false

import inspect
import operator
import re
import warnings
from typing import Any

import numpy as np
import torch
from torch import nn

from torchkeras import _state, config, initializers
from torchkeras._configurable import Configurable
from torchkeras._variable import Variable
from torchkeras.optimizers import schedules

_TENSORS = {torch.Tensor}
_shape = operator.attrgetter("shape")
_dtype = operator.attrgetter("dtype")
_stride = torch.Tensor.stride


class Optimizer(Configurable):
    """Base of all optimizers.

    An optimizer is two short hooks. ``slots`` names what is kept for each variable, and
    ``update(variables, gradients, learning_rate, *slots)`` moves a whole list of variables
    in place, with one list for each slot, in the same order. All tensors of a call have one
    device and dtype, and a gradient lies in memory as its variable does, so the method is
    best written with ``torch._foreach_*`` functions.

    Keras' own way works too: override ``build(variables)`` (call ``super`` first, then
    `add_variable_from_reference`) and ``update_step(gradient, variable, learning_rate)``,
    which is called for one variable at a time.

    A step goes: gradients divided by ``loss_scale_factor``, accumulated, clipped; weights
    decayed (``variable -= variable * weight_decay * learning_rate``) and updated; moving
    averages; constraints. Nothing in it waits for the device: ``iterations`` and
    ``learning_rate`` live on the CPU. What it needs to know of the variables (``constraint``,
    ``overwrite_with_gradient``, names) is read when a list of variables is first seen.

    Args:
        learning_rate: A float, a `schedules.LearningRateSchedule`, or a callable without
            arguments.
        weight_decay: Fraction of a weight that is taken off, times the learning rate.
        clipnorm: Highest norm of each gradient.
        clipvalue: Highest absolute value of a gradient's elements.
        global_clipnorm: Highest norm of all gradients together.
        use_ema: Whether a moving average of each variable is kept; it replaces the variable
            at the end of training.
        ema_momentum: ``average = ema_momentum * average + (1 - ema_momentum) * variable``.
        ema_overwrite_frequency: After each that many steps the averages replace the
            variables; ``None`` for never.
        loss_scale_factor: `scale_loss` multiplies by it, and gradients are divided by it.
        gradient_accumulation_steps: Number of calls whose mean gradient makes one step.
        name: First part of the paths of the optimizer's variables.

    Raises:
        ValueError: if an argument has no such meaning, or several clip arguments are set.

    Example:
        >>> class SignSGD(torchkeras.optimizers.Optimizer):
        ...     def update(self, variables, gradients, learning_rate):
        ...         torch._foreach_add_(
        ...             variables, torch._foreach_sign(gradients), alpha=-learning_rate
        ...         )
        >>> weight = torchkeras.Variable([1.0, 2.0])
        >>> SignSGD(0.5).apply([torch.tensor([3.0, -4.0])], [weight])
        >>> weight.numpy()
        array([0.5, 2.5], dtype=float32)
    """

    # Names of what is kept for each variable. The names of a nested tuple stand variable by
    # variable in `variables`, the others name by name.
    slots = ()

    _plan = None
    # For a compiled step, which cannot look at numbers: what `prepare` found.
    _turn: Any = None
    _rate: Any = None

    def __init__(
        self,
        learning_rate,
        weight_decay=None,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        **kwargs,
    ):
        if kwargs.pop("decay", None) is not None:
            warnings.warn("Argument `decay` is no longer supported and will be ignored.")
        if kwargs:
            raise ValueError(f"Argument(s) not recognized: {kwargs}")
        if sum(c is not None for c in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: "
                f"clipnorm={clipnorm}, clipvalue={clipvalue}, global_clipnorm={global_clipnorm}"
            )
        if use_ema and not 0 <= ema_momentum <= 1:
            raise ValueError(
                f"`ema_momentum` must be in the range [0, 1]. Received: ema_momentum={ema_momentum}"
            )
        _at_least(1, "ema_overwrite_frequency", ema_overwrite_frequency)
        _at_least(2, "gradient_accumulation_steps", gradient_accumulation_steps)
        self._variables = []
        self._trainable_variables = []
        self._indices = {}  # variable -> its place in _trainable_variables
        self._slots = {}  # name -> variable -> what is kept for it
        self._exempt = ((), ())  # variables and patterns of names that do not decay
        self.built = False
        self.name = name or _state.unique_name(_state.snake_case(type(self).__name__))
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._iterations = self._scalar(0, "int32", "iteration")
        if isinstance(learning_rate, torch.Tensor) or not (
            callable(learning_rate) or isinstance(learning_rate, (int, float, np.number))
        ):
            raise ValueError(
                "Argument `learning_rate` should be float, or an instance of "
                "LearningRateSchedule, or a callable (that takes in the current iteration value "
                "and returns the corresponding learning rate value). "
                f"Received instead: learning_rate={learning_rate}"
            )
        self._learning_rate: Any = None
        self.learning_rate = learning_rate

    def __setattr__(self, name, value):
        # A user's optimizer keeps state by setting an attribute.
        if isinstance(value, Variable) and "_variables" in self.__dict__:
            self._track(value)
        object.__setattr__(self, name, value)

    def _track(self, variable):
        if not any(variable is other for other in self._variables):
            self._variables.append(variable)

    def _scalar(self, value, dtype, name):
        # On the CPU wherever the model is: reading it must not wait for a device.
        with _state.name_scope(self.name):
            return Variable(
                torch.tensor(value, device="cpu"),
                dtype=dtype,
                trainable=False,
                aggregation="only_first_replica",
                name=name,
            )

    # State

    @property
    def variables(self):
        """All state in the order of Keras' files: iteration, learning rate, then slots."""
        return list(self._variables)

    @property
    def iterations(self):
        """Number of steps taken, an integer tensor on the CPU; may be assigned to."""
        if self.gradient_accumulation_steps:
            return self._iterations // self.gradient_accumulation_steps
        return self._iterations

    @property
    def learning_rate(self):
        """The learning rate now: a variable, or what the schedule or the callable returns.

        Raises:
            TypeError: when a number is set although a schedule was given.
        """
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return rate
        if isinstance(rate, schedules.LearningRateSchedule):
            return rate(self.iterations)
        return rate()

    @learning_rate.setter
    def learning_rate(self, value):
        rate = self._learning_rate
        if callable(value) and not isinstance(value, torch.Tensor):
            self._variables = [v for v in self._variables if v is not rate]
            self._learning_rate = value
        elif isinstance(rate, Variable):
            rate.assign(value)
        elif isinstance(rate, schedules.LearningRateSchedule):
            raise TypeError(
                "This optimizer was created with a `LearningRateSchedule` object as its "
                "`learning_rate` constructor argument, hence its learning rate is not settable. "
                "If you need the learning rate to be settable, you should instantiate the "
                "optimizer with a float `learning_rate` argument."
            )
        else:
            rate = self._scalar(float(value), config.floatx(), "learning_rate")
            self._variables.insert(1, rate)  # after `iteration`
            self._learning_rate = rate

    def build(self, variables):
        """Makes the slots of variables; those that have them already are left alone.

        Args:
            variables: List of `Variable` or `nn.Parameter`.
        """
        new = [v for v in dict.fromkeys(variables) if v not in self._indices]
        for variable in new:
            self._indices[variable] = len(self._trainable_variables)
            self._trainable_variables.append(variable)
        moved = [v for v in new if not getattr(v, "overwrite_with_gradient", False)]
        if self.use_ema:
            self._add_slots(moved, "average", Optimizer.make_slot)
        if self.gradient_accumulation_steps:
            self._add_slots(new, "gradient_accumulator", Optimizer.make_slot)
        for names in self.slots:
            self._add_slots(moved, names, type(self).make_slot)
        self.built = True
        self._plan = None

    def make_slot(self, variable, name):
        """What slot ``name`` of ``variable`` starts from: zeros that lie in memory as it does.

        Returns:
            A `Variable`, or ``None`` where this variable has no such slot.
        """
        return self.add_variable_from_reference(variable, name)

    def _add_slots(self, variables, names, make_slot):
        names = (names,) if isinstance(names, str) else names
        for variable in variables:
            for name in names:
                self._slots.setdefault(name, {})[variable] = make_slot(self, variable, name)

    def add_variable(
        self, shape, initializer="zeros", dtype=None, aggregation="none", layout=None, name=None
    ):
        """Makes a variable that is saved with the optimizer.

        Args:
            shape: Its shape.
            initializer: Name, callable ``(shape, dtype)`` or array of the start.
            dtype: Name of the element type; default floatx.
            aggregation: How replicas are combined.
            layout: Order of the axes in memory, slowest first.
            name: Last part of its path.
        """
        with _state.name_scope(self.name):
            variable = Variable(
                initializers.get(initializer),
                shape,
                dtype,
                trainable=False,
                aggregation=aggregation,
                name=name,
                layout=layout,
            )
        self._track(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable, name=None, initializer: Any = "zeros"
    ):
        """Makes a variable of another's shape, dtype, device and order in memory.

        Args:
            reference_variable: The other one.
            name: End of the name; its start is the other's path.
            initializer: Name, callable ``(shape, dtype)`` or array of the start.
        """
        value = torch.zeros_like(reference_variable)
        if not isinstance(initializer, str) or initializer != "zeros":
            start: Any = initializers.get(initializer)
            value.copy_(start(tuple(value.shape), dtype=value.dtype))
        path = self._path(reference_variable).replace("/", "_")
        return self._own(value, f"{path}_{name or 'var'}")

    def _own(self, value, name):
        with _state.name_scope(self.name):
            variable = Variable(value, trainable=False, name=name)
        self._track(variable)
        return variable

    def add_optimizer_variables(self, trainable_variables, name, initializer="zeros"):
        """Makes one variable for each of a list, or several with a list of names.

        Args:
            trainable_variables: The variables to make them like.
            name: End of the names, or a list of such.
            initializer: One for all, or a list with one for each name.

        Returns:
            A list, or a tuple with a list for each name.
        """
        names = [name] if isinstance(name, str) else list(name)
        starts = initializer if isinstance(initializer, (list, tuple)) else [initializer]
        starts = list(starts) * (len(names) if len(starts) == 1 else 1)
        if len(starts) != len(names):
            raise ValueError(
                "`initializer` must be one or as many as there are names. "
                f"Received: {len(starts)} initializers and name={name}"
            )
        made = [
            [self.add_variable_from_reference(v, n, start) for n, start in zip(names, starts)]
            for v in trainable_variables
        ]
        lists = tuple([row[i] for row in made] for i in range(len(names)))
        return lists[0] if isinstance(name, str) else lists

    def _path(self, variable):
        path = getattr(variable, "path", None)
        return path or f"parameter_{self._indices.get(variable, len(self._trainable_variables))}"

    def _get_variable_index(self, variable):
        try:
            return self._indices[variable]
        except KeyError:
            raise ValueError(
                f"Unknown variable: {self._path(variable)}. This optimizer can only be called for "
                "the variables it was originally built with. When working with a new set of "
                "variables, you should recreate a new optimizer instance."
            ) from None

    # A step

    def apply_gradients(self, grads_and_vars):
        """Takes a step along pairs of gradient and variable, and returns ``iterations``.

        Args:
            grads_and_vars: List of pairs.
        """
        grads, variables = zip(*grads_and_vars)
        self.apply(list(grads), list(variables))
        return self.iterations

    def apply(self, grads, trainable_variables=None):
        """Takes a step.

        Args:
            grads: List of gradients; a variable whose gradient is ``None`` stays as it is.
            trainable_variables: The variables in the same order; default those of `build`.
                Variables not seen before get new slots (an optimizer whose state is made by
                a `build` of its own refuses them).

        Raises:
            ValueError: if numbers or shapes differ, or no gradient is there.
        """
        if trainable_variables is None:
            if not self.built:
                raise ValueError(
                    "When passing `grads` without `variables`, the optimizer must already be "
                    "built on a list of variables. Call `optimizer.build(trainable_variables)` "
                    "first."
                )
            trainable_variables = self._trainable_variables
        elif not isinstance(trainable_variables, (list, tuple)):
            trainable_variables = list(trainable_variables)  # module.parameters()
        if len(grads) != len(trainable_variables):
            raise ValueError(
                "When passing `grads` as a list of gradient tensors, the gradients must match "
                f"`optimizer.variables` one-to-one. Received a list of {len(grads)} gradients, but "
                f"the optimizer is tracking {len(trainable_variables)} trainable variables."
            )
        if not self.built:
            self.build(trainable_variables)
        if not len(grads):
            return
        with torch.no_grad():
            tracing = torch.compiler.is_compiling()
            if tracing:
                if any(g is None for g in grads):
                    grads, trainable_variables = self._present(grads, trainable_variables)
            elif set(map(type, grads)) != _TENSORS:
                grads, trainable_variables = self._present(grads, trainable_variables)
            plan = self._plan_for(trainable_variables)
            if plan.overwritten:
                grads = self._overwrite(plan, grads)
            if plan.variables:
                self._step(plan, grads if tracing else plan.fit(grads))
            self._iterations.add_(1)
            for variable in plan.constrained:
                variable.copy_(variable.constraint(variable))

    def _plan_for(self, variables):
        """What is known of this list; to be called before a step is traced by a compiler.

        A compiler guards what a trace found, so a traced step checks nothing.
        """
        plan = self._plan
        if plan is None or not (torch.compiler.is_compiling() or plan.is_for(variables)):
            plan = self._plan = _Plan(self, variables)
        return plan

    def prepare(self):
        """To be called before each step that a compiler has traced.

        A trace must not branch on the number of the step, nor call a schedule: both are done
        here, so that the step is traced once for each combination of its occasional parts.
        """
        self._turn = self._next_turn()
        if not isinstance(self._learning_rate, Variable):
            if self._rate is None:
                self._rate = torch.zeros((), dtype=torch.float32, device="cpu")
            self._rate.fill_(float(self.learning_rate))

    def _next_turn(self):
        """Whether the next step moves variables, starts their averages, overwrites with them."""
        every = self.gradient_accumulation_steps
        if not every and not self.use_ema:
            return True, False, False
        if torch.compiler.is_compiling():
            return self._turn
        calls = self._iterations.item()
        step = calls // every if every else calls
        frequency = self.ema_overwrite_frequency
        overwrites = bool(frequency) and (step + 1) % frequency == 0
        return not every or (calls + 1) % every == 0, self.use_ema and step == 0, overwrites

    def _step(self, plan, gradients):
        moves, starts, overwrites = self._next_turn()
        if self.loss_scale_factor:
            gradients = torch._foreach_div(gradients, self.loss_scale_factor)
        if self.gradient_accumulation_steps:
            torch._foreach_add_(plan.accumulators, gradients)
            if moves:
                gradients = torch._foreach_div(plan.accumulators, self.gradient_accumulation_steps)
                torch._foreach_zero_(plan.accumulators)
        if moves:
            self._update(plan, self._clip_gradients(gradients))
        if self.use_ema:
            momentum = 0 if starts else self.ema_momentum  # the first average is the variable
            torch._foreach_lerp_(plan.averages, plan.variables, 1 - momentum)
            if overwrites:
                torch._foreach_copy_(plan.variables, plan.averages)

    def _update(self, plan, gradients):
        traced = torch.compiler.is_compiling() and not isinstance(self._learning_rate, Variable)
        rate: Any = self._rate if traced else self.learning_rate
        for argument, variables in plan.decayed.items():
            if decay := getattr(self, argument):
                torch._foreach_mul_(variables, 1 - float(rate) * decay)
        if plan.one_by_one:
            for gradient, variable in zip(gradients, plan.variables):
                self.update_step(gradient, variable, rate)
            return
        rate = float(rate)
        if len(plan.groups) == 1:
            _, variables, slots = plan.groups[0]
            self.update(variables, gradients, rate, *slots)
            return
        for places, variables, slots in plan.groups:
            self.update(variables, [gradients[i] for i in places], rate, *slots)

    def update(self, variables, gradients, learning_rate, *slots):
        """Moves variables in place; what an optimizer is made of.

        Args:
            variables: List of variables of one device and dtype.
            gradients: List of their gradients, which must not be changed.
            learning_rate: A float.
            *slots: For each name in ``slots`` a list, to be changed in place; its items are
                ``None`` where `make_slot` returned that.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `update`.")

    def update_step(self, gradient, variable, learning_rate):
        """Moves one variable in place.

        Args:
            gradient: Its gradient.
            variable: The variable.
            learning_rate: The learning rate, as `learning_rate` returns it.
        """
        slots = [[self._slots[name].get(variable)] for name in self._slot_names()]
        with torch.no_grad():
            self.update([variable], [gradient], float(learning_rate), *slots)

    def _slot_names(self):
        return [n for names in self.slots for n in ((names,) if isinstance(names, str) else names)]

    def _step_number(self):
        """1 in the first step, 2 in the second..."""
        return self._iterations.item() // (self.gradient_accumulation_steps or 1) + 1

    def _present(self, grads, variables):
        """Without the pairs whose gradient is None; arrays as tensors."""
        pairs = [(g, v) for g, v in zip(grads, variables) if g is not None]
        if not pairs:
            raise ValueError("No gradients provided for any variable.")
        if len(pairs) < len(grads) and not torch.compiler.is_compiling():
            missing = [self._path(v) for g, v in zip(grads, variables) if g is None]
            warnings.warn(
                f"Gradients do not exist for variables {missing} when minimizing the loss. If "
                "using `model.compile()`, did you forget to provide a `loss` argument?",
                stacklevel=3,
            )
        grads = [
            g if isinstance(g, torch.Tensor) else torch.as_tensor(g, device=v.device)
            for g, v in pairs
        ]
        return grads, [v for _, v in pairs]

    def _overwrite(self, plan, grads):
        # Such a variable (the scale of an 8-bit layer) is handed its new value as gradient;
        # of several accumulated ones the largest counts.
        every = self.gradient_accumulation_steps
        last = self._next_turn()[0]
        for i, variable, highest in plan.overwritten:
            value = grads[i]
            if every:
                value = highest.copy_(torch.maximum(highest, value))
            if last:
                variable.copy_(value)
                if every:
                    highest.zero_()
        return [grads[i] for i in plan.kept]

    def _clip_gradients(self, gradients):
        clipnorm, clipvalue, whole = self.clipnorm, self.clipvalue, self.global_clipnorm
        if clipnorm and clipnorm > 0:
            gradients = list(map(torch.as_tensor, gradients))
            scales = torch._foreach_clamp_min(torch._foreach_norm(gradients), clipnorm)
            torch._foreach_reciprocal_(scales)
            torch._foreach_mul_(scales, clipnorm)
            return torch._foreach_mul(gradients, scales)
        if whole and whole > 0:
            gradients = list(map(torch.as_tensor, gradients))
            scale = whole / nn.utils.get_total_norm(gradients).clamp(min=whole)
            if len({g.device for g in gradients}) > 1:
                return [g * scale.to(g.device) for g in gradients]
            return torch._foreach_mul(gradients, scale)
        if clipvalue and clipvalue > 0:
            gradients = list(map(torch.as_tensor, gradients))
            gradients = torch._foreach_clamp_min(gradients, -clipvalue)
            torch._foreach_clamp_max_(gradients, clipvalue)
        return gradients

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """Names the variables whose weights do not decay; a later call replaces an earlier.

        Args:
            var_list: List of variables.
            var_names: List of regular expressions; a variable with one of them in its name
                (the last part of its path) is left out.
        """
        self._exempt = (tuple(var_list or ()), tuple(var_names or ()))
        self._plan = None

    def _use_weight_decay(self, variable):
        variables, patterns = self._exempt
        name = getattr(variable, "name", None) or self._path(variable)
        return not (
            any(variable is v for v in variables) or any(re.search(p, name) for p in patterns)
        )

    def _decay_argument(self, variable):
        """Name of the argument that tells how much a variable decays."""
        return "weight_decay"

    def scale_loss(self, loss):
        """The loss times ``loss_scale_factor``, for `apply` to divide it out again.

        Args:
            loss: The loss.
        """
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def finalize_variable_values(self, var_list):
        """Replaces variables by their averages; done at the end of training with ``use_ema``.

        Args:
            var_list: List of variables.
        """
        averages = self._slots.get("average", {})
        for variable in var_list:
            if variable in averages:
                self.assign(variable, averages[variable])

    def stateless_apply(self, optimizer_variables, grads, trainable_variables):
        """What a step would give from other values, changing nothing.

        Args:
            optimizer_variables: Values to take for `variables`.
            grads: List of gradients.
            trainable_variables: Values to take for the variables of `build`.

        Returns:
            The new values of the trainable variables, and those of the optimizer's.

        Raises:
            ValueError: if the optimizer is not built, or a list has another length.
        """
        own, trained = self.variables, self._trainable_variables
        if not self.built:
            raise ValueError(
                f"To call `stateless_apply`, {type(self).__name__} must be built (i.e. its "
                "variables must have been created). You can build it via "
                "`optimizer.build(trainable_variables)`."
            )
        if len(optimizer_variables) != len(own):
            raise ValueError(
                "Argument `optimizer_variables` must be a list of tensors corresponding 1:1 to "
                f"{type(self).__name__}().variables. Received list with length "
                f"{len(optimizer_variables)}, but expected {len(own)} variables."
            )
        if len(trainable_variables) != len(trained):
            raise ValueError(
                "Argument `trainable_variables` must be a list of tensors corresponding 1:1 to "
                "the trainable variables list that the optimizer was built with. Received "
                f"len(trainable_variables) == {len(trainable_variables)} whereas the optimizer "
                f"was built with {len(trained)} variables."
            )
        variables = [*trained, *own]
        before = [v.data for v in variables]
        try:
            for variable, value in zip(variables, [*trainable_variables, *optimizer_variables]):
                variable.data = torch.empty_like(variable.data).copy_(torch.as_tensor(value))
            self.apply(grads, trained)
            after = [v.data for v in variables]
        finally:
            for variable, value in zip(variables, before):
                variable.data = value
        return after[: len(trained)], after[len(trained) :]

    def assign(self, variable, value):
        """Sets a variable in place.

        Args:
            variable: A `Variable` or `nn.Parameter`.
            value: Tensor or array of its shape.
        """
        with torch.no_grad():
            variable.copy_(torch.as_tensor(value, device=variable.device))

    def assign_add(self, variable, value):
        """Adds to a variable in place.

        Args:
            variable: A `Variable` or `nn.Parameter`.
            value: Tensor or array.
        """
        with torch.no_grad():
            variable.add_(torch.as_tensor(value, device=variable.device))

    def assign_sub(self, variable, value):
        """Subtracts from a variable in place.

        Args:
            variable: A `Variable` or `nn.Parameter`.
            value: Tensor or array.
        """
        with torch.no_grad():
            variable.sub_(torch.as_tensor(value, device=variable.device))

    # Saving

    def _config_value(self, name):
        if name == "learning_rate" and isinstance(self._learning_rate, Variable):
            return self._learning_rate.item()
        return self._learning_rate if name == "learning_rate" else getattr(self, name)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """An optimizer from the dict that `get_config` returned.

        Args:
            config: The dict; the old spellings of Keras 2 are understood.
            custom_objects: Dict from name to the user's schedules.
        """
        # Keras 2 wrote `lr` for long, and two switches of how it was run.
        switches = ("jit_compile", "is_legacy_optimizer")
        given = {"learning_rate" if k == "lr" else k: v for k, v in config.items()}
        if isinstance(given.get("learning_rate"), dict):
            given["learning_rate"] = schedules.deserialize(given["learning_rate"], custom_objects)
        return cls(**{k: v for k, v in given.items() if k not in switches})

    def save_own_variables(self, store):
        """Puts the values of `variables` in a dict under ``"0"``, ``"1"``...

        Args:
            store: Dict to fill.
        """
        for i, variable in enumerate(self._variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store):
        """Sets `variables` from what `save_own_variables` put in a dict.

        Args:
            store: The dict. If it has another number of values, a warning says so and
                nothing is loaded.
        """
        if len(store) != len(self._variables):
            warnings.warn(
                f"Skipping variable loading for optimizer '{self.name}', because it has "
                f"{len(self._variables)} variables whereas the saved optimizer has {len(store)} "
                "variables."
            )
            return
        for i, variable in enumerate(self._variables):
            variable.assign(store[str(i)])

    def set_weights(self, weights):
        """Sets `variables` from a list of arrays.

        Args:
            weights: The arrays in the same order.

        Raises:
            ValueError: if the optimizer is not built, or numbers or shapes differ.
        """
        if not self.built:
            raise ValueError(
                "You are calling `set_weights()` on an optimizer that has not yet been built. "
                "Please call `optimizer.build(trainable_variables)` to create the optimizer "
                "weights before calling `set_weights()`."
            )
        if len(weights) != len(self._variables):
            raise ValueError(
                f"Optimizer '{self.name}' has {len(self._variables)} variables. Received: "
                f"{len(weights)} weights"
            )
        for variable, weight in zip(self._variables, weights):
            if variable.shape != np.shape(weight):
                raise ValueError(
                    f"Optimizer variable {variable.path} has shape {tuple(variable.shape)} not "
                    f"compatible with provided weight shape {tuple(np.shape(weight))}."
                )
            variable.assign(weight)


class _Plan:
    """What a step needs to know of a list of variables, looked up once."""

    def __init__(self, optimizer, variables):
        cls = type(optimizer)
        self.one_by_one = cls.update_step is not Optimizer.update_step
        if self.one_by_one and cls.build is not Optimizer.build:
            for variable in variables:  # its `build` makes all state at once
                optimizer._get_variable_index(variable)
        elif unknown := [v for v in variables if v not in optimizer._indices]:
            optimizer.build(unknown)
        self.given = list(variables)
        self.device = self.given[0].device
        slots = optimizer._slots
        for kept in slots.values():  # the model may have been moved since
            for v in self.given:
                slot = kept.get(v)
                if slot is not None and slot.device != v.device:
                    slot.data = slot.data.to(v.device)
        highest = slots.get("gradient_accumulator", {})
        self.overwritten, self.kept = [], []
        for i, v in enumerate(self.given):
            if getattr(v, "overwrite_with_gradient", False):
                self.overwritten.append((i, v, highest.get(v)))
            else:
                self.kept.append(i)
        self.variables = [self.given[i] for i in self.kept]
        self.shapes = list(map(_shape, self.variables))
        self.strides = list(map(_stride, self.variables))
        self.dtypes = list(map(_dtype, self.variables))
        self.constrained = [v for v in self.given if getattr(v, "constraint", None) is not None]
        self.decayed = {}
        for v in self.variables:
            if optimizer._use_weight_decay(v):
                self.decayed.setdefault(optimizer._decay_argument(v), []).append(v)
        if optimizer.use_ema:
            self.averages = [slots["average"][v] for v in self.variables]
        if optimizer.gradient_accumulation_steps:
            self.accumulators = [highest[v] for v in self.variables]
        groups = {}
        names = optimizer._slot_names()
        for i, v in enumerate(self.variables):
            own = [slots[name].get(v) for name in names]
            key = (v.device, v.dtype, _is_dense(v), *(s is None for s in own))
            places, members, lists = groups.setdefault(key, ([], [], [[] for _ in names]))
            places.append(i)
            members.append(v)
            for items, slot in zip(lists, own):
                items.append(slot)
        self.groups = list(groups.values())

    def is_for(self, variables):
        return (
            len(variables) == len(self.given)
            and all(map(operator.is_, variables, self.given))
            and self.given[0].device == self.device
        )

    def fit(self, gradients):
        """The gradients with dtypes and strides as their variables have them."""
        if (
            list(map(_stride, gradients)) == self.strides
            and list(map(_dtype, gradients)) == self.dtypes
            and list(map(_shape, gradients)) == self.shapes
        ):
            return gradients
        fitted = []
        for gradient, variable in zip(gradients, self.variables):
            if gradient.shape != variable.shape:
                raise ValueError(
                    "A gradient must have the shape of its variable. Received: gradient of shape "
                    f"{tuple(gradient.shape)} for a variable of shape {tuple(variable.shape)}"
                )
            if gradient.layout is not torch.strided:
                gradient = gradient.to_dense()
            if gradient.stride() != variable.stride() or gradient.dtype != variable.dtype:
                gradient = torch.empty_like(variable, requires_grad=False).copy_(gradient)
            fitted.append(gradient)
        return fitted


def runs_fused(variables):
    """Whether torch's fused kernels may run on a list of variables, as `Optimizer.update` gets.

    The kernels go through memory without looking at strides, so none may have gaps. A
    compiler makes better kernels of the ``foreach`` form.
    """
    variable = variables[0]
    return (
        variable.device.type in ("cpu", "cuda")
        and _is_dense(variable)
        and not torch.compiler.is_compiling()
    )


def once(number):
    """A number worked out from others, so that a compiled step does that once.

    A compiler writes the whole formula into its kernels, which then take the powers of a
    bias correction for each element.
    """
    if torch.compiler.is_compiling():
        return torch.scalar_tensor(number, dtype=torch.float32, device="cpu").item()
    return number


def _is_dense(variable):
    # Tensors made like one with gaps, such as slots, have none, so other strides.
    return (
        variable.is_contiguous()
        or torch.empty_like(variable, device="meta").stride() == variable.stride()
    )


def with_general_arguments(init):
    """Lets ``*general, **kwargs`` of an optimizer's ``__init__`` show as `Optimizer`'s arguments.

    They come after the optimizer's own, in the base's order.
    """
    own = list(inspect.signature(init).parameters.values())
    own = [p for p in own if p.kind is p.POSITIONAL_OR_KEYWORD]
    names = {p.name for p in own}
    base = inspect.signature(Optimizer.__init__).parameters.values()
    init.__signature__ = inspect.Signature([*own, *(p for p in base if p.name not in names)])
    return init


def _at_least(low, name, value):
    if value is not None and (not isinstance(value, int) or value < low):
        raise ValueError(
            f"`{name}` must be an integer >= {low} or None. Received: {name}={value!r}"
        )
