"""`minsheng evaluate urgency`: emergencies among what citizens write, found or missed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from services.intake.screening import evaluation, rules, sentences
from services.intake.screening.cli import tell
from services.intake.screening.figures import PRECISION, RECALL, count, total
from services.intake.screening.screen import Screen, shipped
from services.intake.screening.sentences import Sentence
from tests.support.places import DATA

HELD_OUT = Path(__file__).parent / "urgency.tsv"
"""Written apart from what the screen learns from, and never learned from. The first column is the family."""
MESSAGES = DATA / "citizen_messages.jsonl"
"""What citizens wrote to a city's message board: hardly any of it is an emergency."""
MOST_FLAGGED = 0.02
"""Of the messages: what a duty desk can look at."""

out = Console()


def held_out() -> list[Sentence]:
    """The held-out texts, with the family in place of the scenario."""
    return [
        Sentence(one.scenario.partition("/")[2], one.scenario, one.urgent, one.voice, one.text)
        for one in sentences.read([HELD_OUT])
    ]


def flagged_messages(screen: Screen) -> Iterator[tuple[float, str, str]]:
    """Score, subject and body of each message that the screen flags."""
    with MESSAGES.open(encoding="utf-8") as lines:
        for line in lines:
            message = json.loads(line)
            finding = screen.judge(message["subject"], message["body"])
            if finding.urgent:
                yield finding.score, message["subject"], message["body"]


def urgency(
    show: Annotated[bool, typer.Option("--show", help="List what was missed and what was flagged by mistake.")] = False,
) -> None:
    """Measure the urgency screen by family, on held-out texts, and on real messages where they lie beside the checkout.

    Ends with 1 below the limits. Example: minsheng evaluate urgency
    """
    screen = Screen(shipped(), rules.load())
    with out.status("") as status:
        found = evaluation.evaluate(sentences.read(), screen.rules, lambda step: status.update(step))
    out.print("Each family's scenarios left out in turn:")
    bad = [] if tell(found, screen.threshold).holds else ["scenarios left out"]

    texts = held_out()
    flags = [screen.judge(None, one.text).urgent for one in texts]
    table = Table("family", "urgent", "calm", "recall", "precision", title="held-out texts, the screen in force")
    families = count(texts, flags, lambda one: one.family)
    for name, one in [*families.items(), ("all", total(families))]:
        shares = (f"{one.recall:.3f}", f"{one.precision:.3f}") if one.urgent else ("-", "-")
        table.add_row(name, str(one.urgent), str(one.calm), *shares)
    out.print(table)
    if not total(families).holds:
        bad.append("held-out texts")
    if show:
        for text, flag in zip(texts, flags, strict=True):
            if flag != text.urgent:
                told = f"{'missed' if text.urgent else 'alarm'} {text.family}: {text.text!r}"
                out.print(told, highlight=False, markup=False, soft_wrap=True)

    if MESSAGES.exists():
        with MESSAGES.open(encoding="utf-8") as lines:
            messages = sum(1 for _ in lines)
        alarms = list(flagged_messages(screen))
        share = len(alarms) / messages
        out.print(f"{len(alarms)} of {messages} real messages flagged: {share:.2%} (at most {MOST_FLAGGED:.0%})")
        if share > MOST_FLAGGED:
            bad.append("real messages")
        if show:
            for score, subject, _ in sorted(alarms, reverse=True):
                out.print(f"{score:.2f} {subject}", highlight=False, markup=False, soft_wrap=True)
    if bad:
        out.print(f"Beyond the limits (recall {RECALL}, precision {PRECISION}): {', '.join(bad)}", style="red")
        raise typer.Exit(1)
