"""`minsheng evaluate`: how well the platform understands people, by family of texts."""

from __future__ import annotations

import typer

from tests.evaluation.replies import replies
from tests.evaluation.urgency import urgency

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Measure how well the platform understands people, on texts of our own, by family.",
)


@app.callback()
def evaluate() -> None:
    """Measure how well the platform understands people, on texts of our own, by family."""


app.command()(replies)
app.command()(urgency)
