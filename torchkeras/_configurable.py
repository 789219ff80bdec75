"""`get_config` read off the `__init__` signature."""

import functools
import inspect

from torchkeras.saving import _objects


class Configurable:
    """Base of everything that a config can describe.

    A class keeps every constructor argument under its own name (``units`` in
    ``self.units``); `get_config` reads them back and `from_config` passes them on. A
    class overrides the two only for a real exception. A user's class that keeps its
    arguments elsewhere is described by what it was constructed with.
    """

    _init_args = ((), {})

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        if not cls.__module__.startswith("torchkeras."):  # the library's own keep all by name
            object.__setattr__(self, "_init_args", (args, kwargs))
        return self

    def get_config(self):
        """Dict of the constructor arguments, nested objects serialized.

        Raises:
            NotImplementedError: if an argument was kept nowhere and has no serialized form.
        """
        owner = self._config_owner()
        names = init_names(owner)
        _refuse_positional(self, owner)
        config = {}
        given = None
        for name in names:
            if name in self._config_skip:
                continue
            try:
                value = self._config_value(name)
            except AttributeError:
                if given is None:
                    given = given_arguments(owner, self._init_args)
                if name not in given:
                    continue
                value = given[name]
            try:
                config[name] = _serialize(value)
            except ValueError:
                raise NotImplementedError(
                    f"Object {type(self).__name__} was created by passing non-serializable "
                    f"argument values in `__init__()`, and therefore the object must override "
                    f"`get_config()` in order to be serializable. Argument: `{name}`."
                ) from None
        return config

    _config_skip = ()

    def _config_owner(self):
        """The class whose signature is the config.

        A class that overrides `get_config` and calls ``super`` adds its own arguments, so
        the signature read is that of the class after it.
        """
        mro = type(self).__mro__
        for i in range(len(mro) - 1, -1, -1):
            method = mro[i].__dict__.get("get_config")
            if method is not None and not getattr(method, "_reads_signature", False):
                return mro[i + 1]
        return mro[0]

    def _config_value(self, name):
        return getattr(self, name)

    @classmethod
    def from_config(cls, config):
        """An object from the dict that `get_config` returned."""
        return cls(**config)


Configurable.get_config._reads_signature = True


def reads_signature(method):
    """Marks a `get_config` of the library's base classes that extends the general one."""
    method._reads_signature = True
    return method


@functools.cache
def init_names(cls):
    """Names of the constructor's arguments; ``**kwargs`` stands for the next class's."""
    names = []
    for base in cls.__mro__:
        init = base.__dict__.get("__init__")
        if init is None:
            continue
        parameters = list(inspect.signature(init).parameters.values())[1:]
        plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        names += [p.name for p in parameters if p.kind in plain and p.name not in names]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
        if base.__module__.partition(".")[0] == "torch":
            break
    return tuple(names)


def _refuse_positional(obj, owner):
    if _objects.is_library_object(owner):
        return
    given = None
    for p in inspect.signature(owner.__init__).parameters.values():
        if p.kind is p.VAR_POSITIONAL:
            given = given_arguments(owner, obj._init_args).get(p.name)
    if given:
        raise NotImplementedError(
            f"Object {type(obj).__name__} was created by passing variadic positional arguments "
            "(such as `*args`) to `__init__()`, which no config can hold. Override `get_config()` "
            "and `from_config()`, or take arguments with names."
        )


def given_arguments(cls, init_args):
    """What the constructor was called with, by name, defaults filled in."""
    args, kwargs = init_args
    try:
        bound = inspect.signature(cls.__init__).bind(None, *args, **kwargs)
    except (TypeError, ValueError):
        return dict(kwargs)
    bound.apply_defaults()
    given = dict(list(bound.arguments.items())[1:])
    for p in inspect.signature(cls.__init__).parameters.values():
        if p.kind is p.VAR_KEYWORD:
            given.update(given.pop(p.name, {}))
    return given


def _serialize(value):
    # The library's own functions stand in configs by their bare name.
    if inspect.isfunction(value) and _objects.is_library_object(value):
        return value.__name__
    return _objects.serialize_keras_object(value)
