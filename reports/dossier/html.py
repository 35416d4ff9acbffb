"""The report as one self-contained HTML file: no script, nothing from elsewhere, made to be printed too."""

import base64
from functools import cache
from typing import Any

from reports.dossier.model import Report


@cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("reports.dossier"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode("ascii")
    return environment


def render_html(report: Report) -> bytes:
    """Render a report.

    Args:
        report: the whole.

    Returns:
        UTF-8, the same bytes for the same report.
    """
    return _environment().get_template("report.html.j2").render(report=report).encode()
