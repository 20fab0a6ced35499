"""The screen that this process judges by: follows what is promoted in the database, and keeps working without it."""

from __future__ import annotations

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.screening import releases
from services.intake.screening.model import Weights, WeightsError
from services.intake.screening.rules import Rules
from services.intake.screening.screen import Finding, Screen

log = structlog.get_logger(__name__)


class ScreenInForce:
    """Judges by the shipped weights until `follow` has found others promoted."""

    def __init__(self, shipped: Weights, rules: Rules) -> None:
        self._shipped = shipped
        self._rules = rules
        self._promoted = releases.SHIPPED
        self._screen = Screen(shipped, rules)
        self.trouble: str | None = None
        """Why the promoted weights are not the ones in use, for readiness."""

    @property
    def screen(self) -> Screen:
        """The screen in force."""
        return self._screen

    def judge(self, subject: str | None, body: str) -> Finding:
        """Whether the request is one for 110."""
        return self._screen.judge(subject, body)

    async def follow(self, engine: AsyncEngine) -> None:
        """Take over what was promoted since. Weights that can't be used leave those in use as they are."""
        async with engine.connect() as connection:
            promoted = await releases.current(connection)
            if promoted == self._promoted:
                return
            try:
                weights = (
                    self._shipped if promoted == releases.SHIPPED else await releases.weights(connection, promoted)
                )
            except WeightsError as error:
                self.trouble = (
                    f"The promoted weights {promoted} can't be used, {self._screen.version} still are: {error}"
                )
                log.error("screening_not_followed", promoted=promoted, reason=str(error))
                return
        self.trouble = None
        self._promoted = promoted
        self._screen = Screen(weights, self._rules)
        log.info("screening_in_force", version=self._screen.version)
