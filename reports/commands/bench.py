"""`whorl bench`: what `attribute` costs on this machine, each figure from processes of their own."""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reports.commandline import ANSWERED, Parser, emit, emit_json, positive_int

LARGE = (1600, 1250)  # two megapixels
SMALL = (512, 512)
LIBRARIES = ("whorl", "jax", "jaxlib", "numpy", "scipy", "pillow")


@dataclass(frozen=True)
class Run:
    """One process: how long it took on the clock, and the most memory it held."""

    seconds: float
    peak_bytes: int


def main(argv: Sequence[str], prog: str = "whorl bench") -> int:
    """Measure and print.

    Args:
        argv: The arguments behind the group's name.
        prog: The name to put before messages.

    Returns:
        The exit code 0.

    Raises:
        ValueError: `attribute` failed on a picture that was made for it.
    """
    if argv and argv[0] == "training":
        from reports.commands import bench_training

        return bench_training.main(argv[1:], f"{prog} training")
    if argv and argv[0] == "distillation":
        from reports.commands import bench_distillation

        return bench_distillation.main(argv[1:], f"{prog} distillation")
    if argv and argv[0] == "page":
        from reports.commands import bench_page

        return bench_page.main(argv[1:], f"{prog} page")
    parser = Parser(
        prog=prog,
        epilog=f"`{prog} training` measures how fast networks train, `{prog} distillation` how fast students do, "
        f"`{prog} page` how the page bears many uploads; each has a --help of its own.",
        description="Measure the speed and memory of `attribute`: every figure is the median of cold processes on "
        "pictures made for it in a temporary folder.",
    )
    parser.add_argument("--runs", type=positive_int, default=3, metavar="N", help="processes a figure (default: 3)")
    parser.add_argument("--images", type=positive_int, default=100, metavar="N", help="images a call (default: 100)")
    parser.add_argument("--json", action="store_true", help="write one JSON object")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="whorl-bench-") as folder:
        report = _measure(Path(folder), options.runs, options.images)
    if options.json:
        emit_json(report)
    else:
        emit("\n".join(_lines(report)))
    return ANSWERED


def _measure(folder: Path, runs: int, images: int) -> dict[str, Any]:
    large = folder / "large.png"
    many = folder / "many"
    many.mkdir()
    make_picture(large, LARGE, seed=0)
    for number in range(images):
        make_picture(many / f"{number:04}.png", SMALL, seed=number + 1)
    figures = {
        "help": _repeat(["--help"], runs),
        "one_large": _repeat(["--json", str(large)], runs),
        "many_small": _repeat(["--json", str(many)], runs),
    }
    summary = {name: _summary(measured) for name, measured in figures.items()}
    summary["one_large"]["pixels"] = LARGE[0] * LARGE[1]
    summary["many_small"]["images"] = images
    summary["many_small"]["images_per_second"] = images / summary["many_small"]["median_s"]
    return {"machine": machine(), "figures": summary}


def make_picture(path: Path, size: tuple[int, int], seed: int) -> None:
    """Write a PNG with photograph-like content that is the same everywhere: noise with a 1/f spectrum, enlarged ×2.

    Args:
        path: The file to write.
        size: Width and height in pixels, both even.
        seed: Another seed gives another picture.
    """
    import numpy as np
    from PIL import Image

    width, height = size[0] // 2, size[1] // 2
    noise = np.random.default_rng(seed).standard_normal((height, width, 3))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(noise, axes=(0, 1)) / frequency[..., None]
    texture = np.fft.irfft2(spectrum, s=(height, width), axes=(0, 1))
    pixels = np.clip(128.0 + 45.0 * texture / texture.std(), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).save(path, compress_level=1)


def _repeat(arguments: Sequence[str], runs: int) -> list[Run]:
    return [run_cold(arguments) for _ in range(runs)]


def run_cold(arguments: Sequence[str]) -> Run:
    """Run `attribute` in a process of its own.

    Args:
        arguments: Its command line.

    Raises:
        ValueError: It left with a code above 1, that is, with an error.
    """
    command = [sys.executable, "-c", _PROBE, *arguments]
    # Only our own code and file names are run here.
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)  # noqa: S603
    code, seconds, peak = json.loads(done.stdout)
    if code not in (0, 1):
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ValueError(f"attribute left with code {code}: {last}")
    return Run(seconds, peak)


# The system gives the memory of children as a maximum over all of them, so each run has a parent of its own.
_PROBE = """
import json, resource, subprocess, sys, time
command = [sys.executable, "-c", "import sys; from reports.cli import attribute_main; sys.exit(attribute_main())"]
start = time.perf_counter()
code = subprocess.run(command + sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps([code, seconds, peak]))
"""


def _summary(runs: Sequence[Run]) -> dict[str, Any]:
    seconds = [run.seconds for run in runs]
    return {
        "median_s": statistics.median(seconds),
        "min_s": min(seconds),
        "peak_bytes": max(run.peak_bytes for run in runs),
        "runs": [asdict(run) for run in runs],
    }


def machine() -> dict[str, Any]:
    """Return what the figures depend on: processor, cores this process may use, Python and library versions."""
    from importlib.metadata import version

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
    return {"processor": _processor(), "cores": cores, "system": platform.system(), "versions": versions}


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _lines(report: dict[str, Any]) -> list[str]:
    where, figures = report["machine"], report["figures"]
    versions = ", ".join(f"{name} {number}" for name, number in where["versions"].items())
    many = figures["many_small"]
    rows = [
        ("attribute --help", figures["help"], ""),
        (f"one PNG of {figures['one_large']['pixels'] / 1e6:.1f} megapixels", figures["one_large"], ""),
        (f"{many['images']} PNGs of 512 × 512 in one call", many, f"{many['images_per_second']:.1f} images/s"),
    ]
    lines = [f"{where['processor']}, {where['cores']} cores; {versions}", ""]
    lines.append(f"{'cold process':<38}{'median':>9}{'fastest':>9}{'peak memory':>13}")
    for name, figure, more in rows:
        memory = f"{figure['peak_bytes'] / 1e6:.0f} MB"
        times = f"{figure['median_s']:>7.2f} s{figure['min_s']:>7.2f} s"
        lines.append(f"{name:<38}{times}{memory:>13}  {more}".rstrip())
    return lines
