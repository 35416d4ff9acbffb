"""Which source of one scale: what a picture's agreement with the imitator's sources adds to what the experts say.

The experts judge by statistics that JPEG drowns; agreement is a comparison pixel by pixel, of which it leaves more. So
within a scale their log-probabilities and the scores of a discriminant on agreement are added with factors that were
learned on held-out pictures of each condition. How likely the scale is remains the experts' to say, and so does whether
the source is enrolled at all: an imitator knows every source that it was trained on, so nothing that it says of one of
them shows what it would say of a stranger. Natural logarithms.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import logsumexp

from fingerprint.expert import Scored
from fingerprint.imitation.agreement import LEAST, Sums, explained
from fingerprint.kinds import Kinds
from fingerprint.lda import Discriminant


def vector(sums: Sums) -> np.ndarray:
    """Return what a picture's sums say, whatever its content and size: (d,) float32.

    For all bands together and for each: the coefficients with which its sources' pictures best explain it (ridge
    regression), its correlation with each, and how much there is to explain and to explain it with.

    Args:
        sums: over the picture's windows.
    """
    parts = [(sums.products.sum(axis=0), sums.among.sum(axis=0), float(sums.energy.sum()))]
    parts += list(zip(sums.products, sums.among, sums.energy.tolist(), strict=True))
    out = []
    for products, among, energy in parts:
        size = np.trace(among) / len(among) + LEAST
        coefficients = explained(products, among)
        alike = products / np.sqrt((among.diagonal() + LEAST) * (energy + LEAST))
        out += [coefficients, alike, np.log([(energy + LEAST) / sums.pixels, size / sums.pixels])]
    return np.concatenate(out).astype(np.float32)


@dataclass(frozen=True)
class Say:
    """What agreement counts in one condition.

    Attributes:
        experts: factor on the experts' log-probabilities within the scale.
        agreement: factor on the discriminant's scores, which are added to these.
        kinds: what the sums mean: agreement is sharp about sources that imitators follow closely, blunt about others.
    """

    experts: float
    agreement: float
    kinds: Kinds

    def log_probabilities(self, within: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Return (n, k) log-probabilities of a scale's sources.

        Args:
            within: (n, k) those of the experts.
            scores: (n, k) of the discriminant on agreement.
        """
        return self.kinds.log_probabilities(self.experts * within + self.agreement * scores)


@dataclass(frozen=True)
class Tracer:
    """What agreement says of one scale's sources.

    Attributes:
        scale: of the sources.
        imitator: identity of the imitator that the vectors come from.
        discriminant: over the sources.
        says: by condition name; agreement is not asked in others.
    """

    scale: int
    imitator: str
    discriminant: Discriminant
    says: Mapping[str, Say]

    def joined(self, scored: Scored, told: np.ndarray, condition: str) -> Scored:
        """Join what the experts said of n pictures with what agreement says.

        Args:
            scored: by the experts.
            told: (n, d) vectors.
            condition: one of `says`.
        """
        say = self.says[condition]
        columns = [scored.sources.index(name) for name in self.discriminant.classes]
        scores = self.discriminant.steady_scores(told)
        within, total = parted(scored.log_sources[:, columns])
        log_sources = scored.log_sources.copy()
        log_sources[:, columns] = total + say.log_probabilities(within, scores)
        return replace(scored, log_sources=log_sources)


def parted(log_p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, k) log-probabilities within the columns, and (n, 1): their sum's."""
    total = np.asarray(logsumexp(log_p, axis=1, keepdims=True))
    return log_p - total, total
