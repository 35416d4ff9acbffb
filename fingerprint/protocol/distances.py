"""How far networks lie apart, against how far their own pictures scatter; and a map of all pictures in the plane."""

from collections.abc import Sequence

import numpy as np

PERPLEXITY = 30.0


def ratios(vectors: np.ndarray, truth: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Return the ratio of distances within two networks to those between them.

    R(A, B) = (E|a1 - a2| + E|b1 - b2|) / (2 E|a - b|), over pairs of different pictures: 1 where two networks cannot be
    told apart, near 0 where they lie far from each other (Vonderfecht and Liu, TMLR 2022).

    Args:
        vectors: (n, j) of the pictures.
        truth: (n,) which network made each.
        names: of k networks, each with at least two pictures.

    Returns:
        (k, k), symmetric, 1 on the diagonal.

    Raises:
        ValueError: a network has fewer than two pictures.
    """
    from scipy.spatial.distance import cdist, pdist  # slow to import

    groups = [vectors[truth == name] for name in names]
    few = [name for name, group in zip(names, groups, strict=True) if len(group) < 2]
    if few:
        raise ValueError(f"every network needs at least two pictures, {', '.join(few)} has not")
    own = np.array([pdist(group).mean() for group in groups])
    out = np.eye(len(groups))
    for a, first in enumerate(groups):
        for b in range(a):
            out[a, b] = out[b, a] = (own[a] + own[b]) / (2 * cdist(first, groups[b]).mean())
    return out


def plane(vectors: np.ndarray, seed: int) -> np.ndarray:
    """Lay vectors out in the plane by t-SNE, so that neighbours stay neighbours.

    Args:
        vectors: (n, j), n at least 3.
        seed: of the start.

    Returns:
        (n, 2) float32.
    """
    from sklearn.manifold import TSNE  # slow to import

    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(vectors)
