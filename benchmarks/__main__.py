"""`python -m benchmarks [WORK ...]`: a table of training times, side by side; or one of `layers`.

Each stack lives in a process of its own and trains an epoch when it is told to, so that the
repeats of all stacks are interleaved and only one of them runs at a time.
"""

import argparse
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

from benchmarks.work import WORK, epoch

STACKS = ("torch", "torchkeras", "keras-torch")
RESULTS = pathlib.Path(__file__).parent / "RESULTS.md"


def serve(name, stack):
    """Trains an epoch for each line on stdin, and answers with its seconds."""
    run = epoch(name, stack)
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    run()  # warm-up
    print("ready", file=out)
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        print(time.perf_counter() - start, file=out)


class Stack:
    """A process that trains on demand."""

    def __init__(self, name, stack):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks", "--serve", name, stack],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{stack} did not start on {name}")

    def seconds(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(name, stacks, repeats):
    """Microseconds a step: for each stack the median and the spread of the repeats."""
    _, _, batch, samples, _ = WORK[name]
    steps = -(-samples // batch)
    running = {stack: Stack(name, stack) for stack in stacks}
    times = {stack: [] for stack in stacks}
    try:
        for _ in range(repeats):
            for stack in stacks:
                times[stack].append(running[stack].seconds() / steps * 1e6)
    finally:
        for process in running.values():
            process.close()
    return times


def table(results, stacks):
    """The results as a table in Markdown."""
    head = ["work", *(f"{s} (us a step)" for s in stacks)]
    head += [f"{s} / torch" for s in stacks if s != "torch"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, times in results.items():
        median = {s: statistics.median(times[s]) for s in stacks}
        cells = [name]
        for s in stacks:
            cells.append(f"{median[s]:.0f} ({min(times[s]):.0f}-{max(times[s]):.0f})")
        if "torch" in median:
            cells += [f"{median[s] / median['torch']:.2f}" for s in stacks if s != "torch"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def versions():
    """Machine and versions, for the record."""
    import numpy
    import torch

    import torchkeras

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    return (
        f"{device}, {os.cpu_count()} cores, Python {platform.python_version()}, torch "
        f"{torch.__version__}, numpy {numpy.__version__}, torchkeras {torchkeras.__version__}"
    )


def write(title, text):
    """Puts a section into the file of results, in the place of the one with that title."""
    head, *sections = RESULTS.read_text().split("\n## ")
    kept = [s for s in sections if not s.startswith(f"{title}\n")]
    kept.append(f"{title}\n\n{text}\n")
    RESULTS.write_text("\n## ".join([head, *sorted(kept, reverse=True)]))


def main_layers(args):
    """The table of layers, in this process: both sides are torch."""
    import torch

    from benchmarks import layers

    text = layers.table(args.repeats)
    print(text)
    if args.write:
        write(
            "Speed of layers",
            f"Beside the torch functions that they stand for, with batches of {layers.BATCH}: "
            f"images of {layers.SIZE}x{layers.SIZE}x{layers.CHANNELS}, sequences of "
            f"{layers.STEPS}x{layers.FEATURES}.\nMilliseconds a call, and the ratio of a pair: "
            f"medians of {args.repeats} interleaved pairs. Other processes ran on the machine at "
            "the time, as the load says: a few hundredths are noise.\n"
            "Written by `python -m benchmarks layers --write`.\n\n"
            f"{versions()}; {torch.get_num_threads()} thread(s) used, load average "
            f"{os.getloadavg()[0]:.1f}\n\n{text}",
        )


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("work", nargs="*", help=f"of {', '.join(WORK)}, or layers; default all")
    parser.add_argument("--stacks", nargs="+", default=list(STACKS), help=f"of {', '.join(STACKS)}")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="also write benchmarks/RESULTS.md")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        return serve(*args.serve)
    if args.work == ["layers"]:
        return main_layers(args)
    unknown = [name for name in args.work if name not in WORK]
    if unknown:
        parser.error(f"unknown work {unknown[0]!r}; choose from {', '.join(WORK)}")
    results = {}
    for name in args.work or WORK:
        results[name] = measure(name, args.stacks, args.repeats)
        print(table({name: results[name]}, args.stacks), flush=True)
    text = table(results, args.stacks)
    if args.write:
        write(
            "Speed of training",
            f"Microseconds a step: median of {args.repeats} interleaved repeats "
            "(smallest-largest), and the ratio of the medians to a loop written by hand.\n"
            f"Written by `python -m benchmarks --write`.\n\n{versions()}\n\n{text}",
        )
    print(text)


if __name__ == "__main__":
    main()
