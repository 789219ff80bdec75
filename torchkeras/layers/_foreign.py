"""Layers that run other frameworks: they have a name here, and say what to use instead."""

from torchkeras.layers._layer import Layer


class _Foreign(Layer):
    """Base of the layers that cannot be: constructing one says what to use instead."""

    _instead: str

    def __new__(cls, *args, **kwargs):
        raise NotImplementedError(f"`{cls.__name__}` {cls._instead}")


class TFSMLayer(_Foreign):
    """Would run a TensorFlow SavedModel.

    Args:
        filepath: Path of the SavedModel.
        call_endpoint: Name of the function in it.
        call_training_endpoint: Name of the function for training.
        trainable: Whether the weights are updated in training.
        name: Name of the layer.
        dtype: Element type.

    Raises:
        NotImplementedError: always.

    Example:
        >>> torchkeras.layers.TFSMLayer("path")
        Traceback (most recent call last):
        ...
        NotImplementedError: `TFSMLayer` runs TensorFlow, which torch tensors cannot go through...
    """

    _instead = (
        "runs TensorFlow, which torch tensors cannot go through. Save the model's weights in "
        "Keras' format and build the model here, or wrap a torch module: "
        "`keras.layers.TorchModuleWrapper(module)`."
    )

    def __init__(
        self,
        filepath,
        call_endpoint="serve",
        call_training_endpoint=None,
        trainable=True,
        name=None,
        dtype=None,
    ):
        super().__init__()


class JaxLayer(_Foreign):
    """Would run a JAX function.

    Args:
        call_fn: The function.
        init_fn: Makes its parameters.
        params: Its parameters.
        state: Its state.
        seed: Seed of ``init_fn``.
        native_serialization_platforms: Where it is to be saved for.
        **kwargs: Arguments of `Layer`.

    Raises:
        NotImplementedError: always.

    Example:
        >>> torchkeras.layers.JaxLayer(abs)
        Traceback (most recent call last):
        ...
        NotImplementedError: `JaxLayer` runs JAX, which torch tensors cannot go through...
    """

    _instead = (
        "runs JAX, which torch tensors cannot go through. Write the function with torch or "
        "`keras.ops` and use `keras.layers.Lambda`, or wrap a torch module: "
        "`keras.layers.TorchModuleWrapper(module)`."
    )

    def __init__(
        self,
        call_fn,
        init_fn=None,
        params=None,
        state=None,
        seed=None,
        native_serialization_platforms=None,
        **kwargs,
    ):
        super().__init__(**kwargs)


class FlaxLayer(_Foreign):
    """Would run a Flax module.

    Args:
        module: The module.
        method: Name of the method to call.
        variables: Its variables.
        **kwargs: Arguments of `Layer`.

    Raises:
        NotImplementedError: always.

    Example:
        >>> torchkeras.layers.FlaxLayer(None)
        Traceback (most recent call last):
        ...
        NotImplementedError: `FlaxLayer` runs JAX, which torch tensors cannot go through...
    """

    _instead = (
        "runs JAX, which torch tensors cannot go through. Write the module with torch and wrap "
        "it: `keras.layers.TorchModuleWrapper(module)`."
    )

    def __init__(self, module, method=None, variables=None, **kwargs):
        super().__init__(**kwargs)
