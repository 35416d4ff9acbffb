"""The networks of `whorl bench training` in PyTorch, to train beside ours; run by it, never imported.

Written from the papers: EDSR (Lim et al., CVPRW 2017), RCAN (Zhang et al., ECCV 2018), SwinIR (Liang et al., ICCVW
2021) with the shifted windows of Liu et al. (ICCV 2021). Convolutions are channels-last, the optimiser is Adam at
1e-3, the loss is L1, the batch lies ready on the device; `bfloat16` is PyTorch's automatic mixed precision.

    python benchmarks/torch_training.py '{"architecture": "edsr", "width": 64, "depth": 16, "scale": 2, "batch": 16,
        "patch": 32, "precision": "float32", "seconds": 10}'
"""

import json
import os
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional


def conv(inputs: int, outputs: int, size: int = 3) -> nn.Conv2d:
    """A convolution that keeps a picture's size."""
    return nn.Conv2d(inputs, outputs, size, padding=size // 2)


class Residual(nn.Module):
    """Layers around a short cut."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Adds what the layers give."""
        return images + self.layers(images)


class Gate(nn.Module):
    """Channel attention."""

    def __init__(self, width: int, reduction: int) -> None:
        super().__init__()
        between = max(1, width // reduction)
        self.squeeze, self.excite = conv(width, between, 1), conv(between, width, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Scales every channel by its gate."""
        means = images.mean(dim=(2, 3), keepdim=True)
        return images * torch.sigmoid(self.excite(functional.relu(self.squeeze(means))))


def edsr(scale: int, width: int, depth: int) -> nn.Module:
    """EDSR for x2."""
    blocks = [Residual(conv(width, width), nn.ReLU(), conv(width, width)) for _ in range(depth)]
    return nn.Sequential(conv(3, width), Residual(*blocks, conv(width, width)), *enlarging(width, scale))


def rcan(scale: int, width: int, depth: int, blocks: int, reduction: int) -> nn.Module:
    """RCAN for x2."""

    def block() -> nn.Module:
        return Residual(conv(width, width), nn.ReLU(), conv(width, width), Gate(width, reduction))

    groups = [Residual(*(block() for _ in range(blocks)), conv(width, width)) for _ in range(depth)]
    return nn.Sequential(conv(3, width), Residual(*groups, conv(width, width)), *enlarging(width, scale))


def enlarging(width: int, scale: int) -> list[nn.Module]:
    """The sub-pixel end."""
    return [conv(width, width * scale**2), nn.PixelShuffle(scale), conv(width, 3)]


class Windows(nn.Module):
    """Shifted-window attention of pictures, channels last."""

    def __init__(self, width: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.offsets = nn.Parameter(0.02 * torch.randn((2 * window - 1) ** 2, heads))
        rows, columns = torch.arange(window**2) // window, torch.arange(window**2) % window
        down, right = rows[:, None] - rows[None] + window - 1, columns[:, None] - columns[None] + window - 1
        self.register_buffer("place", (down * (2 * window - 1) + right).flatten())
        self.register_buffer("mask", None)

    def cut(self, images: torch.Tensor) -> torch.Tensor:
        """Windows of pictures: (window, pixel, channel)."""
        count, height, width, channels = images.shape
        side = self.window
        parts = images.view(count, height // side, side, width // side, side, channels)
        return parts.transpose(2, 3).reshape(-1, side**2, channels)

    def separation(self, height: int, width: int) -> torch.Tensor:
        """What keeps pixels apart that the roll brought together."""
        bounds = [torch.arange(n) for n in (height, width)]
        parts = [
            (b >= n - self.window).long() + (b >= n - self.shift) for b, n in zip(bounds, (height, width), strict=True)
        ]
        regions = self.cut((3 * parts[0][:, None] + parts[1][None])[None, :, :, None])[..., 0]
        return torch.where(regions[:, :, None] == regions[:, None], 0.0, -100.0).to(self.place.device)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Attends within windows."""
        count, height, width, channels = images.shape
        shift, side, heads = self.shift, self.window, self.heads
        moved = torch.roll(images, (-shift, -shift), (1, 2)) if shift else images
        tokens = self.qkv(self.cut(moved)).view(-1, side**2, 3, heads, channels // heads)
        query, key, value = tokens.permute(2, 0, 3, 1, 4)
        bias = self.offsets[self.place].view(side**2, side**2, heads).permute(2, 0, 1)[None]
        if shift:
            if self.mask is None:
                self.mask = self.separation(height, width)
            bias = (bias + self.mask[:, None]).repeat(count, 1, 1, 1)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
        back = self.project(mixed.transpose(1, 2).reshape(-1, side**2, channels))
        parts = back.view(count, height // side, width // side, side, side, channels).transpose(2, 3)
        joined = parts.reshape(count, height, width, channels)
        return torch.roll(joined, (shift, shift), (1, 2)) if shift else joined


class Last(nn.Module):
    """Layers that want channels last, among convolutions."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Permutes, applies, permutes back; no copy where the memory is channels-last already."""
        return self.layers(images.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def swinir(scale: int, width: int, depth: int, blocks: int, heads: int, window: int) -> nn.Module:
    """The lightweight SwinIR."""

    def layer(shift: int) -> list[nn.Module]:
        perceptron = nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        attention = Residual(nn.LayerNorm(width), Windows(width, heads, window, shift))
        return [attention, Residual(nn.LayerNorm(width), *perceptron)]

    def group() -> nn.Module:
        layers = [part for index in range(blocks) for part in layer(window // 2 if index % 2 else 0)]
        return Residual(Last(*layers), conv(width, width))

    norms = Last(nn.LayerNorm(width)), Last(nn.LayerNorm(width))
    body = Residual(norms[0], *(group() for _ in range(depth)), norms[1], conv(width, width))
    return nn.Sequential(conv(3, width), body, conv(width, 3 * scale**2), nn.PixelShuffle(scale))


def main(task: dict) -> dict:
    """Trains for some seconds.

    Args:
        task: what the module's docstring shows; `options` are further arguments of the architecture.

    Returns:
        Seconds a step: median and minimum over spans, and of the processors' time; parameters and versions.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu" and hasattr(os, "sched_getaffinity"):
        torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True  # as XLA does unless told otherwise
    torch.backends.cudnn.benchmark = True
    make = {"edsr": edsr, "rcan": rcan, "swinir": swinir}[task["architecture"]]
    network = make(task["scale"], task["width"], task["depth"], **task.get("options", {}))
    network = network.to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    side, large = task["patch"], task["patch"] * task["scale"]
    low, high = (
        torch.rand(task["batch"], 3, length, length, device=device).to(memory_format=torch.channels_last)
        for length in (side, large)
    )

    def run(count: int) -> None:
        for _ in range(count):
            optimiser.zero_grad(set_to_none=True)
            with torch.autocast(device.type, torch.bfloat16, enabled=task["precision"] == "bfloat16"):
                estimate = network(low)
            (estimate.float() - high).abs().mean().backward()
            optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    begin = time.perf_counter()
    run(2)
    first = time.perf_counter() - begin
    return {
        "parameters": sum(each.numel() for each in network.parameters()),
        "version": torch.__version__,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "first_call_s": first,
        **clock(run, task["seconds"]),
    }


def clock(run, seconds: float) -> dict[str, float]:
    """Times steps in spans of about a quarter of a second, as `whorl bench training` does."""
    begin = time.perf_counter()
    run(1)
    count = max(1, int(0.25 / (time.perf_counter() - begin)))
    spans, busy = [], []
    while not spans or time.perf_counter() - begin < seconds:
        start, used = time.perf_counter(), time.process_time()
        run(count)
        spans.append((time.perf_counter() - start) / count)
        busy.append((time.process_time() - used) / count)
    return {"median_s": statistics.median(spans), "min_s": min(spans), "processor_s": statistics.median(busy)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))) + "\n")
