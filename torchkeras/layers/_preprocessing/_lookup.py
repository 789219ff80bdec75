"""StringLookup and IntegerLookup: the place of a token in a vocabulary, and back."""

import collections
import itertools
import os
from typing import Any

import numpy as np
import torch

from torchkeras import _configurable, _dtypes
from torchkeras.graph._tensor import KerasTensor
from torchkeras.layers._preprocessing import _category, _constants, _data, _strings
from torchkeras.layers._preprocessing._hashing import TextLayer, as_key

_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
_MISSING = -2


class _Lookup(TextLayer):
    """Base of the two: the vocabulary, how it is learned, and the encodings of its places.

    The vocabulary is, in this order, the mask token (in "int" mode), the tokens that stand for
    what is not in it, and the terms.
    """

    _kind: str  # what messages call it

    def __init__(
        self,
        max_tokens,
        num_oov_indices,
        mask_token,
        oov_token,
        vocabulary,
        idf_weights,
        invert,
        output_mode,
        sparse,
        pad_to_max_tokens,
        oov_method,
        salt,
        name,
        **kwargs,
    ):
        size = kwargs.pop("vocabulary_size", None)
        unknown = {k: v for k, v in kwargs.items() if k not in ("dtype", "trainable")}
        if unknown:
            raise ValueError(f"Unrecognized keyword argument(s): {unknown}")
        super().__init__(name=name, **kwargs)
        if max_tokens is not None and max_tokens <= 1:
            raise ValueError(
                f"If set, `max_tokens` must be greater than 1. Received: max_tokens={max_tokens}"
            )
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(
                "If pad_to_max_tokens is True, must set `max_tokens`. "
                f"Received: max_tokens={max_tokens}"
            )
        if not isinstance(num_oov_indices, int) or num_oov_indices < 0:
            raise ValueError(
                "`num_oov_indices` must be greater than or equal to 0. "
                f"Received: num_oov_indices={num_oov_indices}"
            )
        if output_mode == "binary":  # Keras 2's names
            output_mode = "multi_hot"
        elif output_mode == "tf-idf":
            output_mode = "tf_idf"
        if output_mode not in _MODES:
            raise ValueError(
                f"Unknown value for `output_mode` argument of {self._kind}. Allowed values are: "
                f"{_MODES}. Received: output_mode={output_mode}"
            )
        if invert and output_mode != "int":
            raise ValueError(
                "`output_mode` must be `'int'` when `invert` is true. "
                f"Received: output_mode={output_mode}"
            )
        _category.refuse_sparse(sparse)
        if idf_weights is not None and output_mode != "tf_idf":
            raise ValueError(
                "`idf_weights` should only be set if `output_mode` is `'tf_idf'`. "
                f"Received: idf_weights={idf_weights} and output_mode={output_mode}"
            )
        if oov_method not in ("floormod", "farmhash"):
            raise ValueError(
                f"Unknown value for `oov_method` argument of {self._kind}. Allowed values are: "
                f"('floormod', 'farmhash'). Received: oov_method={oov_method}"
            )
        self.max_tokens = max_tokens
        self.num_oov_indices = num_oov_indices
        self.mask_token = mask_token
        self.oov_token = oov_token
        self.invert = invert
        self.output_mode = output_mode
        self.sparse = False
        self.pad_to_max_tokens = bool(pad_to_max_tokens)
        self.oov_method = oov_method
        self.salt = as_key(salt, "IndexLookup")
        # A file's terms stand in no config, but in the assets: the file may not come along.
        path = isinstance(vocabulary, (str, os.PathLike))
        self.input_vocabulary = None if path else _as_list(vocabulary)
        self.input_idf_weights = _as_list(idf_weights)
        # The size in a config: known before the vocabulary itself is read.
        self._size = None if vocabulary is not None else size
        self._static = False
        self._terms = []
        self.reset_state()
        self._set_terms([], None)
        if vocabulary is not None:
            if output_mode == "tf_idf" and idf_weights is None:
                raise ValueError(
                    "When specifying the `vocabulary` argument, in TF-IDF output mode, the "
                    "`idf_weights` argument must also be provided."
                )
            self.set_vocabulary(vocabulary, idf_weights)
        self._build_at_init()

    def _config_value(self, name):
        if name in ("vocabulary", "idf_weights"):
            return getattr(self, f"input_{name}")
        return super()._config_value(name)

    @_configurable.reads_signature
    def get_config(self):
        config = super().get_config()
        config["vocabulary_size"] = self._known_size()
        config["oov_method"] = self.oov_method
        return config

    @property
    def dtype(self):
        """Name of the element type of the vocabulary."""
        return self.vocabulary_dtype

    variable_dtype = compute_dtype = dtype
    vocabulary_dtype: str

    # --- the vocabulary -----------------------------------------------------------

    def _specials(self):
        """The tokens before the terms."""
        mask = self.mask_token is not None and self.output_mode == "int"
        return [self.mask_token] * mask + [self.oov_token] * self.num_oov_indices

    def get_vocabulary(self, include_special_tokens=True):
        """The tokens in the order of their places.

        Args:
            include_special_tokens: Whether with the mask and out-of-vocabulary tokens.
        """
        return (self._specials() if include_special_tokens else []) + list(self._terms)

    def vocabulary_size(self):
        """Number of places, with those of the special tokens."""
        return len(self._specials()) + len(self._terms)

    @property
    def idf_weights(self):
        """The weight of each place, for "tf_idf"; ``None`` before it is known."""
        return self._buffers.get("_idf")

    def _known_size(self):
        return self.vocabulary_size() if self._terms else self._size

    def set_vocabulary(self, vocabulary, idf_weights=None):
        """Sets the vocabulary, instead of `adapt`.

        Args:
            vocabulary: Array or list of terms, or the path of a file with one in each line;
                the special tokens may stand before them.
            idf_weights: For "tf_idf", the weight of each term.

        Raises:
            ValueError: if there is no such file, no term, one twice, a special token among
                them, more than ``max_tokens``, or weights that do not go with them.
        """
        terms = self._read(vocabulary)
        if not terms:
            raise ValueError(f"Cannot set an empty vocabulary. Received: vocabulary={vocabulary}")
        if self.output_mode == "tf_idf":
            if idf_weights is None:
                raise ValueError("`idf_weights` must be set if output_mode is 'tf_idf'.")
            idf_weights = np.asarray(idf_weights, dtype="float32")
            if idf_weights.ndim != 1:
                raise ValueError(
                    "TF-IDF data must be a 1-index array. "
                    f"Received: type(idf_weights)={type(idf_weights)}"
                )
            if len(idf_weights) != len(terms):
                raise ValueError(
                    "`idf_weights` must be the same length as vocabulary. len(idf_weights) is "
                    f"{len(idf_weights)}; len(vocabulary) is {len(terms)}"
                )
        elif idf_weights is not None:
            raise ValueError(
                "`idf_weights` should only be set if `output_mode` is `'tf_idf'`. "
                f"Received: output_mode={self.output_mode!r}"
            )
        specials = self._specials()
        n = len(specials) if terms[: len(specials)] == specials else 0
        terms = terms[n:]
        if self.mask_token is not None and self.mask_token in terms:
            raise ValueError(
                "Found reserved mask token at unexpected location in `vocabulary`. Note that "
                "passed `vocabulary` does not need to include the OOV and mask tokens. Either "
                "remove all mask and OOV tokens, or include them only at the start of the "
                f"vocabulary in precisely this order: {specials}. Received: "
                f"mask_token={self.mask_token} at vocabulary index "
                f"[{terms.index(self.mask_token) + n}]"
            )
        if len(set(terms)) != len(terms):
            repeated = [t for t, times in collections.Counter(terms).items() if times > 1]
            raise ValueError(
                "The passed vocabulary has at least one repeated term. Please uniquify your "
                f"dataset. The repeated terms are: {repeated[:10]}"
            )
        size = len(specials) + len(terms)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                "Attempted to set a vocabulary larger than the maximum vocab size. Received "
                f"vocabulary size is {size}; `max_tokens` is {self.max_tokens}."
            )
        idf: Any = None
        if idf_weights is not None:
            outside = idf_weights[:n] if n else np.full(len(specials), idf_weights.mean())
            idf = np.concatenate([outside, idf_weights[n:]])
        self._static = True
        self._set_terms(terms, idf)

    def _read(self, vocabulary):
        if isinstance(vocabulary, (str, os.PathLike)):
            if not os.path.exists(vocabulary):
                raise ValueError(f"Vocabulary file {vocabulary} does not exist.")
            with open(vocabulary, encoding=getattr(self, "encoding", "utf-8")) as file:
                lines = file.read().rstrip("\n").split("\n")
            return self._as_terms(lines)
        if isinstance(vocabulary, torch.Tensor):
            vocabulary = vocabulary.detach().cpu().numpy()
        vocabulary = np.asarray(vocabulary, dtype=None if hasattr(vocabulary, "dtype") else object)
        if vocabulary.ndim != 1:
            raise ValueError(
                "`vocabulary` must be a list of terms or the path of a file. "
                f"Received: an array of shape {vocabulary.shape}"
            )
        return self._as_terms(vocabulary.tolist())

    def _as_terms(self, values) -> list:
        """Values of a vocabulary in the type of its terms."""
        raise NotImplementedError

    def _set_terms(self, terms, idf):
        """Takes a vocabulary: makes the tables that `call` looks into."""
        self._terms = terms
        self._index_terms(len(self._specials()))
        if idf is not None:
            _constants.keep(self, "_idf", torch.tensor(idf, dtype=torch.float32))

    def _index_terms(self, first):
        raise NotImplementedError

    # --- learning it --------------------------------------------------------------

    def adapt(self, data, steps=None):
        """Makes the vocabulary out of data: the most frequent tokens first.

        Tokens that are equally frequent stand in descending order. In "tf_idf" mode each sample
        is a document, and the weight of a token ``log(1 + documents / (1 + those with it))``.

        Args:
            data: An array or (nested) list, or an iterable of batches: a generator, a
                `DataLoader`, a dataset.
            steps: How many batches of an iterable are used; default all.

        Raises:
            ValueError: if the vocabulary was given.
        """
        self.reset_state()
        for batch in _data.batches(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data):
        """Counts the tokens of one batch of data."""
        if self._static:
            raise ValueError(
                f"Cannot adapt layer '{self.name}' after setting a static vocabulary via "
                "`vocabulary` argument or `set_vocabulary()` method."
            )
        tokens, shape = self._tokens(data)
        length = shape[-1] if len(shape) > 1 else 1
        rows = len(tokens) // max(length, 1)
        self._count(tokens, np.full(rows, length))

    def _tokens(self, data) -> tuple:
        """The tokens of an array, flat, and its shape."""
        raise NotImplementedError

    def _count(self, tokens, lengths):
        """Counts tokens, given flat with the number of them in each document."""
        raise NotImplementedError

    def _ranked(self) -> tuple:
        """The tokens as an array, the first the best, and how many documents each is in."""
        raise NotImplementedError

    def finalize_state(self):
        """Makes the vocabulary out of the counts."""
        if self._static or not len(self._counts):
            return
        terms, within = self._ranked()
        kept = np.ones(len(terms), bool)
        for token in (self.mask_token, self.oov_token):
            if token is not None:
                kept &= terms != token
        most = None if self.max_tokens is None else self.max_tokens - len(self._specials())
        kept = np.flatnonzero(kept)[: most if most is None else max(most, 0)]
        idf = None
        if self.output_mode == "tf_idf":
            idf = np.log1p(np.float32(self._documents) / (1 + within[kept].astype("float32")))
            outside = idf.mean() if len(idf) else 0.0
            idf = np.concatenate([np.full(len(self._specials()), outside), idf])
        self._set_terms(terms[kept].tolist(), idf)
        self.reset_state()

    def reset_state(self):
        """Forgets the counts; the vocabulary stays until `finalize_state`."""
        self._counts: Any = ()
        self._within: Any = ()
        self._documents = 0

    # --- files --------------------------------------------------------------------

    def save_assets(self, dir_path):
        """Writes the vocabulary into a folder, unless the config holds it."""
        if self.input_vocabulary is not None or not self._terms:
            return
        self._write(dir_path, "vocabulary.txt", self.get_vocabulary())
        if self.output_mode == "tf_idf":
            # Keras leaves the weights out, and cannot use the layer that it read.
            self._write(dir_path, "idf_weights.txt", self._idf.tolist())

    def _write(self, dir_path, name, values):
        encoding = getattr(self, "encoding", "utf-8")
        with open(os.path.join(dir_path, name), "w", encoding=encoding, newline="\n") as file:
            file.write("\n".join(map(str, values)))

    def load_assets(self, dir_path):
        """Reads what `save_assets` wrote."""
        if self.input_vocabulary is not None:
            return
        path = os.path.join(dir_path, "vocabulary.txt")
        with open(path, encoding=getattr(self, "encoding", "utf-8"), newline="\n") as file:
            lines = file.read().split("\n")
        while lines and not lines[-1]:  # a file written by hand may end in newlines
            lines.pop()
        terms, specials = self._as_terms(lines), self._specials()
        terms = terms[len(specials) :] if terms[: len(specials)] == specials else terms
        idf = None
        if self.output_mode == "tf_idf":
            path = os.path.join(dir_path, "idf_weights.txt")
            if not os.path.exists(path):
                raise ValueError(
                    f"There are no weights of the tokens of layer '{self.name}' in the file: Keras "
                    "does not write them. Adapt the layer again, or `set_vocabulary(..., "
                    "idf_weights)`."
                )
            idf = np.loadtxt(path, dtype="float32", ndmin=1)
        self._set_terms(terms, idf)

    # --- calling ------------------------------------------------------------------

    def _need_vocabulary(self):
        if not self._terms:
            raise RuntimeError(
                f"When using `output_mode={self.output_mode}` and `pad_to_max_tokens=False`, you "
                "must set the layer's vocabulary before calling it. Either pass a `vocabulary` "
                "argument to the layer, or call `adapt` with some sample data."
            )

    def _refuse_missing(self):
        raise ValueError(
            f"Layer '{self.name}' met tokens that are not in its vocabulary, and has no place for "
            "them (`num_oov_indices=0`). Raise `num_oov_indices`, or adapt the layer to all data."
        )

    def _encoded(self, indices):
        """Places as the output mode wants them."""
        mode = self.output_mode
        if mode == "int":
            return indices
        depth = self._depth()
        dtype = _dtypes.torch_dtype(self.dtype_policy.compute_dtype)
        if mode != "tf_idf":
            return _category.encode(indices, mode, depth, dtype)
        return self._weighted(_category.encode(indices, "count", depth, dtype))

    def _weighted(self, counts):
        """Counts times the weights of the tokens; 0 where there are no tokens yet."""
        weights = _constants.at(self, "_idf", counts.device).to(counts.dtype)
        return counts * torch.nn.functional.pad(weights, (0, counts.shape[-1] - len(weights)))

    def _depth(self) -> Any:
        return self.max_tokens if self.pad_to_max_tokens else self._known_size()

    def compute_output_shape(self, input_shape):
        if self.output_mode == "int":
            return input_shape
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        return _category.encoded_shape(input_shape, mode, self._depth())

    def compute_output_spec(self, inputs):
        dtype = "int64" if self.output_mode == "int" else self.dtype_policy.compute_dtype
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype)


def _as_list(value):
    """A vocabulary or weights, as a config holds them."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    return value.tolist() if isinstance(value, np.ndarray) else value


class StringLookup(_Lookup):
    """Replaces strings by their places in a vocabulary, or places by their strings.

    Args:
        max_tokens: Largest size of the vocabulary, with the special tokens; default none.
        num_oov_indices: How many places there are for strings that are not in the vocabulary;
            of several, the one of a string is its hash modulo their number.
        mask_token: A string that means nothing: place 0 in "int" mode, left out in others.
        oov_token: What stands for strings that are not in the vocabulary.
        vocabulary: List of the strings, or the path of a file with one in each line, instead of
            what `adapt` finds.
        idf_weights: For "tf_idf", the weight of each string of ``vocabulary``.
        invert: Whether places are replaced by strings.
        output_mode: "int" for the place; "one_hot", "multi_hot" or "count" as in
            `CategoryEncoding`; "tf_idf" for the counts times the weights.
        pad_to_max_tokens: Whether vectors have the length ``max_tokens`` in any case.
        sparse: Must be false.
        encoding: How the strings are encoded as bytes.
        salt: An integer or two, the key of the hash; default none.

    Shapes:
        inputs: ``(batch, ..., size)`` of strings (numpy arrays, lists); integers for ``invert``
        outputs: the same; ``(batch, ..., vocabulary)`` for "multi_hot", "count" and "tf_idf";
            ``(batch, ..., size, vocabulary)`` for "one_hot", without ``size`` where it is 1

    Raises:
        ValueError: if arguments do not go together.
        RuntimeError: if there is no vocabulary yet.
        TypeError: if the inputs are no strings.

    Example:
        >>> layer = torchkeras.layers.StringLookup(vocabulary=["a", "b", "c"])
        >>> layer([["a", "c"], ["b", "z"]])
        tensor([[1, 3],
                [2, 0]])
    """

    _kind = "StringLookup"
    _symbol_dtype = "string"
    vocabulary_dtype = "string"

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token="[UNK]",
        vocabulary=None,
        idf_weights=None,
        invert=False,
        output_mode="int",
        pad_to_max_tokens=False,
        sparse=False,
        encoding="utf-8",
        name=None,
        salt=None,
        **kwargs,
    ):
        for given, token in (("mask_token", mask_token), ("oov_token", oov_token)):
            if token is not None and not isinstance(token, str):
                raise TypeError(f"`{given}` must be a string. Received: {given}={token!r}")
        self.encoding = encoding
        method = kwargs.pop("oov_method", "floormod")  # in configs; strings are always hashed
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            method,
            salt,
            name,
            **kwargs,
        )

    def _tokens(self, data):
        return _strings.flat(data, self.encoding)

    def _count(self, tokens, lengths):
        self._counts = self._counts or collections.Counter()
        self._add(self._counts, collections.Counter(tokens))
        if self.output_mode == "tf_idf":
            self._documents += len(lengths)
            self._within = self._within or collections.Counter()
            rest, within = iter(tokens), collections.Counter()
            for n in lengths.tolist():
                within.update(set(itertools.islice(rest, n)))
            self._add(self._within, within)

    def _add(self, counter, new):
        if new and isinstance(next(iter(new)), bytes):
            new = {token.decode(self.encoding): times for token, times in new.items()}
        counter.update(new)

    def _ranked(self):
        counts = self._counts
        order = sorted(counts, reverse=True)
        order.sort(key=counts.__getitem__, reverse=True)  # stable: ties stay descending
        within = [self._within[t] for t in order] if self._within else ()
        return np.array(order, dtype=object), np.array(within)

    def _as_terms(self, values):
        for value in values:
            if not isinstance(value, (str, bytes)):
                raise TypeError(
                    "The terms of a `vocabulary` of strings must be strings. Received: a term of "
                    f"type {type(value).__name__}"
                )
        return [v.decode(self.encoding) if isinstance(v, bytes) else str(v) for v in values]

    def _index_terms(self, first):
        table = dict(zip(self._terms, range(first, first + len(self._terms))))
        if self.mask_token is not None:
            table[self.mask_token] = 0 if self.output_mode == "int" else -1
        # One for each kind of strings that may come, which need not be converted then.
        self._tables = {
            str: table,
            bytes: {t.encode(self.encoding): place for t, place in table.items()},
        }
        if self.invert:
            self._strings = np.array([*self._specials(), *self._terms, self.oov_token], object)

    def _places(self, tokens):
        """The places of a flat list of strings, as an array."""
        self._need_vocabulary()
        table = self._tables[bytes if tokens and isinstance(tokens[0], bytes) else str]
        found = map(table.get, tokens, itertools.repeat(_MISSING))
        places = np.fromiter(found, np.int64, len(tokens))
        missing = np.flatnonzero(places == _MISSING)
        if len(missing):
            number = self.num_oov_indices
            if number == 0:
                self._refuse_missing()
            oov: Any = 0
            if number > 1:
                outside = _strings.encoded([tokens[i] for i in missing], self.encoding)
                oov = _strings.hashed(outside, number, self.salt)
            places[missing] = oov + (len(self._specials()) - number)
        return places

    def call(self, inputs):
        if self.invert:
            self._need_vocabulary()
            if not isinstance(inputs, torch.Tensor) or inputs.is_floating_point():
                raise TypeError("Expected integers, the places of strings (`invert=True`).")
            places = inputs.detach().cpu().numpy()
            outside = (places < 0) | (places >= self.vocabulary_size())
            # A list, as of Keras on torch.
            return self._strings[np.where(outside, len(self._strings) - 1, places)].tolist()
        tokens, shape = _strings.flat(inputs, self.encoding)
        return self._encoded(self._to_tensor(self._places(tokens).reshape(shape)))

    def compute_output_spec(self, inputs):
        if self.invert:
            return KerasTensor(inputs.shape, "string")
        return super().compute_output_spec(inputs)


class IntegerLookup(_Lookup):
    """Replaces integers by their places in a vocabulary, or places by their integers.

    Args:
        max_tokens: Largest size of the vocabulary, with the special tokens; default none.
        num_oov_indices: How many places there are for integers that are not in the vocabulary.
        mask_token: An integer that means nothing: place 0 in "int" mode, left out in others.
        oov_token: What stands for integers that are not in the vocabulary.
        vocabulary: List of the integers, or the path of a file with one in each line, instead
            of what `adapt` finds.
        vocabulary_dtype: Must be "int64".
        idf_weights: For "tf_idf", the weight of each integer of ``vocabulary``.
        invert: Whether places are replaced by integers.
        output_mode: "int" for the place; "one_hot", "multi_hot" or "count" as in
            `CategoryEncoding`; "tf_idf" for the counts times the weights.
        sparse: Must be false.
        pad_to_max_tokens: Whether vectors have the length ``max_tokens`` in any case.
        oov_method: Of several places for integers that are not in the vocabulary, the one is
            "floormod" the integer, "farmhash" its hash, modulo their number.
        salt: An integer or two, the key of the hash; default none.

    Shapes:
        inputs: ``(batch, ..., size)`` of integers
        outputs: the same; ``(batch, ..., vocabulary)`` for "multi_hot", "count" and "tf_idf";
            ``(batch, ..., size, vocabulary)`` for "one_hot", without ``size`` where it is 1

    Raises:
        ValueError: if arguments do not go together.
        RuntimeError: if there is no vocabulary yet.
        TypeError: if the inputs are no integers.

    Example:
        >>> layer = torchkeras.layers.IntegerLookup(vocabulary=[12, 36, 1138])
        >>> layer(torch.tensor([[12, 1138], [36, 7]]))
        tensor([[1, 3],
                [2, 0]])
    """

    _kind = "IntegerLookup"
    _symbol_dtype = "int64"
    vocabulary_dtype = "int64"

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token=-1,
        vocabulary=None,
        vocabulary_dtype="int64",
        idf_weights=None,
        invert=False,
        output_mode="int",
        sparse=False,
        pad_to_max_tokens=False,
        oov_method="floormod",
        salt=None,
        name=None,
        **kwargs,
    ):
        if max_tokens is not None and max_tokens <= 1:
            raise ValueError(
                "If `max_tokens` is set for `IntegerLookup`, it must be greater than 1. "
                f"Received: max_tokens={max_tokens}"
            )
        if num_oov_indices < 0:
            raise ValueError(
                "The value of `num_oov_indices` argument for `IntegerLookup` must >= 0. "
                f"Received: num_oov_indices={num_oov_indices}"
            )
        if vocabulary_dtype != "int64":
            raise ValueError(
                "Only `vocabulary_dtype='int64'` is supported at this time. "
                f"Received: vocabulary_dtype={vocabulary_dtype}"
            )
        if salt is not None and oov_method != "farmhash":
            raise ValueError(
                "`salt` can only be used when `oov_method='farmhash'`. "
                f"Received: oov_method={oov_method}"
            )
        for given, token in (("mask_token", mask_token), ("oov_token", oov_token)):
            if token is not None and not isinstance(token, (int, np.integer)):
                raise TypeError(f"`{given}` must be an integer. Received: {given}={token!r}")
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            oov_method,
            salt,
            name,
            **kwargs,
        )

    def _tokens(self, data):
        array = data.detach().cpu().numpy() if isinstance(data, torch.Tensor) else np.asarray(data)
        if array.dtype.kind not in "iub":
            raise TypeError(f"Expected integers. Received: an array of dtype {array.dtype}")
        return array.astype(np.int64).ravel(), array.shape

    def _count(self, tokens, lengths):
        self._counts = _added(self._counts, tokens)
        if self.output_mode == "tf_idf":
            self._documents += len(lengths)
            documents = np.repeat(np.arange(len(lengths)), lengths)
            pairs = np.unique(np.stack([documents, tokens]), axis=1)
            self._within = _added(self._within, pairs[1])

    def _ranked(self):
        values, counts = self._counts
        order = np.lexsort((values, counts))[::-1]
        within = self._within[1][order] if self._documents else values
        return values[order], within

    def _as_terms(self, values):
        return [int(v) for v in values]

    def _index_terms(self, first):
        keys = torch.tensor(self._terms, dtype=torch.int64)
        places = torch.arange(first, first + len(keys))
        if self.mask_token is not None:
            masked = 0 if self.output_mode == "int" else -1
            keys = torch.cat([keys, torch.tensor([self.mask_token])])
            places = torch.cat([places, torch.tensor([masked])])
        keys, order = keys.sort()
        tables = {"_keys": keys, "_key_places": places[order]}
        if self.invert:
            values = [*self._specials(), *self._terms, self.oov_token]
            tables["_values"] = torch.tensor(values, dtype=torch.int64)
        for name, table in tables.items():
            _constants.keep(self, name, table)

    def call(self, inputs):
        if not isinstance(inputs, torch.Tensor) or inputs.is_floating_point():
            raise TypeError(
                f"Layer '{self.name}' looks up integers. Received: inputs of dtype {inputs.dtype}"
            )
        self._need_vocabulary()
        x = inputs.long()
        if self.invert:
            values = _constants.at(self, "_values", x.device)
            last = len(values) - 1
            return values[torch.where((x < 0) | (x >= last), last, x)]
        keys = _constants.at(self, "_keys", x.device)
        at = torch.searchsorted(keys, x).clamp(max=len(keys) - 1)
        found = keys[at] == x
        places = _constants.at(self, "_key_places", x.device)[at]
        number = self.num_oov_indices
        if number == 0:
            if not torch.compiler.is_compiling() and not found.all():
                self._refuse_missing()
            return self._encoded(places)
        oov: Any = 0
        if number > 1 and self.oov_method == "floormod":
            oov = x % number
        elif number > 1:
            integers = x.detach().cpu().numpy()
            bins = _strings.hashed(_strings.ints_as_bytes(integers), number, self.salt)
            oov = torch.from_numpy(bins.reshape(integers.shape)).to(x.device)
        return self._encoded(torch.where(found, places, oov + (len(self._specials()) - number)))


def _added(counts, new):
    """Sorted integers with how often each came, and some more."""
    values, times = np.unique(new, return_counts=True)
    if not len(counts):
        return values, times
    merged, places = np.unique(np.concatenate([counts[0], values]), return_inverse=True)
    total = np.zeros(len(merged), np.int64)
    np.add.at(total, places, np.concatenate([counts[1], times]))
    return merged, total
