"""model_from_json: a model without weights, from its config."""

import json

from torchkeras.saving import deserialize_keras_object


def model_from_json(json_string, custom_objects=None):
    """The model that `Model.to_json` described, with new weights.

    Args:
        json_string: The text.
        custom_objects: Dict from name to the custom classes and functions named inside.

    Raises:
        ValueError: if the text is no JSON, or asks for code to be run.

    Example:
        >>> model = torchkeras.Sequential([torchkeras.Input((2,)), torchkeras.layers.Dense(3)])
        >>> torchkeras.models.model_from_json(model.to_json()).output_shape
        (None, 3)
    """
    try:
        config = json.loads(json_string)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`json_string` is no JSON: {error}") from None
    return deserialize_keras_object(config, custom_objects)
