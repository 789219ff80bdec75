"""Connectionist temporal classification: labels without places in time (Graves et al., 2006)."""

import torch
from torch.nn import functional as F

from torchkeras.graph._tensor import KerasTensor
from torchkeras.ops._convert import as_tensor, floating
from torchkeras.ops._op import op
from torchkeras.ops._rules import shape_of

# Odd number with scattered bits (Knuth's, for 64 of them): products with it spread.
_SCATTER = 6364136223846793005


def _decode_rule(
    inputs,
    sequence_lengths,
    strategy="greedy",
    beam_width=100,
    top_paths=1,
    merge_repeated=True,
    mask_index=0,
):
    batch, steps, _ = _check_decode(inputs, strategy)
    paths = 1 if strategy == "greedy" else top_paths
    dtype = inputs.dtype if inputs.dtype == "float64" else "float32"
    return KerasTensor((paths, batch, steps), "int32"), KerasTensor((batch, paths), dtype)


def _check_decode(inputs, strategy):
    """The shape of the logits."""
    if strategy not in ("greedy", "beam_search"):
        raise ValueError(
            f"Invalid strategy {strategy}. Supported values are 'greedy' and 'beam_search'."
        )
    shape = shape_of(inputs)
    if len(shape) != 3:
        raise ValueError(
            f"Expected `inputs` of shape (batch, steps, classes). Received: inputs of shape {shape}"
        )
    return shape


@op(rule=_decode_rule)
def ctc_decode(
    inputs,
    sequence_lengths,
    strategy="greedy",
    beam_width=100,
    top_paths=1,
    merge_repeated=True,
    mask_index=0,
):
    """The label sequences that a model's logits speak for.

    ``"greedy"`` takes the best class of each step, repeated ones once, and leaves out blanks.
    ``"beam_search"`` adds up the probabilities of all alignments of a sequence, for the
    ``beam_width`` best sequences so far.

    Args:
        inputs: Logits ``(batch, steps, classes)``.
        sequence_lengths: Number of steps of each sequence, ``(batch,)``.
        strategy: ``"greedy"`` or ``"beam_search"``.
        beam_width: Sequences that the search keeps at each step.
        top_paths: Sequences that the search returns.
        merge_repeated: Whether the greedy strategy takes a class that repeats once.
        mask_index: Class of the blank; ``None`` is the last one.

    Returns:
        Labels ``(paths, batch, steps)``, with -1 after the last, and scores ``(batch, paths)``:
        log-probabilities of the search, minus the sum of the best logits of the greedy strategy.

    Raises:
        ValueError: for another ``strategy``, or ``inputs`` of other than three axes.

    Example:
        >>> logits = torch.tensor([[[0.0, 9, 0], [0, 9, 0], [9, 0, 0], [0, 0, 9]]])
        >>> torchkeras.ops.ctc_decode(logits, [4])
        (tensor([[[ 1,  2, -1, -1]]], dtype=torch.int32), tensor([[-36.]]))
    """
    inputs = floating(inputs)
    _, steps, classes = _check_decode(inputs, strategy)
    wide = inputs.to(torch.promote_types(inputs.dtype, torch.float32))
    lengths = as_tensor(sequence_lengths, device=inputs.device)
    valid = torch.arange(steps, device=inputs.device) < lengths[:, None]
    blank = classes - 1 if mask_index is None else mask_index
    if strategy == "greedy":
        return _greedy(wide, valid, merge_repeated, blank)
    return _beam_search(wide.log_softmax(-1), valid, beam_width, top_paths, blank)


def _greedy(logits, valid, merge_repeated, blank):
    scores, labels = logits.max(-1)
    kept = valid & (labels != blank)
    if merge_repeated:
        kept[:, 1:] &= labels[:, 1:] != labels[:, :-1]
    # A stable sort moves what is kept to the front and leaves its order.
    order = torch.argsort(~kept, dim=1, stable=True)
    labels = torch.where(kept, labels, -1).gather(1, order)
    return labels[None].to(torch.int32), -torch.where(valid, scores, 0).sum(1, keepdim=True)


def _beam_search(log_probabilities, valid, width, paths, blank):
    """The best sequences over all alignments.

    Of each sequence two probabilities are kept: of the alignments that end in a blank, and of
    those that end in its last label (Graves, 2012, "Supervised sequence labelling", 7.5.3).
    """
    batch, steps, classes = log_probabilities.shape
    width = max(width, paths)
    device = log_probabilities.device
    never = torch.full((batch, width), -torch.inf, dtype=log_probabilities.dtype, device=device)
    ends_blank, ends_label = never.clone(), never.clone()
    ends_blank[:, 0] = 0  # the empty sequence
    labels = torch.full((batch, width, steps), -1, device=device)
    length = torch.zeros((batch, width), dtype=torch.long, device=device)
    last = torch.full_like(length, classes)  # of the empty sequence: no class
    # Numbers that tell sequences apart; those of no sequence differ from all of them.
    own = torch.arange(width, device=device).neg().expand(batch, width)
    parent = torch.full_like(length, torch.iinfo(torch.long).min)
    for t in range(steps):
        step = log_probabilities[:, t]
        either = torch.logaddexp(ends_blank, ends_label)
        # Unchanged: a blank, or the last label once more.
        padded = F.pad(step, (0, 1), value=-torch.inf)
        stay_blank = either + step[:, blank, None]
        stay_label = ends_label + padded.gather(1, last)
        # One label longer: the same label only after a blank.
        repeats = F.one_hot(last, classes + 1)[..., :-1].bool()
        longer = torch.where(repeats, ends_blank[..., None], either[..., None]) + step[:, None]
        longer[..., blank] = -torch.inf
        # A sequence made longer may stand among the others already: (batch, shorter, longer).
        same = own[:, :, None] == parent[:, None, :]
        last_of_all = last[:, None, :].expand(-1, width, -1)
        grown = F.pad(longer, (0, 1), value=-torch.inf).gather(2, last_of_all)
        grown = torch.where(same, grown, -torch.inf).amax(1)
        stay_label = torch.logaddexp(stay_label, grown)
        known = torch.zeros((batch, width, classes + 1), dtype=torch.long, device=device)
        known.scatter_add_(2, last_of_all, same.long())
        longer = longer.masked_fill(known[..., :-1] > 0, -torch.inf)

        candidates = torch.cat([torch.logaddexp(stay_blank, stay_label), longer.flatten(1)], 1)
        place = candidates.topk(width, 1).indices
        stays = place < width
        source = torch.where(stays, place, (place - width) // classes)
        label = (place - width) % classes
        going = valid[:, t, None]
        source = torch.where(going, source, torch.arange(width, device=device))
        grows = going & ~stays

        blank_next = torch.where(grows, -torch.inf, stay_blank.gather(1, source))
        label_next = torch.where(grows, candidates.gather(1, place), stay_label.gather(1, source))
        ends_blank = torch.where(going, blank_next, ends_blank)
        ends_label = torch.where(going, label_next, ends_label)
        labels = labels.gather(1, source[..., None].expand(-1, -1, steps))
        length, before = length.gather(1, source), own.gather(1, source)
        at = length.clamp(max=steps - 1)[..., None]
        labels.scatter_(
            2, at, torch.where(grows[..., None], label[..., None], labels.gather(2, at))
        )
        mixed = (before + 1) * _SCATTER ^ (label + 1)
        mixed = (mixed ^ (mixed >> 29)) * _SCATTER
        own = torch.where(grows, mixed, before)
        parent = torch.where(grows, before, parent.gather(1, source))
        last = torch.where(grows, label, last.gather(1, source))
        length = length + grows
    scores = torch.logaddexp(ends_blank, ends_label)
    scores, order = scores.topk(paths, 1)
    labels = labels.gather(1, order[..., None].expand(-1, -1, steps))
    labels = labels.masked_fill(scores[..., None] == -torch.inf, -1)
    return labels.transpose(0, 1).to(torch.int32), scores


@op
def ctc_loss(target, output, target_length, output_length, mask_index=0):
    """Minus the log-probability of label sequences under all alignments with the steps.

    Args:
        target: Labels ``(batch, labels)``.
        output: Logits ``(batch, steps, classes)``.
        target_length: Number of labels of each sequence, ``(batch,)``.
        output_length: Number of steps of each sequence, ``(batch,)``.
        mask_index: Class of the blank.

    Reference: `Graves et al., 2006 <https://dl.acm.org/doi/10.1145/1143844.1143891>`_

    Example:
        >>> torchkeras.ops.ctc_loss([[1, 2]], torch.zeros(1, 4, 3), [2], [4])
        tensor([1.6864])
    """
    output = floating(output)
    target = as_tensor(target, device=output.device).long()
    if target.ndim != 2 or output.ndim != 3:
        raise ValueError(
            "Expected `target` of shape (batch, labels) and `output` of shape (batch, steps, "
            f"classes). Received: {tuple(target.shape)} and {tuple(output.shape)}"
        )
    wide = torch.promote_types(output.dtype, torch.float32)
    log_probabilities = F.log_softmax(output, -1, dtype=wide).transpose(0, 1)
    lengths = [as_tensor(n, device=output.device).long() for n in (output_length, target_length)]
    return F.ctc_loss(log_probabilities, target, *lengths, blank=mask_index, reduction="none")
