from __future__ import annotations

import pytest
from alembic.script import ScriptDirectory

from shared.settings import SERVICES
from shared.store.migration import config_for
from shared.store.revisions import branches, lacking


@pytest.mark.parametrize("service", SERVICES)
def test_names_of_files_tell_what_alembic_reads_in_them(service: str) -> None:
    script = ScriptDirectory.from_config(config_for(service))
    assert {branch[-1] for branch in branches(service)} == set(script.get_heads())
    known = {revision for branch in branches(service) for revision in branch}
    assert known == {found.revision for found in script.walk_revisions()}


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        (set(), ["k001", "r001"]),
        ({"k001"}, ["r001"]),
        ({"k001", "r001"}, []),
        # Of a newer version, while old replicas still run.
        ({"k001", "r002"}, []),
        ({"k002", "r002"}, []),
        ({"k002"}, ["k001", "r001"]),
    ],
)
def test_what_a_database_lacks(found: set[str], missing: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.store.revisions.branches", lambda _: (("k001",), ("r001",)))
    assert lacking("routing", found) == missing
