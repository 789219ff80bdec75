"""`python -m benchmarks [WORK ...]`: tables of times, side by side.

Each stack lives in a process of its own and goes through the data when it is told to, so that
the repeats of all stacks are interleaved and only one of them runs at a time. A work is a row of
`benchmarks.work.WORK`, or one of `costs` (import, building, memory) and `layers`.
"""

import argparse
import importlib.util
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import time

from benchmarks import work as works
from benchmarks.work import WORK

STACKS = (
    "torch",
    "torchkeras",
    "torchkeras-compiled",
    "keras-torch",
    "keras-jax",
    "keras-tensorflow",
    "lightning",
)
RESULTS = pathlib.Path(__file__).parent / "RESULTS.md"


def installed(stack):
    """Whether what a stack needs is there."""
    needed = {"lightning": ["lightning"], "torch": ["torch"], "torchkeras": ["torchkeras"]}
    needed = needed.get(stack.removesuffix("-compiled")) or ["keras", stack.removeprefix("keras-")]
    return all(importlib.util.find_spec(name) for name in needed)


def serve(name, stack):
    """Goes through the data for each line on stdin, and answers with its seconds."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    run = works.one_pass(WORK[name], stack)
    times = []
    # A compiled step is made in the first steps, and is compared with what it was.
    while len(times) < 3 or (len(times) < 40 and min(times) * len(times) < 1):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    print(max(times) - times[-1], file=out)
    passes = max(1, int(0.2 / times[-1]))  # so that no repeat is over before caches are warm
    for _ in sys.stdin:
        start = time.perf_counter()
        for _ in range(passes):
            run()
        print((time.perf_counter() - start) / passes, file=out)


class Stack:
    """A process that works on demand."""

    def __init__(self, name, stack):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks", "--serve", name, stack],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        line = self.process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"{stack} did not start on {name}")
        self.first = float(line)

    def seconds(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(name, stacks, repeats):
    """Microseconds a step of each stack, repeat by repeat, and what the slowest start cost."""
    work = WORK[name]
    steps = -(-work.samples // work.batch)
    running, times, firsts = {}, {}, {}
    try:
        for stack in stacks:
            try:
                running[stack] = Stack(name, stack)
            except RuntimeError as error:
                print(f"{error}: left out", file=sys.stderr)
                continue
            times[stack], firsts[stack] = [], running[stack].first
        for _ in range(repeats):
            for stack, process in running.items():
                times[stack].append(process.seconds() / steps * 1e6)
    finally:
        for process in running.values():
            process.close()
    return times, firsts


def table(results, stacks):
    """The results as a table in Markdown: medians, and their ratios to hand-written torch."""
    head = ["work", *(f"{s} (us a step)" for s in stacks)]
    head += [f"{s} / torch" for s in stacks if s != "torch"]
    head += ["first compiled step (s)"] if "torchkeras-compiled" in stacks else []
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, (times, firsts) in results.items():
        median = {s: statistics.median(t) for s, t in times.items()}
        cells = [name]
        for s in stacks:
            cells.append(
                f"{median[s]:.0f} ({min(times[s]):.0f}-{max(times[s]):.0f})" if s in times else "-"
            )
        for s in stacks:
            if s != "torch":
                both = s in median and "torch" in median
                cells.append(f"{median[s] / median['torch']:.2f}" if both else "-")
        if "torchkeras-compiled" in stacks:
            first = firsts.get("torchkeras-compiled")
            cells.append("-" if first is None else f"{first:.1f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


# --- what is no step ---------------------------------------------------------------


def cost(kind, stack):
    """In a fresh process: seconds to import or to build, or the peak of memory in MiB."""
    start = time.perf_counter()
    if kind == "import":
        importlib.import_module(stack) if stack == "torch" else works.package_of(stack)
        return time.perf_counter() - start
    if kind == "build":
        k = works.package_of(stack)
        start = time.perf_counter()
        works.keras_model(k, "resnet50", 1000, (224, 224, 3))
        return time.perf_counter() - start
    run = works.one_pass(WORK[kind.removeprefix("memory ")], stack)
    for _ in range(3):
        run()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


COSTS = {
    "import": "import (s)",
    "build": "a functional ResNet-50 (s)",
    "memory cnn": "peak memory, cnn (MiB)",
    "memory mlp": "peak memory, mlp (MiB)",
    "memory transformer": "peak memory, transformer (MiB)",
}


def costs(stacks, repeats):
    """A table of what importing, building and memory cost."""
    lines = ["| | " + " | ".join(stacks) + " |", "|" + "---|" * (len(stacks) + 1)]
    for kind, label in COSTS.items():
        times = {s: [] for s in stacks if kind != "build" or s.startswith(("torchkeras", "keras"))}
        for _ in range(repeats):
            for stack, found in times.items():
                command = [sys.executable, "-m", "benchmarks", "--cost", kind, stack]
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode == 0:
                    found.append(float(done.stdout.split()[-1]))
        cells = [f"{statistics.median(times[s]):.3g}" if times.get(s) else "-" for s in stacks]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
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


def main_costs(args):
    """The table of costs that are no steps."""
    text = costs(args.stacks, args.repeats)
    print(text)
    if args.write:
        write(
            "Costs of the rest",
            f"Medians of {args.repeats} fresh processes each.\n"
            f"Written by `python -m benchmarks costs --write`.\n\n{versions()}\n\n{text}",
        )


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "work", nargs="*", help=f"of {', '.join(WORK)}; or costs, or layers; default all of those"
    )
    parser.add_argument("--stacks", nargs="+", default=STACKS, help=f"of {', '.join(STACKS)}")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="also write benchmarks/RESULTS.md")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--cost", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        return serve(*args.serve)
    if args.cost:
        return print(cost(*args.cost))
    unknown = [s for s in args.stacks if s not in STACKS]
    if unknown:
        parser.error(f"unknown stack {unknown[0]!r}; choose from {', '.join(STACKS)}")
    missing = [s for s in args.stacks if not installed(s)]
    if missing:
        print(f"not installed, so left out: {', '.join(missing)}", file=sys.stderr)
        args.stacks = [s for s in args.stacks if s not in missing]
    if args.work == ["layers"]:
        return main_layers(args)
    if args.work == ["costs"]:
        return main_costs(args)
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
            "Written by `python -m benchmarks --write`.\n\n"
            f"{versions()}; load average {os.getloadavg()[0]:.1f}\n\n{text}",
        )
    print(text)


if __name__ == "__main__":
    main()
