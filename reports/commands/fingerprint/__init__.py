"""`whorl fingerprint`: fit the reference that `attribute` compares with, and measure its worth.

Each command is a module here with `main(argv, prog) -> int`.
"""

from collections.abc import Sequence
from importlib import import_module

from reports.commandline import choose_command

COMMANDS = {
    "train": ("train", "train the embedding that references are fitted with"),
    "train-imitator": ("train_imitator", "train what tells how each source of a scale would have enlarged a picture"),
    "fit": ("fit", "fit a reference from the data folder, our networks' outputs and further ones"),
    "render": ("render", "make networks' pictures of held-out photographs, for `evaluate`"),
    "evaluate": ("evaluate", "measure accuracy on folders of pictures, one folder a source"),
    "stress": ("stress", "measure what is left after many kinds of post-processing at many strengths"),
    "calibration": ("calibration", "measure likelihood ratios and probabilities: cost, bounds, calibration, open set"),
    "area": ("area", "measure accuracy against the area of a picture, up to whole photographs"),
    "adversary": ("adversary", "hide upscaling and forge traces, and see what the tool says then"),
    "ablation": ("ablation", "measure what each kind of features is worth, the embedding among them"),
    "innocents": ("innocents", "count false accusations of photographs that were never upscaled"),
    "leave-out": ("leave_out", "leave networks out of the gallery in turn, and see whether that is noticed"),
    "enrolment": ("enrolment", "leave networks out, enrol them from a few pictures, and measure accuracy"),
    "interpolation": ("interpolation", "measure whether plain enlargements are recognised as interpolated"),
    "fit-agreement": ("fit_agreement", "learn what agreement with imitated sources counts beside a reference"),
    "fit-regions": ("fit_regions", "learn what a reference says on single tiles, so that parts of pictures are found"),
    "composites": ("composites", "measure what is found of patches that were upscaled"),
    "fit-interpolation": ("fit_interpolation", "fit what recognises enlargements by plain kernels"),
    "fit-parameters": ("fit_parameters", "fit what tells hyper-parameters as real numbers with intervals"),
    "coverage": ("coverage", "measure how often these intervals hold for networks never seen"),
    "protocol": ("protocol", "run a published protocol on our networks: attribution, parsers of unseen ones, PRNU"),
    "lineage": ("lineage", "weigh whether a network was tuned from, or taught by, one of several candidates"),
    "lineage-study": ("lineage_study", "trace networks of known lineage, and learn what that is worth"),
    "validate": ("validate", "write the validation report from the results files of the other commands"),
    "enrol": ("enrol", "add a source to a gallery of your own from a handful of pictures"),
    "remove": ("remove", "take a source out of such a gallery"),
    "list": ("list", "list the sources of such a gallery"),
    "show": ("show", "show a reference's identity and the sources it knows"),
}
"""Name of a command: its module, and what it is for."""


def main(argv: Sequence[str], prog: str = "whorl fingerprint") -> int:
    """Run one of the group's commands.

    Args:
        argv: The command and its own arguments.
        prog: The group's name in messages.

    Returns:
        The exit code.
    """
    purposes = {name: purpose for name, (_, purpose) in COMMANDS.items()}
    description = "Fit the reference that `attribute` compares with, and measure its worth."
    name, rest = choose_command(argv, prog, purposes, description)
    return import_module(f"{__name__}.{COMMANDS[name][0]}").main(rest, f"{prog} {name}")
