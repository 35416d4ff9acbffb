"""Weighted logistic regression, used to calibrate scores and to parse hyper-parameters. float64."""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp


@dataclass(frozen=True)
class Logistic:
    """Log-posteriors of classes that are linear in the inputs.

    Attributes:
        classes: names.
        weights: (d, c).
        offsets: (c,).
    """

    classes: tuple[str, ...]
    weights: np.ndarray
    offsets: np.ndarray

    def log_probabilities(self, inputs: np.ndarray) -> np.ndarray:
        """Return (n, c) log-probabilities for (n, d) inputs, under equal weights of the classes."""
        scores = np.einsum("nd,dc->nc", inputs.astype(np.float64), self.weights, optimize=False) + self.offsets
        return scores - logsumexp(scores, axis=1, keepdims=True)

    def log_ratio(self, inputs: np.ndarray, positive: str) -> np.ndarray:
        """Return (n,) log-odds of one of two classes for (n, d) inputs."""
        log_p = self.log_probabilities(inputs)
        k = self.classes.index(positive)
        return log_p[:, k] - log_p[:, 1 - k]


def fit_logistic(inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray, ridge: float = 1e-3) -> Logistic:
    """Fit a multinomial logistic regression by maximum weighted likelihood with a ridge on standardised inputs.

    Args:
        inputs: (n, d).
        labels: (n,) class names, at least two.
        weights: (n,) non-negative sample weights; they are scaled to a sum of one.
        ridge: penalty on the squared weights of standardised inputs.

    Returns:
        The fitted model, on raw inputs.

    Raises:
        ValueError: fewer than two classes.
    """
    from scipy.optimize import minimize  # slow to import, and only fitting needs it

    classes, target = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"labels must name at least two classes, got {len(classes)}")
    x = inputs.astype(np.float64)
    w = weights / weights.sum()
    centre = w @ x
    spread = np.sqrt(w @ (x - centre) ** 2) + 1e-9
    z = (x - centre) / spread
    onehot = np.eye(len(classes))[target]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        beta = flat.reshape(z.shape[1] + 1, len(classes))
        scores = z @ beta[:-1] + beta[-1]
        log_p = scores - logsumexp(scores, axis=1, keepdims=True)
        error = (np.exp(log_p) - onehot) * w[:, None]
        slope = np.vstack([z.T @ error + 2 * ridge * beta[:-1], error.sum(axis=0)])
        return -(w * log_p[np.arange(len(z)), target]).sum() + ridge * (beta[:-1] ** 2).sum(), slope.reshape(-1)

    start = np.zeros((z.shape[1] + 1) * len(classes))
    best = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 80}).x.reshape(-1, len(classes))
    raw = best[:-1] / spread[:, None]
    return Logistic(tuple(map(str, classes)), raw, best[-1] - centre @ raw)


def balanced_weights(*keys: np.ndarray) -> np.ndarray:
    """Return weights under which every value of the first key weighs the same, within it every value of the second, ...

    Args:
        keys: arrays (n,) of labels, from coarse to fine.

    Returns:
        (n,) float64 with a sum of one.
    """
    weights = np.ones(len(keys[0]))
    seen = [""] * len(keys[0])
    parents = np.array(seen, dtype=object)
    for key in keys:
        joint = np.array([f"{a}\x00{b}" for a, b in zip(parents, key, strict=True)])
        _, parent_of = np.unique(parents.astype(str), return_inverse=True)
        values, index = np.unique(joint, return_inverse=True)
        first = np.array([np.flatnonzero(index == k)[0] for k in range(len(values))])
        siblings = np.bincount(parent_of[first], minlength=parent_of.max() + 1)
        weights /= siblings[parent_of]
        parents = joint.astype(object)
    _, index = np.unique(parents.astype(str), return_inverse=True)
    weights /= np.bincount(index)[index]
    return weights / weights.sum()
