"""One requirement, what was measured of it, and whether it is met.

Only the standard library is imported here.
"""

from dataclasses import dataclass

from reports.study_tables import NOTHING, value_cell
from reports.validation_numbers import EXACT

NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Measured:
    """One measured number.

    Attributes:
        value: of it.
        interval: 95 %, None where there is none.
        about: what a reader must know beside it.
        exact: whether the interval is the exact binomial one.
        deviation: over splits, None where it was measured once.
        file: where it stands.
    """

    value: float
    interval: tuple[float, float] | None = None
    about: str = ""
    exact: bool = False
    deviation: float | None = None
    file: str = ""

    @property
    def text(self) -> str:
        """The number as a table shows it."""
        if self.deviation is not None:
            shown = f"{self.value:.3f} ± {self.deviation:.3f}"
        else:
            shown = value_cell(self.value, self.interval, 4 if abs(self.value) < 0.01 else 3)
        return f"{shown}{EXACT if self.exact else ''}{', ' if self.about else ''}{self.about}"


@dataclass(frozen=True)
class Line:
    """One requirement and what came of it.

    Attributes:
        what: is measured.
        limit: that must be kept, None for what is only reported.
        least: whether the limit is the least that is good; the most otherwise.
        measured: None where no results file holds it.
    """

    what: str
    limit: float | None
    least: bool
    measured: Measured | None

    @property
    def required(self) -> str:
        """The limit in words."""
        return "reported" if self.limit is None else f"{'≥' if self.least else '≤'} {self.limit:g}"

    @property
    def met(self) -> str:
        """Whether the requirement is met; by the number itself, and what its interval leaves open."""
        if self.measured is None:
            return NOT_MEASURED
        if self.limit is None:
            return NOTHING
        good = self._good(self.measured.value)
        ends = self.measured.interval or (self.measured.value, self.measured.value)
        if good:
            return "yes" if all(map(self._good, ends)) else "yes, but the interval reaches beyond"
        return "no, but the interval reaches it" if any(map(self._good, ends)) else "no"

    def _good(self, value: float) -> bool:
        limit = self.limit or 0.0
        return value >= limit if self.least else value <= limit


class Count(Measured):
    """A number of things."""

    @property
    def text(self) -> str:
        """The number without digits after the point."""
        return f"{self.value:,.0f}"
