"""Pictures of a training; matplotlib is loaded when the first is made."""

import importlib.util


def pyplot():
    """matplotlib's module of that name.

    Raises:
        ImportError: if it is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError(
            "Pictures need the package `matplotlib`. Install it: pip install 'keras-on-torch[plot]'"
        )
    from matplotlib import pyplot  # pyright: ignore

    return pyplot


def history(lines):
    """A figure with a panel for each result, its values on validation data beside it.

    Args:
        lines: Dict from name to the numbers of epochs, from 0, and the values.
    """
    names = list(dict.fromkeys(name.removeprefix("val_") for name in lines))
    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    figure, axes = pyplot().subplots(
        rows, columns, figsize=(4.2 * columns, 3.2 * rows), squeeze=False, layout="constrained"
    )
    for panel, name in zip(axes.flat, names):
        pair = ((name, "training"), (f"val_{name}", "validation"))
        for style, (key, label) in zip(("-", "--"), pair):
            if key in lines:
                epochs, values = lines[key]
                marker = "." if len(epochs) < 25 else None
                panel.plot([e + 1 for e in epochs], values, style, label=label, marker=marker)
        panel.set(title=name, xlabel="epoch")
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.grid(alpha=0.3)
        if f"val_{name}" in lines:
            panel.legend()
    for panel in axes.flat[len(names) :]:
        panel.remove()
    return figure


def rates(rates, losses, smooth, suggestion):
    """A figure of the loss against the learning rate, on a logarithmic axis."""
    figure, panel = pyplot().subplots(figsize=(5.5, 3.5), layout="constrained")
    panel.plot(rates, losses, alpha=0.35, label="loss of a batch")
    panel.plot(rates, smooth, label="smoothed")
    if suggestion is not None:
        panel.axvline(suggestion, color="C3", linestyle=":", label=f"steepest: {suggestion:.1e}")
    panel.set(xscale="log", xlabel="learning rate", ylabel="loss")
    panel.grid(alpha=0.3)
    panel.legend()
    return figure
