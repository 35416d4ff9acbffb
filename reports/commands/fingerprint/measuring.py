"""What `fit-parameters` and `coverage` share: which pictures are drawn and measured."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from reports.commandline import Parser, positive_int
from reports.commands.fingerprint.common import WORK, Counter, check_name, make_room

if TYPE_CHECKING:
    from fingerprint.regression.measured import Measurements, Plan


def measuring_options(parser: Parser) -> None:
    """Add `--cache`, `--copies`, `--condition`, `--seed` and `--workers`.

    Args:
        parser: Gets the options.
    """
    add = parser.add_argument
    text = "measured features, kept for the next time (default: ./%(default)s)"
    add("--cache", type=Path, default=WORK / "parameters", metavar="DIR", help=text)
    text = "pictures of each network in each condition (default: 12; of each kernel three times as many)"
    add("--copies", type=positive_int, metavar="N", help=text)
    text = "processing conditions (default: all)"
    add("--condition", nargs="+", action="extend", default=[], metavar="NAME", help=text)
    add("--seed", type=int, default=0, metavar="N", help="of all draws (default: %(default)s)")
    add("--workers", type=positive_int, metavar="N", help="threads (default: all processors; the result is the same)")


def plan_of(options: Namespace) -> "Plan":
    """Return what is measured.

    Args:
        options: As parsed with `measuring_options`.

    Returns:
        The plan.

    Raises:
        ValueError: A condition is unknown, or the folder cannot be written to.
        DataMissingError: The data folder lacks something.
    """
    from fingerprint.regression.draws import DRAWN
    from fingerprint.regression.measured import COPIES, Plan
    from fingerprint.regression.targets import all_truths

    known = {condition.name: condition for condition in DRAWN}
    for name in options.condition:
        check_name("--condition", name, known)
    make_room("--cache", options.cache)
    chosen = tuple(known[name] for name in known if not options.condition or name in options.condition)
    copies = options.copies or COPIES
    return Plan(tuple(all_truths()), options.cache, chosen, copies, options.seed, options.workers)


def measure_all(plan: "Plan") -> "Measurements":
    """Draw and measure with a bar that counts pictures.

    Args:
        plan: What is measured.

    Returns:
        Features and true values.
    """
    from fingerprint.regression.measured import measure

    with Counter(plan.pictures) as bar:
        return measure(plan, bar.say, bar.advance)
