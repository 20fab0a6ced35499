"""`minsheng events`: the catalogue's documents, and publishing new versions of events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

import shared.events  # noqa: F401 - imports every module of the catalogue
from services.cli.running import fail, out
from shared.bilingual import Text
from shared.events.documents import as_markdown, asyncapi, incompatibilities, schemas

app = typer.Typer(no_args_is_help=True, help="The event catalogue.")

PUBLISHED = Path(__file__).parents[2] / "shared" / "events" / "published"
DOCUMENTS = Path(__file__).parents[2] / "docs" / "events"


_INCOMPATIBLE = Text(
    "An incompatible change needs a new type version (….v2) beside the old one:\n{changes}",
    "不兼容的改动须在旧版本之外另立新的类型版本（….v2）：\n{changes}",
)


def text_of(document: object) -> str:
    """A document as it is kept: stable, readable in a diff."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


@app.command("write")
def write(folder: Annotated[Path, typer.Option(help="Where the documents go.")] = DOCUMENTS) -> None:
    """Write the AsyncAPI document and the readable catalogue.

    Example: minsheng events write
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "asyncapi.json").write_text(text_of(asyncapi()), encoding="utf-8")
    (folder / "catalogue.md").write_text(as_markdown(), encoding="utf-8")
    out.print(f"written to {folder}", highlight=False, markup=False)


@app.command("publish")
def publish() -> None:
    """Keep the schemas of new and compatibly changed events as published; refuses an incompatible change.

    Example: minsheng events publish
    """
    PUBLISHED.mkdir(exist_ok=True)
    current = schemas()
    broken: list[str] = []
    for path in sorted(PUBLISHED.glob("*.json")):
        before = json.loads(path.read_text(encoding="utf-8"))
        if path.stem not in current:
            broken.append(f"{path.stem} is published and no longer in the catalogue")
        else:
            broken += [f"{path.stem}: {reason}" for reason in incompatibilities(before, current[path.stem])]
    if broken:
        raise fail(_INCOMPATIBLE, changes="\n".join(broken))
    for event_type, schema in current.items():
        (PUBLISHED / f"{event_type}.json").write_text(text_of(schema), encoding="utf-8")
    out.print(f"{len(current)} published", highlight=False)
