"""The verdict on a request: the learned screen's, or a rule's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from services.intake.screening import model
from services.intake.screening.model import Weights
from services.intake.screening.rules import Rules
from services.intake.screening.text import prepare

ADVICE = (
    "您反映的情况可能涉及紧急警情，请立即拨打110报警；有人受伤或被困，请同时拨打120、119。"
    "如果您或身边的人有轻生的念头，也可以拨打12356心理援助热线。本诉求已标记为紧急。"
)
"""What the citizen is told, together with the answer to their request."""

SHIPPED = Path(__file__).parent / "weights" / "urgency.json.gz"


@dataclass(frozen=True, slots=True)
class Finding:
    """What the screen says of a request: the learned screen's score (0..1), and the rule that was met, if any."""

    urgent: bool
    score: float
    rule: str | None
    version: str


@dataclass(frozen=True, slots=True)
class Screen:
    """Weights and rules together. Either can flag, neither can take the other's flag away."""

    weights: Weights
    rules: Rules

    @property
    def version(self) -> str:
        """Names weights and rules: of the events, and of what people said about them."""
        return f"{self.weights.version}/{self.rules.version}"

    @property
    def threshold(self) -> float:
        """The score from which on the learned screen flags: the bureau's own, else the one it was trained with."""
        return self.weights.threshold if self.rules.threshold is None else self.rules.threshold

    def judge(self, subject: str | None, body: str) -> Finding:
        """Whether the request is one for 110."""
        text = prepare(subject, body)
        score = self.weights.probability(text)
        rule = self.rules.find(text)
        return Finding(score >= self.threshold or rule is not None, score, rule, self.version)


@cache
def shipped() -> Weights:
    """The weights that come with this build."""
    return model.load(SHIPPED.read_bytes())
