"""The public names and their arguments are Keras'."""

import importlib
import inspect

import keras
import pytest

import torchkeras

NAMESPACES = sorted(
    name for name in torchkeras.__all__ if inspect.ismodule(getattr(torchkeras, name))
) + [
    "ops.image",
    "ops.linalg",
    "ops.nn",
    "ops.numpy",
    "optimizers.schedules",
    "utils.bounding_boxes",
]

# They exist to say what to use instead.
FOREIGN = {"FlaxLayer", "JaxLayer", "OrbaxCheckpoint", "TFSMLayer"}
LAYERS = [n for n in dir(keras.layers) if not n.startswith("_")]

# What a class of either side tells its own base class, and its users cannot.
WIRING = {"cell", "cell_arguments", "pool_dimensions", "pool_mode", "rank", "rnn_arguments"}
WIRING_OF = {
    "AdditiveAttention": {"score_mode"},  # theirs takes it and does without
    "Cropping1D": {"data_format"},
    "RandomPerspective": {"fill_mode"},
    "SimpleRNNCell": {"recurrent_activation"},
    "StringLookup": {"oov_method", "vocabulary_dtype"},  # in configs only
}


@pytest.mark.parametrize("name", NAMESPACES)
def test_public_names(name):
    module = importlib.import_module(f"torchkeras.{name}")
    # capitals first, as the linter sorts, or plainly
    assert len(set(module.__all__)) == len(module.__all__)
    for public in module.__all__:
        obj = getattr(module, public)
        if inspect.isclass(obj) or inspect.isfunction(obj):
            assert inspect.getdoc(obj), f"{name}.{public} has no docstring"


# --- every namespace -------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMESPACES)
def test_signatures_are_those_of_keras(name):
    theirs = keras
    for part in name.split("."):
        theirs = getattr(theirs, part, None)
    ours = importlib.import_module(f"torchkeras.{name}")
    wrong = []
    for public in ours.__all__:
        a, b = getattr(ours, public), getattr(theirs, public, None)
        if b is None or not (inspect.isclass(a) or inspect.isfunction(a)):
            continue
        if name == "models" and public in ("Model", "Functional"):
            continue  # theirs is `*args, **kwargs`
        mine, real = parameters(a), parameters(b)
        if [p for p in real if p[0] not in dict(mine)] or shared(mine, real) != shared(real, mine):
            wrong.append((public, real, mine))
    assert not wrong


def parameters(obj):
    """Names and defaults of what a function or constructor takes by name, in order."""
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    try:
        found = inspect.signature(obj).parameters.values()
    except (TypeError, ValueError):
        return []
    return [(p.name, _default(p.default)) for p in found if p.kind in plain and p.name != "self"]


def _default(value):
    """A default as text; ``(1, 1)`` and ``1`` say the same of a window."""
    if isinstance(value, (list, tuple)) and len(set(value)) == 1:
        value = value[0]
    return repr(value).lower()


def shared(these, those):
    """The parameters that both have."""
    names = dict(those)
    return [p for p in these if p[0] in names]


# --- namespaces that are whole -----------------------------------------------------------

WHOLE = {  # and what is ours alone in them
    "callbacks": {"LearningRateFinder", "Profiler"},
    "dtype_policies": set(),
    "quantizers": set(),
    "tree": set(),
    "visualization": set(),
    "wrappers": set(),
}
WHOLE_NAMES = [
    (space, name)
    for space in WHOLE
    for name in dir(getattr(keras, space))
    if not name.startswith("_")
]


@pytest.mark.parametrize("space", WHOLE)
def test_all_names_are_there(space):
    theirs = {name for name in dir(getattr(keras, space)) if not name.startswith("_")}
    assert set(getattr(torchkeras, space).__all__) == theirs | WHOLE[space]


@pytest.mark.parametrize("space, name", WHOLE_NAMES, ids=str)
def test_arguments(space, name):
    ours, theirs = getattr(getattr(torchkeras, space), name), getattr(getattr(keras, space), name)
    assert inspect.isclass(ours) == inspect.isclass(theirs)
    assert positional(ours) == positional(theirs)
    assert parameters(ours) == parameters(theirs)


@pytest.mark.parametrize("space, name", WHOLE_NAMES, ids=str)
def test_methods(space, name):
    """Public methods and their arguments."""
    ours, theirs = getattr(getattr(torchkeras, space), name), getattr(getattr(keras, space), name)
    if not inspect.isclass(theirs) or name in FOREIGN:
        return
    for method in dir(theirs):
        other = getattr(theirs, method)
        own_to_keras = "keras" in (getattr(other, "__module__", None) or "")
        if method.startswith("_") or not callable(other) or not own_to_keras:
            continue
        if method.endswith("_request"):  # scikit-learn makes them
            continue
        assert [p[0] for p in positional(getattr(ours, method))] == [
            p[0] for p in positional(other)
        ], method


# --- ops, random, backend, config: nothing more, nothing less --------------------------

EXACT = {
    "backend": set(),
    "config": set(),
    "ops": {"op"},  # the decorator for functions of one's own
    "ops.image": set(),
    "ops.linalg": set(),
    "ops.nn": set(),
    "ops.numpy": set(),
    "random": set(),
}
SYMBOLS = ["Function", "KerasTensor", "SymbolicScope", "device", "name_scope"]


def namespace(name):
    theirs = keras
    for part in name.split("."):
        theirs = getattr(theirs, part)
    return importlib.import_module(f"torchkeras.{name}"), theirs


@pytest.mark.parametrize("name", EXACT)
def test_whole_namespace(name):
    ours, theirs = namespace(name)
    names = {n for n in dir(theirs) if not n.startswith("_")}
    assert set(ours.__all__) == names | EXACT[name]


@pytest.mark.parametrize("name", EXACT)
def test_arguments_in_whole_namespaces(name):
    ours, theirs = namespace(name)
    wrong = []
    for public in set(ours.__all__) - EXACT[name]:
        a, b = getattr(ours, public), getattr(theirs, public)
        if callable(b) and str(inspect.signature(a)) != str(inspect.signature(b)):
            wrong.append((public, str(inspect.signature(a)), str(inspect.signature(b))))
    assert not wrong


@pytest.mark.parametrize("name", SYMBOLS)
def test_arguments_of_symbols_and_scopes(name):
    ours, theirs = getattr(torchkeras, name), getattr(keras, name)
    assert str(inspect.signature(ours)) == str(inspect.signature(theirs))
    ours = ours((2,)) if name == "KerasTensor" else ours
    missing = {m for m in dir(theirs) if not m.startswith("_") and not hasattr(ours, m)}
    # Those say how a layer computes, and are asked of layers.
    assert missing <= {"quantized_call", "rematerialized_call"}


# --- layers: nothing more, nothing less ------------------------------------------------


@pytest.mark.parametrize("name", LAYERS)
def test_layer_is_there(name):
    ours, theirs = getattr(torchkeras.layers, name), getattr(keras.layers, name)
    assert name in torchkeras.layers.__all__
    assert inspect.isclass(ours) == inspect.isclass(theirs)
    # The same object under the same names.
    same = [n for n in LAYERS if getattr(keras.layers, n) is theirs]
    assert [n for n in same if getattr(torchkeras.layers, n) is ours] == same


@pytest.mark.parametrize("name", sorted(set(LAYERS) - FOREIGN))
def test_arguments_of_layer(name):
    ours, theirs = getattr(torchkeras.layers, name), getattr(keras.layers, name)
    assert positional(ours) == positional(theirs)
    assert by_name(ours, wiring(name)) == by_name(theirs, wiring(name))


@pytest.mark.parametrize("name", ["RematScope", "StatelessScope", "remat"])
def test_scopes(name):
    mine, theirs = getattr(torchkeras, name), getattr(keras, name)
    assert positional(mine) == positional(theirs)
    methods = [n for n in dir(theirs) if not n.startswith("_") and inspect.isclass(theirs)]
    for method in methods:
        assert positional(getattr(mine, method)) == positional(getattr(theirs, method))
    for method in ("stateless_call", "rematerialized_call"):
        a, b = getattr(torchkeras.Layer, method), getattr(keras.Layer, method)
        assert positional(a) == positional(b) and by_name(a) == by_name(b)


@pytest.mark.parametrize("name", sorted(FOREIGN & set(LAYERS)))
def test_arguments_of_layers_that_say_what_to_use_instead(name):
    ours, theirs = getattr(torchkeras.layers, name), getattr(keras.layers, name)
    assert positional(ours) == positional(theirs)


@pytest.mark.parametrize("name", sorted(set(LAYERS) - FOREIGN))
def test_wiring_is_refused(name):
    ours, theirs = getattr(torchkeras.layers, name), getattr(keras.layers, name)
    allowed = by_name(ours, wiring(name))
    required = {k: 2 for k, default in allowed.items() if "empty" in default}
    hidden = (by_name(ours).keys() | by_name(theirs).keys()) - allowed.keys() - {"oov_method"}
    for argument in hidden:
        with pytest.raises((TypeError, ValueError), match=argument):
            ours(**required, **{argument: 2})


def _constructors(obj):
    """The functions whose arguments count: of a class each base's, while there is ``**kwargs``."""
    if not inspect.isclass(obj):
        yield obj
        return
    for base in obj.__mro__:
        if "__init__" in base.__dict__:
            yield base.__init__
            kinds = [p.kind for p in inspect.signature(base.__init__).parameters.values()]
            if inspect.Parameter.VAR_KEYWORD not in kinds:
                return


def _takes(function):
    return [p for p in inspect.signature(function).parameters.values() if p.name != "self"]


def positional(obj):
    """What may be given by position, in order, with the defaults; ``*args`` too."""
    kinds = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    )
    first = next(_constructors(obj))
    return [(p.name, _default(p.default), p.kind) for p in _takes(first) if p.kind in kinds]


def by_name(obj, wiring=()):
    """All that may be given by name, with the defaults; ``**kwargs`` stands for the bases'."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    found = {}
    for i, function in enumerate(_constructors(obj)):
        for p in _takes(function):
            if p.kind in kinds and not (i and p.name in wiring):
                found.setdefault(p.name, _default(p.default))
    return found


def wiring(name):
    """The arguments of a layer's bases that its users cannot set."""
    return WIRING | WIRING_OF.get(name, set())
