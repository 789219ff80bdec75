"""TextVectorization: sentences as places in a vocabulary of words."""

import itertools
import string
from typing import Any

import numpy as np
import torch

from torchkeras import _configurable, _dtypes
from torchkeras.graph._tensor import KerasTensor
from torchkeras.layers._preprocessing import _category, _data, _strings
from torchkeras.layers._preprocessing._hashing import TextLayer
from torchkeras.layers._preprocessing._lookup import StringLookup
from torchkeras.saving import _objects

# Of bytes, as in TensorFlow: letters outside ASCII keep their case.
_LOWER = bytes(range(256)).lower()
_PUNCTUATION = string.punctuation.encode()
# Where words are cut, and texts that are joined by zeros.
_BLANK = np.zeros(256, bool)
_BLANK[list(b"\0 \t\n\r\x0b\f")] = True
_STANDARDIZE = ("lower_and_strip_punctuation", "lower", "strip_punctuation")
_SPLIT = ("whitespace", "character")


class TextVectorization(TextLayer):
    """Turns texts into the places of their words in a vocabulary, or into counts of them.

    A text is standardized, split into words, the words joined to n-grams, and those looked up:
    ``""`` (padding, in "int" mode) has place 0, words that are not in the vocabulary the next.

    Args:
        max_tokens: Largest size of the vocabulary, with the special tokens; default none.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation", ``None``, or a
            function from an array of strings to one. Letters and punctuation are those of ASCII.
        split: "whitespace", "character", ``None``, or a function from an array of texts to a
            list of lists of words.
        ngrams: Longest n-gram, or a tuple of the lengths wanted.
        output_mode: "int" for places; "multi_hot", "count" or "tf_idf" for a vector for each text.
        output_sequence_length: Number of places for each text, for "int"; default the most
            words in a text of the batch.
        pad_to_max_tokens: Whether vectors have the length ``max_tokens`` in any case.
        vocabulary: List of words, or the path of a file with one in each line, instead of what
            `adapt` finds.
        idf_weights: For "tf_idf", the weight of each word of ``vocabulary``.
        sparse: Must be false.
        ragged: Must be false.
        encoding: How the texts are encoded as bytes.

    Shapes:
        inputs: ``(batch,)`` or ``(batch, 1)`` of strings (numpy arrays, lists)
        outputs: ``(batch, words)``, or ``(batch, vocabulary)``

    Raises:
        ValueError: if arguments do not go together.
        RuntimeError: if there is no vocabulary yet.
        TypeError: if the inputs are no strings.

    Example:
        >>> layer = torchkeras.layers.TextVectorization(output_sequence_length=4)
        >>> layer.adapt(["foo bar", "bar baz", "baz bada boom"])
        >>> layer(["foo qux bar", "qux baz"])
        tensor([[4, 1, 3, 0],
                [1, 2, 0, 0]])
    """

    _symbol_dtype = "string"

    def __init__(
        self,
        max_tokens=None,
        standardize="lower_and_strip_punctuation",
        split="whitespace",
        ngrams=None,
        output_mode="int",
        output_sequence_length=None,
        pad_to_max_tokens=False,
        vocabulary=None,
        idf_weights=None,
        sparse=False,
        ragged=False,
        encoding="utf-8",
        name=None,
        **kwargs,
    ):
        size = kwargs.pop("vocabulary_size", None)
        super().__init__(name=name, **kwargs)
        for argument, value, choices in (
            ("standardize", standardize, _STANDARDIZE),
            ("split", split, _SPLIT),
        ):
            if value is not None and value not in choices and not callable(value):
                raise ValueError(
                    f"Unknown value for `{argument}` argument of TextVectorization. Allowed values "
                    f"are: {choices}. Received: {argument}={value}"
                )
        if output_mode == "binary":  # Keras 2's names
            output_mode = "multi_hot"
        elif output_mode == "tf-idf":
            output_mode = "tf_idf"
        modes = ("int", "one_hot", "multi_hot", "count", "tf_idf")
        if output_mode not in modes:
            raise ValueError(
                "Unknown value for `output_mode` argument of TextVectorization. Allowed values "
                f"are: {modes}. Received: output_mode={output_mode}"
            )
        self._ngrams = _lengths(ngrams)
        if output_mode == "int":
            whole = isinstance(output_sequence_length, int) and output_sequence_length > 0
            if output_sequence_length is not None and not whole:
                raise ValueError(
                    "`output_sequence_length` must be either None or an integer when `output_mode` "
                    "is 'int'. Expected one above 0. "
                    f"Received: output_sequence_length={output_sequence_length}"
                )
        elif output_sequence_length is not None:
            raise ValueError(
                "`output_sequence_length` must not be set if `output_mode` is not 'int'. "
                f"Received output_sequence_length={output_sequence_length}."
            )
        if ragged:
            raise ValueError(
                "`ragged=True` can only be used with the TensorFlow backend. Expected False: "
                "shorter texts are padded with 0."
            )
        _category.refuse_sparse(sparse)
        self.max_tokens = max_tokens
        self.standardize = standardize
        self.split = split
        self.ngrams = ngrams
        self.output_mode = output_mode
        self.output_sequence_length = output_sequence_length
        self.pad_to_max_tokens = pad_to_max_tokens
        self.sparse = self.ragged = False
        self.encoding = encoding
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=output_mode,
            encoding=encoding,
            vocabulary_size=size,
        )
        self._build_at_init()

    def _config_value(self, name):
        if name in ("vocabulary", "idf_weights"):
            return getattr(self._lookup_layer, f"input_{name}")
        return super()._config_value(name)

    @_configurable.reads_signature
    def get_config(self):
        config = super().get_config()
        config["vocabulary_size"] = self._lookup_layer._known_size()
        return config

    @classmethod
    def from_config(cls, config):
        """A layer from the dict that `get_config` returned."""
        config = dict(config)
        for name in ("standardize", "split"):
            if isinstance(config.get(name), dict):
                config[name] = _objects.deserialize_keras_object(config[name])
        if isinstance(config.get("ngrams"), list):
            config["ngrams"] = tuple(config["ngrams"])
        return cls(**config)

    @property
    def dtype(self):
        """Name of the element type of the vocabulary."""
        return "string"

    variable_dtype = compute_dtype = dtype

    # --- the vocabulary -----------------------------------------------------------

    def get_vocabulary(self, include_special_tokens=True):
        """The words in the order of their places.

        Args:
            include_special_tokens: Whether with the padding and the out-of-vocabulary token.
        """
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self):
        """Number of places, with those of the special tokens."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary, idf_weights=None):
        """Sets the vocabulary, instead of `adapt`.

        Args:
            vocabulary: Array or list of words, or the path of a file with one in each line.
            idf_weights: For "tf_idf", the weight of each word.

        Raises:
            ValueError: as of `StringLookup.set_vocabulary`.
        """
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    def adapt(self, data, batch_size=None, steps=None):
        """Makes the vocabulary out of texts: the most frequent words first.

        Args:
            data: An array or list of texts, or an iterable of batches of them: a generator, a
                `DataLoader`, a dataset.
            batch_size: How many texts of an array are worked on at a time; default all.
            steps: How many batches of an iterable are used; default all.

        Raises:
            ValueError: if the vocabulary was given.
        """
        self.reset_state()
        if batch_size is not None and _data.is_array(data) and not isinstance(data, (str, bytes)):
            data = [data[i : i + batch_size] for i in range(0, len(data), batch_size)]
            steps = None
        for batch in _data.batches(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data):
        """Counts the words of one batch of texts."""
        if self._lookup_layer._static:  # the same words as of the layer inside
            raise ValueError(
                f"Cannot adapt layer '{self.name}' after setting a static vocabulary via "
                "`vocabulary` argument or `set_vocabulary()` method."
            )
        tokens, lengths, _ = self._words(self._standardized(data))
        if self.split is None and len(lengths) == 1 and np.ndim(data) < 2:
            lengths = np.ones(len(tokens), np.int64)  # a list of texts, each a document
        self._lookup_layer._count(tokens, lengths)

    def finalize_state(self):
        """Makes the vocabulary out of the counts."""
        self._lookup_layer.finalize_state()

    def reset_state(self):
        """Forgets the counts; the vocabulary stays until `finalize_state`."""
        self._lookup_layer.reset_state()

    def save_assets(self, dir_path):
        """Writes the vocabulary into a folder, unless the config holds it."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path):
        """Reads what `save_assets` wrote."""
        self._lookup_layer.load_assets(dir_path)

    # --- calling ------------------------------------------------------------------

    def _words(self, inputs):
        """The words of all texts end to end, how many each text has, the shape of the texts."""
        if self.split == "whitespace" and self._ngrams is None and not callable(self.standardize):
            found = self._words_of_all(inputs)
            if found is not None:
                return found
        texts, shape = self._standard_texts(inputs)
        if self.split is None:
            # The last axis holds the words already.
            length = shape[-1] if shape else 1
            shape = shape[:-1]
            rows = [texts] if len(shape) == 0 else _cut(texts, length)
        else:
            shape = _shape_of_texts(shape)
            rows = self._split_texts(texts)
        if self._ngrams is not None:
            rows = [_joined(row, self._ngrams) for row in rows]
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        return list(itertools.chain.from_iterable(rows)), lengths, shape

    def _words_of_all(self, inputs):
        """As `_words`, with one call for all texts; ``None`` where that cannot be."""
        texts: list[Any]
        texts, shape = _strings.flat(inputs, self.encoding)
        shape = _shape_of_texts(shape)
        if not texts:
            return None
        if isinstance(texts[0], str):
            joined = "\0".join(texts).encode(self.encoding)
        else:
            joined = b"\0".join(texts)
        if joined.count(b"\0") != len(texts) - 1:  # a text has one of its own
            return None
        joined = joined.translate(*self._translation())
        array = np.frombuffer(joined, np.uint8)
        blank = _BLANK[array]
        begins = ~blank
        begins[1:] &= blank[:-1]
        ends = np.append(np.flatnonzero(array == 0), len(array))
        lengths = np.diff(np.searchsorted(np.flatnonzero(begins), ends), prepend=0)
        return joined.replace(b"\0", b" ").split(), lengths, shape

    def _translation(self):
        """What the standardization makes of each byte, and which it drops."""
        mode = self.standardize
        table = _LOWER if mode in ("lower", "lower_and_strip_punctuation") else None
        return table, b"" if mode in (None, "lower") else _PUNCTUATION

    def _standard_texts(self, inputs):
        """The texts standardized, as a flat list of bytes, and their shape."""
        if callable(self.standardize):
            array = np.asarray(inputs)
            if array.dtype.kind == "O":
                texts, shape = _strings.as_bytes(array, self.encoding)
                array = np.array([t.decode(self.encoding) for t in texts]).reshape(shape)
            return _strings.as_bytes(self.standardize(array), self.encoding)
        texts, shape = _strings.as_bytes(inputs, self.encoding)
        if self.standardize is not None:
            table, gone = self._translation()
            texts = [text.translate(table, gone) for text in texts]
        return texts, shape

    def _split_texts(self, texts):
        """A list of words for each text."""
        if self.split == "whitespace":
            return [text.split() for text in texts]
        encoding = self.encoding
        if self.split == "character":
            each = itertools.repeat(encoding)
            return [list(map(str.encode, text.decode(encoding), each)) for text in texts]
        split: Any = self.split
        words = split(np.array([text.decode(encoding) for text in texts]))
        return [_strings.as_bytes(list(row), encoding)[0] for row in words]

    def call(self, inputs):
        tokens, lengths, shape = self._words(inputs)
        lookup = self._lookup_layer
        if not lookup._terms and not self.pad_to_max_tokens:
            lookup._need_vocabulary()
        places = lookup._places(tokens)
        if self.output_mode == "int":
            width = self.output_sequence_length
            size = (int(lengths.max(initial=0)) if width is None else width,)
            x = self._to_tensor(_padded(places, lengths, size[0]))
            return x.reshape(*shape, *size)
        dtype = _dtypes.torch_dtype(self.dtype_policy.compute_dtype)
        if self.output_mode == "one_hot":
            width = int(lengths.max(initial=0))
            x = self._to_tensor(_padded(places, lengths, width, fill=-1))
            x = _category.encode(x, "one_hot", lookup._depth(), dtype)
            return x.reshape(*shape, *x.shape[1:])
        # A bag of words: each place of each text counted.
        device, depth = self._home.device, lookup._depth()
        rows = np.repeat(np.arange(len(lengths)), lengths)
        at = self._to_tensor((rows * depth + places)[places >= 0])  # without padding
        bag = torch.zeros(len(lengths) * depth, dtype=dtype, device=device)
        if self.output_mode == "multi_hot":
            bag[at] = 1
        else:
            bag.index_add_(0, at, torch.ones_like(at, dtype=dtype))
        bag = bag.reshape(*shape, depth)
        return lookup._weighted(bag) if self.output_mode == "tf_idf" else bag

    def compute_output_shape(self, input_shape):
        shape = tuple(input_shape)
        if self.split is not None:
            shape = shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape
        elif len(shape) > 1 or (self.output_mode != "int" and shape):
            shape = shape[:-1]
        if self.output_mode != "int":
            return (*shape, self._lookup_layer._depth())
        if self.split is None and len(input_shape) == 1 and self.output_sequence_length is None:
            return shape
        return (*shape, self.output_sequence_length)

    def compute_output_spec(self, inputs):
        dtype = "int64" if self.output_mode == "int" else self.dtype_policy.compute_dtype
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype)


def _shape_of_texts(shape):
    """The shape of inputs without an axis of size 1 at the end."""
    if len(shape) < 2:
        return shape
    if shape[-1] != 1:
        raise ValueError(
            "When using `TextVectorization` to tokenize strings, the input rank must be 1 or the "
            f"last shape dimension must be 1. Received: inputs.shape={shape} with rank={len(shape)}"
        )
    return shape[:-1]


def _lengths(ngrams):
    """The lengths of n-grams that an argument asks for; ``None`` for single words."""
    if ngrams is None:
        return None
    lengths = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else ngrams
    if not isinstance(lengths, tuple) or not all(isinstance(n, int) for n in lengths):
        raise ValueError(
            f"`ngrams` must be None, an integer, or a tuple of integers. Received: ngrams={ngrams}"
        )
    if not lengths or min(lengths) < 1:
        raise ValueError(f"`ngrams` must be above 0. Received: ngrams={ngrams}")
    return lengths


def _joined(words, lengths):
    """The n-grams of a list of words: all of the first length, then of the next."""
    found = []
    for n in lengths:
        starts = (words[i:] for i in range(n))
        found += words if n == 1 else map(b" ".join, zip(*starts))
    return found


def _cut(values, length):
    return [values[i : i + length] for i in range(0, len(values), max(length, 1))]


def _padded(values, lengths, width, fill=0):
    """Rows of so many values each, end to end, as a matrix of ``width`` columns."""
    out = np.full((len(lengths), width), fill, dtype=values.dtype)
    if lengths.max(initial=0) > width:
        within = np.arange(len(values)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        values = values[within < width]
    out[np.arange(width) < lengths[:, None]] = values
    return out
