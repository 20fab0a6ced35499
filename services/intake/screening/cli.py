"""`minsheng screening`: train the urgency screen, look at its figures, put one in force, and go back."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.intake.screening import model, rules, screen, sentences
from services.intake.screening.figures import PRECISION, RECALL, Figures, total
from services.intake.screening.rules import RulesError
from services.intake.screening.sentences import SentencesError
from shared.bilingual import Text
from shared.privacy.sealing import UnsealError
from shared.settings import MissingSettingError, Settings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from services.intake.screening.evaluation import Evaluation
    from services.intake.screening.releases import Promotion

T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The screen that tells requests for 110 from others: train it, measure it, put it in force.",
)
out = Console(emoji=False)
err = Console(stderr=True, emoji=False)

Data = Annotated[
    list[Path] | None,
    typer.Option(
        "--data", exists=True, dir_okay=False, help="Files of sentences (.tsv). Default: those of the source."
    ),
]
RulesFile = Annotated[Path, typer.Option("--rules", help="The rules beside the learned screen.")]


_NO_DATABASE = Text(
    "Intake's database can't be used ({reason}). Is PostgreSQL running at MINSHENG_DATABASE, and migrated "
    "(`minsheng migrate`)?",
    "受理的数据库不可用（{reason}）。请确认 MINSHENG_DATABASE 所指的 PostgreSQL 正在运行，"
    "并已执行 `minsheng migrate`。",
)
_NO_PACKAGES = Text(
    "Training and evaluating need scikit-learn: pip install 'minsheng[training]'.",
    "训练和评估需要 scikit-learn：pip install 'minsheng[training]'。",
)
_BELOW = Text(
    "Below the limits: recall {recall}, precision {precision}.", "低于要求：召回率 {recall}，准确率 {precision}。"
)
_ONE_OF_BOTH = Text(
    "Give a file of weights, or --shipped for those of the build, not both.",
    "请给出权重文件，或用 --shipped 表示随版本发布的权重，二者选一。",
)
_NOTHING_BEFORE = Text(
    "There is nothing to go back to: the weights of the build are in force.",
    "没有更早的版本可退：当前使用的就是随版本发布的权重。",
)
_SEALED = Text(
    "Kept words can't be opened; does MINSHENG_SEALING_KEYS have each key they need? {reason}",
    "留存的原话无法打开；请确认 MINSHENG_SEALING_KEYS 含有所需的全部密钥。{reason}",
)


def _fail(text: Text | str, **values: object) -> typer.Exit:
    message = text if isinstance(text, str) else text.of(**values)
    err.print(f"[red]minsheng:[/red] {escape(message)}", highlight=False, soft_wrap=True)
    return typer.Exit(1)


def _run(work: Coroutine[Any, Any, T]) -> T:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return asyncio.run(work)
    except (SQLAlchemyError, OSError) as error:
        raise _fail(_NO_DATABASE, reason=type(error).__name__) from error


def _sentences(files: list[Path] | None) -> list[sentences.Sentence]:
    try:
        return sentences.read(files)
    except SentencesError as error:
        raise _fail(str(error)) from None


def _rules(path: Path) -> rules.Rules:
    try:
        return rules.load(path)
    except RulesError as error:
        raise _fail(str(error)) from None


def _training_packages() -> None:
    try:
        import sklearn  # noqa: F401 - asked for its absence only
    except ModuleNotFoundError:
        raise _fail(_NO_PACKAGES) from None


@app.command()
def train(
    to: Annotated[Path, typer.Argument(help="Where the weights go, such as urgency.json.gz.")],
    data: Data = None,
    rules_file: RulesFile = rules.DEFAULT_FILE,
    with_verdicts: Annotated[
        bool, typer.Option("--verdicts", help="Learn also from what staff said of flags, from intake's database.")
    ] = False,
    recall: Annotated[
        float, typer.Option(min=0.5, max=1, help="The threshold is set so that this share of the urgent is found.")
    ] = 0.9505,
) -> None:
    """Train the screen on sentences, measure it on scenarios left out, and write its weights.

    Nothing changes in the deployment until `promote`.

    Example: minsheng screening train urgency.json.gz
    """
    _training_packages()
    from services.intake.screening import evaluation, training

    learned = _sentences(data)
    if with_verdicts:
        judged = _verdicts()
        out.print(f"{len(judged)} verdicts of staff beside {len(learned)} sentences", highlight=False)
        learned += judged
    with out.status("") as status:
        found = evaluation.evaluate(learned, _rules(rules_file), lambda step: status.update(step))
        threshold = found.threshold_for(recall)
        whole = total(found.by(lambda one: one.family, threshold))
        status.update("all sentences")
        figures = {"recall": round(whole.recall, 4), "precision": round(whole.precision, 4)}
        day = datetime.now(UTC).date().isoformat()
        weights = training.train(learned, threshold=threshold, day=day, figures=figures)
    content = model.dump(weights)
    to.write_bytes(content)
    out.print(
        f"{to}: {weights.version}, {len(content):,} bytes, from {len(learned):,} sentences; on scenarios left out "
        f"recall {whole.recall:.3f}, precision {whole.precision:.3f} at threshold {threshold}",
        highlight=False,
    )


@app.command()
def evaluate(
    data: Data = None,
    rules_file: RulesFile = rules.DEFAULT_FILE,
    threshold: Annotated[
        float | None, typer.Option(help="Default: the rules file's, else the shipped weights'.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="List the texts that were taken wrongly.")] = False,
) -> None:
    """Measure on texts of scenarios, and of whole families, that the screen has not seen. Ends with 1 below the limits.

    Example: minsheng screening evaluate
    """
    _training_packages()
    from services.intake.screening import evaluation

    given = _rules(rules_file)
    with out.status("") as status:
        found = evaluation.evaluate(_sentences(data), given, lambda step: status.update(step))
    if threshold is None:
        threshold = screen.Screen(screen.shipped(), given).threshold
    whole = tell(found, threshold)
    if show:
        for sentence, flag, score in zip(found.sentences, found.flagged(threshold), found.scores, strict=True):
            if flag != sentence.urgent:
                told = f"{'missed' if sentence.urgent else 'alarm'} {score:.2f} {sentence.scenario}: {sentence.text!r}"
                out.print(told, highlight=False, markup=False, soft_wrap=True)
    if not whole.holds:
        raise _fail(_BELOW, recall=RECALL, precision=PRECISION)


def tell(found: Evaluation, threshold: float) -> Figures:
    """Print the figures of an evaluation by family; returns those of all."""
    families = found.by(lambda one: one.family, threshold)
    strange = found.by(lambda one: one.family, threshold, strange=True)
    table = Table(
        "family", "urgent", "calm", "recall", "precision", "recall, family unseen", "false alarms, of calm",
        title=f"threshold {threshold}",
    )  # fmt: skip
    whole, whole_strange = (total(figures) for figures in (families, strange))
    for name, one in [*families.items(), ("all", whole)]:
        other = strange.get(name, whole_strange)
        table.add_row(
            name, str(one.urgent), str(one.calm), *(
                (f"{one.recall:.3f}", f"{one.precision:.3f}", f"{other.recall:.3f}") if one.urgent else ("-",) * 3
            ), f"{one.alarms / one.calm:.3f}" if one.calm else "-",
        )  # fmt: skip
    out.print(table)
    return whole


@app.command()
def promote(
    file: Annotated[Path | None, typer.Argument(help="Weights from `train`.", exists=True, dir_okay=False)] = None,
    shipped: Annotated[bool, typer.Option("--shipped", help="The weights of the build itself.")] = False,
) -> None:
    """Put weights in force: every replica of intake follows within seconds, and events name the version.

    Example: minsheng screening promote urgency.json.gz
    """
    from services.intake.screening import releases

    if (file is None) != shipped:
        raise _fail(_ONE_OF_BOTH)

    async def work() -> str:
        async with _database().begin() as connection:
            return await releases.promote(connection, file.read_bytes() if file is not None else None, _person())

    try:
        out.print(f"in force: {_run(work())}", highlight=False)
    except model.WeightsError as error:
        raise _fail(f"{file}: {error}") from None


@app.command()
def rollback() -> None:
    """Put the weights in force that were before, each time one step further.

    Example: minsheng screening rollback
    """

    from services.intake.screening import releases

    async def work() -> str:
        async with _database().begin() as connection:
            return await releases.roll_back(connection, _person())

    try:
        out.print(f"in force: {_run(work())}", highlight=False)
    except releases.NothingBeforeError:
        raise _fail(_NOTHING_BEFORE) from None


@app.command("list")
def list_() -> None:
    """Show which weights came into force when, and by whom.

    Example: minsheng screening list
    """

    from services.intake.screening import releases

    async def work() -> list[Promotion]:
        async with _database().connect() as connection:
            return list(await releases.history(connection))

    table = Table("in force since", "version", "by", "how")
    for one in _run(work()):
        table.add_row(f"{one.at:%Y-%m-%d %H:%M:%S}", one.version, one.by, "rollback" if one.back else "promote")
    out.print(table)
    out.print(f"of the build: {screen.shipped().version}", highlight=False)


def _verdicts() -> list[sentences.Sentence]:
    from services.intake.screening import verdicts

    async def work() -> list[sentences.Sentence]:
        async with _database().connect() as connection:
            return list(await verdicts.learned(connection, Settings().sealing_ring))

    try:
        return _run(work())
    except UnsealError as error:
        raise _fail(_SEALED, reason=error) from None


def _database() -> AsyncEngine:
    # With its drivers, only for the commands that use it.
    from shared.store.engine import create_engine

    try:
        return create_engine(Settings().database_for("intake"), pool_size=1)
    except MissingSettingError as error:
        raise _fail(str(error)) from None


def _person() -> str:
    """Who does this, for the history: the account on this machine."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"
