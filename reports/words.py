"""Words and numbers of the typed result for people, the same on a terminal, a page and paper."""

from collections.abc import Callable, Iterator

from fingerprint.regression.targets import UNCODED
from fingerprint.result import Parameter, Result
from reports.commandline import printable

UNKNOWN = "not known"
LABELS = {
    "scale": "scale",
    "architecture": "architecture",
    "loss": "loss",
    "training_data": "training data",
    "log10_parameters": "parameters",
    "scale_factor": "scale, real",
    "depth": "convolutions",
    "log10_adversarial_weight": "adversarial weight",
    "jpeg_quality_before": "JPEG before",
    "jpeg_quality_after": "JPEG after",
}
IF_KNOWN = ("scale_factor", "depth", "log10_adversarial_weight", "jpeg_quality_before", "jpeg_quality_after")


def interpolated(result: Result) -> bool:
    """Whether a picture was enlarged by a plain kernel, not by a network, which kernel being left open.

    Args:
        result: the answer.
    """
    return result.verdict == "unknown_source" and result.parameters["loss"].value == "interpolation"


def parameter_rows(result: Result) -> Iterator[tuple[str, str, str, bool]]:
    """Yield what was parsed of a network: its name, its value in words, its probability, and whether it is known.

    Args:
        result: the answer.
    """
    for name, parameter in result.parameters.items():
        if name in IF_KNOWN and parameter.value is None:
            continue
        chance = (parameter.probabilities or {}).get(str(parameter.value))
        known = parameter.value is not None
        shown = "" if chance is None or not known else probability(chance)
        yield LABELS.get(name, name), worded(name, parameter), shown, known


def worded(name: str, parameter: Parameter) -> str:
    """Write a parameter's value with its interval."""
    if name == "log10_parameters":
        return _network_size(parameter)
    if name == "log10_adversarial_weight":
        return _ranged(parameter, lambda value: f"about {10.0**value:.1g}", lambda value: f"{10.0**value:.1g}")
    if name.startswith("jpeg_quality"):
        return _ranged(parameter, lambda value: _quality(value, "quality "), _quality)
    return _value(parameter)


def _ranged(parameter: Parameter, told: Callable[[float], str], limit: Callable[[float], str]) -> str:
    if not isinstance(parameter.value, int | float):
        return UNKNOWN
    value = told(float(parameter.value))
    if parameter.interval is None or parameter.interval[0] == parameter.interval[1]:
        return value
    return f"{value} ({limit(parameter.interval[0])} to {limit(parameter.interval[1])}{_level(parameter)})"


def _quality(value: float, before: str = "") -> str:
    return f"{before}{value:g}" if value < UNCODED else "none"


def _level(parameter: Parameter) -> str:
    return "" if parameter.level is None else f" at {100 * parameter.level:g} %"


def _value(parameter: Parameter) -> str:
    if parameter.value is None:
        return UNKNOWN
    value = printable(str(parameter.value))
    if parameter.interval is None or parameter.interval[0] == parameter.interval[1]:
        return value
    return f"{value} ({parameter.interval[0]:g} to {parameter.interval[1]:g}{_level(parameter)})"


def _network_size(parameter: Parameter) -> str:
    return _ranged(parameter, lambda value: f"about {_count(value)}", _count)


def _count(log10: float) -> str:
    """Write a number of parameters to two digits: 5.5 is 320,000."""
    number = 10.0**log10
    digits = max(0, len(str(int(number))) - 2)
    return f"{round(number, -digits):,.0f}"


def probability(value: float) -> str:
    """Write a probability so that neither certainty nor impossibility is claimed by rounding."""
    if 0.0 < value < 0.001:
        return "< 0.001"
    if 0.999 < value < 1.0:
        return "> 0.999"
    return f"{value:.3f}"


def log_ratio(value: float) -> str:
    """Write a log10 likelihood ratio."""
    return f"{value:+.2f}"
