"""Both steps of distillation by privileged information in PyTorch; run by `whorl bench distillation`, never imported.

Written from the paper (Lee et al., ECCV 2020): an encoder of the high resolution and an FSRCNN (Dong et al., ECCV 2016)
as decoder and as student, on luma. Convolutions are channels-last, the optimiser is Adam at 1e-3, the batch lies ready
on the device.

    python benchmarks/torch_distillation.py '{"stage": "student", "scale": 2, "batch": 16, "patch": 24, "seconds": 10}'
"""

import json
import os
import sys
import time

import torch
from torch import nn
from torch.nn import functional
from torch_training import clock

WIDTH, SHRINK, DEPTH = 56, 12, 4


class Student(nn.Module):
    """FSRCNN; its features are those that the last layer enlarges."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        sizes = [(1, WIDTH, 5), (WIDTH, SHRINK, 1), *[(SHRINK, SHRINK, 3)] * DEPTH, (SHRINK, WIDTH, 1)]
        layers = [part for i, o, size in sizes for part in (nn.Conv2d(i, o, size, padding=size // 2), nn.PReLU(o))]
        self.body = nn.Sequential(*layers)
        self.enlarge = nn.ConvTranspose2d(WIDTH, 1, 9, scale, padding=4, output_padding=scale - 1)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the picture and the features."""
        features = self.body(images)
        return self.enlarge(features), features


def encoder(scale: int) -> nn.Module:
    """High resolution to code."""
    sizes = [(1, WIDTH, 5, 1), (WIDTH, WIDTH, 5, scale), (WIDTH, SHRINK, 3, 1)]
    layers = [
        part for i, o, size, step in sizes for part in (nn.Conv2d(i, o, size, step, padding=size // 2), nn.PReLU(o))
    ]
    return nn.Sequential(*layers, nn.Conv2d(SHRINK, 1, 3, padding=1))


def adapter() -> nn.Module:
    """Student's features to a parameter of the teacher's."""
    return nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 1), nn.PReLU(WIDTH), nn.Conv2d(WIDTH, WIDTH, 1))


def main(task: dict) -> dict:
    """Trains for some seconds.

    Args:
        task: what the module's docstring shows; `stage` is teacher or student.

    Returns:
        Seconds a step: median and minimum over spans, and of the processors' time; parameters and versions.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu" and hasattr(os, "sched_getaffinity"):
        torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True  # as XLA does unless told otherwise
    torch.backends.cudnn.benchmark = True
    scale, side = task["scale"], task["patch"]

    def placed(module: nn.Module) -> nn.Module:
        return module.to(device, memory_format=torch.channels_last)

    encode, decoder, student = placed(encoder(scale)), placed(Student(scale)), placed(Student(scale))
    mean, spread = placed(adapter()), placed(adapter())
    trained = [encode, decoder] if task["stage"] == "teacher" else [student, mean, spread]
    parameters = [each for module in trained for each in module.parameters()]
    optimiser = torch.optim.Adam(parameters, 1e-3)
    low, high = (
        torch.rand(task["batch"], 1, length, length, device=device).to(memory_format=torch.channels_last)
        for length in (side, side * scale)
    )

    def teacher_loss() -> torch.Tensor:
        code = encode(high)
        made, _ = decoder(code)
        return (made - high).abs().mean() + 1e-4 * (code - low).abs().mean()

    def student_loss() -> torch.Tensor:
        with torch.no_grad():
            _, told = decoder(encode(high))
        made, features = student(low)
        scale_of = 0.1 * functional.softplus(spread(features)) + 1e-8
        likelihood = (torch.log(2 * scale_of) + (mean(features) - told).abs() / scale_of).mean()
        return (made - high).abs().mean() + 1e-6 * likelihood

    loss = teacher_loss if task["stage"] == "teacher" else student_loss

    def run(count: int) -> None:
        for _ in range(count):
            optimiser.zero_grad(set_to_none=True)
            loss().backward()
            optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    begin = time.perf_counter()
    run(2)
    first = time.perf_counter() - begin
    return {
        "parameters": sum(each.numel() for each in parameters),
        "version": torch.__version__,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "first_call_s": first,
        **clock(run, task["seconds"]),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))) + "\n")
