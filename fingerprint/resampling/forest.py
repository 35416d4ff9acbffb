"""Boosted trees as plain arrays: fitted by scikit-learn, asked without it, and kept without pickle.

J. Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 29, 2001.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

_FIELDS = {"feature": np.int16, "threshold": np.float32, "left": np.int32, "right": np.int32, "value": np.float32}


@dataclass(frozen=True)
class Forest:
    """Trees whose leaves' values add up to log-odds; all nodes stand in one list.

    Attributes:
        feature: (n,) which dimension a node asks for, -1 in a leaf.
        threshold: (n,) up to which it goes left.
        left: (n,) node to go on at, itself in a leaf.
        right: (n,) likewise.
        value: (n,) of a leaf.
        roots: (t,) first node of each tree.
        start: what the sum begins with.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray
    roots: np.ndarray
    start: float

    def score(self, features: np.ndarray) -> np.ndarray:
        """Return (m,) float64 log-odds of (m, d) float32 features."""
        nodes = np.broadcast_to(self.roots, (len(features), len(self.roots))).copy()
        rows = np.arange(len(features))[:, None]
        while (self.feature[nodes] >= 0).any():
            low = features[rows, np.maximum(self.feature[nodes], 0)] <= self.threshold[nodes]
            nodes = np.where(low, self.left[nodes], self.right[nodes])
        return self.start + self.value[nodes].sum(axis=1, dtype=np.float64)

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays by name."""
        return {name: getattr(self, name) for name in (*_FIELDS, "roots")}


def fit_forest(features: np.ndarray, positive: np.ndarray, trees: int, leaves: int, seed: int = 0) -> Forest:
    """Boost trees.

    Args:
        features: (n, d) float32, finite.
        positive: (n,) bool.
        trees: how many.
        leaves: of each tree, at most.
        seed: of the choice of dimensions.

    Raises:
        RuntimeError: this version of scikit-learn keeps its trees otherwise.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    unstopped: Any = False  # the library's stubs know "auto" alone
    fitted = HistGradientBoostingClassifier(
        early_stopping=unstopped, learning_rate=0.1, max_iter=trees, max_leaf_nodes=leaves, max_features=0.3,
        l2_regularization=1.0, random_state=seed,
    ).fit(features, positive)  # fmt: skip
    forest = _plain([rounds[0].nodes for rounds in fitted._predictors], float(fitted._baseline_prediction.item()))
    some = features[:: max(len(features) // 500, 1)]
    if not np.allclose(forest.score(some), fitted.decision_function(some), atol=1e-3):
        raise RuntimeError("scikit-learn keeps its trees in another form than this version of whorl reads")
    return forest


def _plain(trees: list[np.ndarray], start: float) -> Forest:
    """Put scikit-learn's trees, one list of nodes each, into one list."""
    roots = np.concatenate([[0], np.cumsum([len(nodes) for nodes in trees])[:-1]]).astype(np.int32)
    columns: dict[str, list[np.ndarray]] = {name: [] for name in _FIELDS}
    for root, nodes in zip(roots, trees, strict=True):
        leaf, own = nodes["is_leaf"].astype(bool), root + np.arange(len(nodes))
        columns["feature"].append(np.where(leaf, -1, nodes["feature_idx"]))
        columns["threshold"].append(np.where(leaf, 0, nodes["num_threshold"]))
        columns["left"].append(np.where(leaf, own, root + nodes["left"]))
        columns["right"].append(np.where(leaf, own, root + nodes["right"]))
        columns["value"].append(np.where(leaf, nodes["value"], 0))
    joined = {name: np.concatenate(parts).astype(_FIELDS[name]) for name, parts in columns.items()}
    return Forest(**joined, roots=roots, start=start)
