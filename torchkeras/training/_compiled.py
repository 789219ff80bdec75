"""Steps as one compiled graph, where that is asked for and is measured to be faster."""

import functools
import shutil
import statistics
import time
import warnings
from typing import Any

import torch

from torchkeras import _state, tree
from torchkeras.training import _loop
from torchkeras.utils._batch import unpack_x_y_sample_weight

# A batch of another shape is compiled for, too, after it came this often and is such a part of
# all steps.
_OFTEN, _SHARE = 8, 0.1
# Steps of each kind that are timed.
_TIMED = 7
# Calls of a new graph that are not timed: compilation, and the recording of a GPU's graph.
_WARM = 3
# Seconds that steps have taken when "auto" tries whether compiled ones are faster.
_PATIENCE = 60


class CompiledStep:
    """A step of training, evaluation or prediction that gets compiled, if that is faster.

    The first batch runs as it is: it makes what is not there yet (weights, slots, metrics), and
    shows bad input by clear errors. Then the step is compiled for this shape of batch, both ways
    are timed, and the faster one stays. Batches of another shape, such as a short last one, run
    as they are until they have come often enough to be worth it.

    Args:
        model: The model.
        step: Its ``train_step``, ``test_step`` or ``predict_step``.
        kind: What of it is compiled: the whole of a step that does ``"train"``, ``"test"`` or
            ``"predict"``, or the ``"forward"`` pass in a step of the user's own, as its
            ``loss.backward()`` cannot be traced.
    """

    def __init__(self, model, step, kind):
        self.model = model
        self.step = step
        self.kind = kind
        self.silent = self.waits = model._jit_compile == "auto"
        self.spent = 0.0  # seconds, while it waits
        self.counts = {}  # shapes of a batch -> how often they came
        self.usual = 0  # how often those came that were timed, since they were
        self.main: Any = None  # those that are timed
        self.graph: Any = None
        self.made_for: Any = ()  # facts of the model, and the optimizer's plan for its weights
        self.calls = 0  # of the graph
        self.eager, self.compiled = [], []  # seconds of steps
        self.decided = self.off = False
        self.applies_apart, self.returns = False, True

    def __call__(self, data):
        if self.off:
            return self.step(data)
        if self.waits:
            return self._wait_for(data)
        if self.decided and getattr(data[0], "shape", ()) == self.main[0][0]:
            self.usual += 1
            return self._run(data)  # the graph looks at the rest of the shapes
        key = _shapes(data)
        count = self.counts[key] = self.counts.get(key, 0) + 1
        varied = len(self.counts) > _OFTEN
        if self.main is None and (count > 1 or varied):
            self.main = key
        if self.decided:
            if key == self.main or varied or count > max(_OFTEN, _SHARE * self.usual):
                return self._run(data)
        elif key == self.main or varied:
            return self._try(data)
        return self.step(data)

    def _wait_for(self, data):
        start = time.perf_counter()
        result = self.step(data)
        self.spent += time.perf_counter() - start
        # With a seed for everything a run is to repeat, whatever the clock says.
        self.waits = self.spent < _PATIENCE or _state.seeded
        return result

    # --- which is faster -----------------------------------------------------------

    def _try(self, data):
        if self.graph is None and _compiler() is None:
            self._stop("`torch.compile` needs a C++ compiler, and none was found")
            return self.step(data)
        if self.calls < _WARM:
            return self._run(data)
        # By turns, so that what else the machine does is the same for both.
        if len(self.eager) <= len(self.compiled):
            return self._timed(self.step, data, self.eager)
        result = self._timed(self._run, data, self.compiled)
        if len(self.compiled) == _TIMED:
            self.decided = True
            before, after = statistics.median(self.eager), statistics.median(self.compiled)
            if after > before:
                self._stop(
                    f"a step took {after * 1e3:.3g} ms compiled, and {before * 1e3:.3g} ms as it is"
                )
        return result

    def _timed(self, step, data, times):
        _wait()
        start = time.perf_counter()
        result = step(data)
        _wait()
        times.append(time.perf_counter() - start)
        return result

    def _stop(self, cause):
        """From now on the step runs as it is."""
        self.off = True
        self.graph = None
        if not self.silent:
            warnings.warn(f"`jit_compile=True`: steps run without compilation: {cause}.")

    # --- the graph -----------------------------------------------------------------

    def _compile(self):
        model, step = self.model, self.step
        facts = model._step_facts()
        for variable in facts.variables:
            variable.grad = None
        if self.kind == "forward":
            forward = torch.compile(model._call_impl)

            def with_compiled_forward(data):
                model.__dict__["_compiled_call_impl"] = forward
                try:
                    return step(data)
                finally:
                    del model.__dict__["_compiled_call_impl"]

            return with_compiled_forward
        self.applies_apart = self.kind == "train" and facts.applies_apart
        self.returns = self.kind == "predict" or facts.own_logs

        def whole(data):
            if self.applies_apart:
                x, y, sample_weight = unpack_x_y_sample_weight(data)
                y_pred, gradients = model._predictions_and_gradients(x, y, sample_weight)
                return gradients, model.compute_metrics(x, y, y_pred, sample_weight=sample_weight)
            result = step(data)
            return tree.map_structure(_detached, result) if self.returns else None

        # What kernels return need not be looked at in each step; for LSTMs it fails.
        options: dict[str, Any] = {"size_asserts": False, "alignment_asserts": False}
        if not self.silent:
            options["guard_filter_fn"] = _needed_guards
        if any(p.device.type == "cuda" for p in model.parameters()):
            options["triton.cudagraphs"] = self.kind != "predict"
            for metric in model.metrics:
                for variable in metric.variables:
                    torch._dynamo.mark_static_address(variable)
        return torch.compile(  # pyright: ignore[reportCallIssue]
            whole, fullgraph=True, isolate_recompiles=True, options=options
        )

    def _run(self, data):
        model = self.model
        facts = model._step_facts()
        plan = getattr(model.optimizer, "_plan", None)
        if self.graph is None or facts is not self.made_for[0] or plan is not self.made_for[1]:
            # As it is, for once: the optimizer gets to know the weights that there are now.
            result = self.step(data)
            self.graph, self.calls = self._compile(), 0
            self.made_for = model._step_facts(), getattr(model.optimizer, "_plan", None)
            return result
        for layer in facts.loss_layers:
            layer._losses.clear()
        if self.kind == "train" and not self.applies_apart:
            model.optimizer.prepare()
        try:
            result = self._call(data)
        except Exception as error:
            result = self.step(data)  # raises, too, if it is for the data
            self._stop(_cause(error))
            return result
        if self.applies_apart:
            gradients, result = result
            model.optimizer.apply(gradients, facts.variables)
        return result if self.returns else _loop.LazyLogs(model.get_metrics_result)

    def _call(self, data):
        self.calls += 1
        if self.calls > 1:
            try:
                return self.graph(data)
            except RuntimeError as error:
                # Something that the graph was made for has changed, and it is made again; the
                # setting, which costs as much as a small step, is needed for that only.
                if "trace_autograd_ops" not in str(error):
                    raise
        with torch._dynamo.config.patch(trace_autograd_ops=True):
            return self.graph(data)


def _needed_guards(guards):
    """Which of a graph's guards are to be checked at each call.

    The shapes of the data and the parts of an optimizer's step: what else can change is what
    `_run` looks at, or is a constant until `compile` is called again. Not so for those who did
    not ask for a compiled step.
    """
    return [
        g.guard_type == "SHAPE_ENV" or g.name.startswith("data") or "._turn" in g.name
        for g in guards
    ]


def _shapes(data):
    """What a graph is made for: the shapes and dtypes of a batch."""
    return tuple((getattr(t, "shape", None), getattr(t, "dtype", None)) for t in tree.flatten(data))


def _detached(value):
    return value.detach() if isinstance(value, torch.Tensor) else value


def _wait():
    if torch.cuda.is_available():
        torch.cuda.synchronize()


@functools.cache
def _compiler():
    """The path of a C++ compiler, or ``None``."""
    return next(filter(None, map(shutil.which, ("c++", "g++", "clang++", "cl"))), None)


def _cause(error):
    """What the compiler says, without its advice, and where."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    found = [line for line in lines if line.startswith("Could not")] or lines[:1]
    found += [line.partition(": ")[2] for line in lines if line.startswith("Developer debug")]
    found += [line for line in lines if line.startswith('File "')][-1:]
    return ": ".join([type(error).__name__, *filter(None, found)]).rstrip(".")
