"""`minsheng evaluate replies`: how citizens' replies are read, by family, on a file of labelled ones.

The file has tabs between its columns and names them in its first line: `family`, `level` (a level of the scale, or
`unclear`), `opted_out` (`yes` or nothing), `text` (with `\\n`, `\\t`, `\\uXXXX` for what can't be seen), and `comment`,
which is compared where it says something.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from services.followup.domain.replies import Reply, parse
from shared.events.words import Satisfaction

OWN = Path(__file__).parent / "replies.tsv"
INDEPENDENT = Path(__file__).parent / "replies-independent.tsv"
"""Written by somebody who had not seen the reader; its misses are known by now."""
THIRD = Path(__file__).parent / "replies-third.tsv"
"""Written by somebody else who had not seen the reader; much of it is still missed, so its limit is lower."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a bureau may rely on, as shares."""

    wrong: float = 0.005
    """Wrong marks among all replies, at most."""
    recall: float = 0.95
    """Clear marks that are read, at least."""
    opt_outs: float = 0.98
    """Opt-outs that are read, at least."""


SETS = {OWN: Limits(), INDEPENDENT: Limits(), THIRD: Limits(recall=0.84)}
"""The sets that are measured, and what is kept on each."""

_COLUMNS = {"family", "level", "opted_out", "text"}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([nrt\\]))")
_PLAIN = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}


class BadFileError(ValueError):
    """The file of labelled replies can't be read; the message says where and what to do."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A reply, and how a person reads it."""

    family: str
    text: str
    level: Satisfaction | None
    opted_out: bool
    comment: str | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts over a set of replies."""

    replies: int
    marked: int
    """Replies that have a level."""
    found: int
    """Of these, read as their level."""
    wrong: int
    """Replies that were given a level that they don't have."""
    opt_outs: int
    opt_outs_found: int
    opt_outs_false: int
    comments_wrong: int

    @property
    def wrong_share(self) -> float:
        """Wrong marks among all replies."""
        return self.wrong / self.replies if self.replies else 0.0

    @property
    def recall(self) -> float:
        """Clear marks that were read."""
        return self.found / self.marked if self.marked else 1.0

    @property
    def opt_out_recall(self) -> float:
        """Opt-outs that were read."""
        return self.opt_outs_found / self.opt_outs if self.opt_outs else 1.0

    def within(self, limits: Limits) -> bool:
        """Whether a bureau may rely on it."""
        return (
            self.wrong_share <= limits.wrong
            and self.recall >= limits.recall
            and self.opt_out_recall >= limits.opt_outs
            and not self.opt_outs_false
        )


def load(path: Path = OWN) -> list[Labelled]:
    """The labelled replies of a file. Raises `BadFileError`."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            if missing := _COLUMNS - set(rows.fieldnames or ()):
                raise BadFileError(f"{path}: the first line names no column {', '.join(sorted(missing))}.")
            return [_labelled(row, f"{path}, line {rows.line_num}") for row in rows]
    except (OSError, UnicodeDecodeError) as error:
        raise BadFileError(f"{path} can't be read: {error}") from error


def _labelled(row: dict[str, str | None], place: str) -> Labelled:
    level, opted_out, text = row["level"], row["opted_out"], row["text"]
    if level is None or opted_out is None or text is None:
        raise BadFileError(f"{place}: fewer columns than the first line names.")
    if level != "unclear" and level not in set(Satisfaction):
        raise BadFileError(f"{place}: level {level!r} is none of unclear, {', '.join(Satisfaction)}.")
    if opted_out not in ("", "yes"):
        raise BadFileError(f"{place}: opted_out is `yes` or nothing, not {opted_out!r}.")
    return Labelled(
        family=row["family"] or "",
        text=_unescaped(text),
        level=None if level == "unclear" else Satisfaction(level),
        opted_out=opted_out == "yes",
        comment=_unescaped(row["comment"]) if row.get("comment") else None,
    )


def _unescaped(text: str | None) -> str:
    return _ESCAPE.sub(lambda found: _PLAIN[found[3]] if found[3] else chr(int(found[1] or found[2], 16)), text or "")


def misses(one: Labelled, reply: Reply) -> list[str]:
    """What is wrong with the reading of a reply, in words."""
    wrong: list[str] = []
    if reply.level is not None and reply.level is not one.level:
        wrong.append("wrong mark")
    elif reply.level is not one.level:
        wrong.append("mark not read")
    if one.opted_out and not reply.opted_out:
        wrong.append("opt-out not read")
    if reply.opted_out and not one.opted_out:
        wrong.append("false opt-out")
    if one.comment is not None and reply.level is not None and reply.comment != one.comment:
        wrong.append(f"comment is {reply.comment!r}")
    return wrong


def figures(replies: Iterable[Labelled]) -> Figures:
    """Read the replies and count."""
    counts: Counter[str] = Counter()
    for one in replies:
        said = parse(one.text)
        wrong = misses(one, said)
        counts["replies"] += 1
        counts["marked"] += one.level is not None
        counts["found"] += one.level is not None and said.level is one.level
        counts["wrong"] += "wrong mark" in wrong
        counts["opt_outs"] += one.opted_out
        counts["opt_outs_found"] += one.opted_out and said.opted_out
        counts["opt_outs_false"] += "false opt-out" in wrong
        counts["comments_wrong"] += any(note.startswith("comment") for note in wrong)
    return Figures(**{name: counts[name] for name in Figures.__dataclass_fields__})


def replies(
    file: Annotated[
        Path | None, typer.Option(help="Another file of labelled replies, columns as in tests/evaluation/replies.tsv.")
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="List every reply that was read otherwise than labelled.")
    ] = False,
) -> None:
    """How citizens' replies to surveys are read: our own set and two independent ones, or a file.

    Ends with 1 where the limits are not kept.
    """
    try:
        sets = [(path.stem, load(path), limits) for path, limits in ({file: Limits()} if file else SETS).items()]
    except BadFileError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    console = Console()
    kept = [_report(console, name, labelled, limits, show=show) for name, labelled, limits in sets]
    if not all(kept):
        raise typer.Exit(1)


def _report(console: Console, name: str, labelled: list[Labelled], limits: Limits, *, show: bool) -> bool:
    console.print(_table(name, labelled))
    if show:
        for one in labelled:
            if wrong := misses(one, parse(one.text)):
                wanted = one.level.value if one.level else "unclear"
                console.print(
                    f"{one.family}: {one.text!r} ({wanted}): {', '.join(wrong)}", markup=False, highlight=False
                )
    total = figures(labelled)
    console.print(
        f"{name}: wrong marks {total.wrong_share:.2%} (limit {limits.wrong:.1%}), clear marks read {total.recall:.1%} "
        f"(at least {limits.recall:.0%}), opt-outs read {total.opt_out_recall:.1%} "
        f"(at least {limits.opt_outs:.0%}), false opt-outs {total.opt_outs_false} (none).",
        highlight=False,
    )
    return total.within(limits)


def _table(name: str, labelled: list[Labelled]) -> Table:
    table = Table("family", title=name)
    for column in (
        "replies",
        "clear marks",
        "read",
        "wrong marks",
        "opt-outs",
        "read",
        "false opt-outs",
        "comments wrong",
    ):
        table.add_column(column, justify="right")
    for family in dict.fromkeys(one.family for one in labelled):
        table.add_row(family, *_row(figures(one for one in labelled if one.family == family)))
    table.add_section()
    table.add_row("all", *_row(figures(labelled)))
    return table


def _row(counted: Figures) -> tuple[str, ...]:
    return tuple(
        str(number)
        for number in (
            counted.replies,
            counted.marked,
            counted.found,
            counted.wrong,
            counted.opt_outs,
            counted.opt_outs_found,
            counted.opt_outs_false,
            counted.comments_wrong,
        )
    )
