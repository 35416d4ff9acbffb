"""Rounding discriminants to eight bits, so that a reference with many sources stays small.

Rounding each weight to its nearest step costs two points of accuracy. Here the error of each dimension is made good by
the weights of those after it, as far as features go together, so that scores keep their values on pictures like the
ones fitted on (E. Frantar et al., "GPTQ", ICLR 2023: optimal brain quantisation column by column).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fingerprint.expert import Expert
from fingerprint.lda import Discriminant

LEVELS = 127
_DAMPING = 0.01  # of the features' correlation matrix
_BLOCK = 128


class Rounder:
    """Rounds discriminants on features of one kind."""

    def __init__(self, features: np.ndarray) -> None:
        """Measure how features go together.

        Args:
            features: (n, d) float32, of training samples.
        """
        self._mean = features.mean(axis=0, dtype=np.float64)
        z = features - self._mean.astype(np.float32)
        self._deviation = np.sqrt((z * z).mean(axis=0, dtype=np.float64)) + 1e-6
        z /= self._deviation.astype(np.float32)
        self._correlation = (z.T @ z).astype(np.float64) / len(z)
        self._factors: dict[bytes, np.ndarray] = {}

    def experts(self, given: Sequence[Expert], mask: np.ndarray) -> list[Expert]:
        """Round experts' discriminants to eight bits, and the places of sources to single precision.

        Args:
            given: experts on the dimensions of `mask`.
            mask: (d,) bool.
        """
        return [
            replace(
                expert,
                detector=self.rounded(expert.detector, mask),
                tracer=self.rounded(expert.tracer, mask),
                places=replace(
                    expert.places,
                    whitener=expert.places.whitener.astype(np.float32),
                    centres=expert.places.centres.astype(np.float32),
                ),
            )
            for expert in given
        ]

    def rounded(self, item: Discriminant, mask: np.ndarray) -> Discriminant:
        """Return a discriminant whose weights are whole multiples, up to 127, of one step a dimension.

        Args:
            item: a discriminant on the dimensions of `mask`; those whose weights are all zero stay so.
            mask: (d,) bool.
        """
        used = item.weights.any(axis=1)
        chosen = np.flatnonzero(mask)[used]
        deviation = self._deviation[chosen, None]
        weights = item.weights[used].astype(np.float64)
        whole, steps = _rounded(weights * deviation, self._factor(chosen))
        steps = (steps / deviation[:, 0]).astype(np.float32)
        new = np.zeros_like(item.weights)
        new[used] = whole.astype(np.float32) * steps[:, None]
        offsets = item.offsets + self._mean[chosen] @ (weights - new[used])
        every = np.zeros(len(new), np.float32)
        every[used] = steps
        return replace(item, weights=new, offsets=offsets.astype(item.offsets.dtype), steps=every)

    def _factor(self, chosen: np.ndarray) -> np.ndarray:
        """The upper Cholesky factor of the inverse of the damped correlation matrix of some dimensions."""
        from scipy.linalg import cholesky, get_lapack_funcs  # slow to import, and only fitting needs it

        key = chosen.tobytes()
        if key not in self._factors:
            matrix = self._correlation[np.ix_(chosen, chosen)]
            matrix[np.diag_indices(len(matrix))] += _DAMPING
            # With rows and columns turned round, M = R R^T for an upper R, so that the inverse is (R^-1)^T R^-1.
            lower = cholesky(matrix[::-1, ::-1], lower=True, overwrite_a=True, check_finite=False)
            (inverted,) = get_lapack_funcs(["trtri"], [lower])
            self._factors[key] = inverted(np.asfortranarray(lower[::-1, ::-1]), lower=0, overwrite_c=1)[0]
        return self._factors[key]


def _rounded(weights: np.ndarray, factor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return whole numbers (d, k) up to `LEVELS` and steps (d,) for weights of standardised features."""
    weights = weights.copy()
    whole, steps = np.zeros(weights.shape, np.int8), np.zeros(len(weights))
    for start in range(0, len(weights), _BLOCK):
        stop = min(start + _BLOCK, len(weights))
        block, errors = weights[start:stop], np.zeros((stop - start, weights.shape[1]))
        for row in range(stop - start):
            at = start + row
            steps[at] = max(np.abs(block[row]).max() / LEVELS, 1e-30)
            whole[at] = np.rint(block[row] / steps[at])
            errors[row] = (block[row] - whole[at] * steps[at]) / factor[at, at]
            block[row + 1 :] -= np.outer(factor[at, at + 1 : stop], errors[row])
        weights[stop:] -= factor[start:stop, stop:].T @ errors
    return whole, steps
