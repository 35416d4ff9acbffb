"""A differentiable way from pixels to likelihood ratios, as an adversary who knows the whole tool would build it.

Convention: pictures are float32 `H W 3` in grey levels (0..255), which need not be whole; features are those of
`spectra.tile_features`, likelihood ratios are natural logarithms.

What is computed is what attribution computes: pixels are rounded, co-occurrences counted. Only slopes are made up where
the true ones are zero or infinite: rounding is passed straight through (Bengio et al., 2013), and a count's slope is
that of a soft count, in which a residual near the border of two bins falls into each of them in part.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

from fingerprint.attributor import FLATTEST, MAX_TILES
from fingerprint.embedding.embedder import Embedder, load_embedder
from fingerprint.embedding.network import Shape, Weights, moments, statistics
from fingerprint.expert import is_innocent
from fingerprint.kinds import Kinds
from fingerprint.lda import Discriminant
from fingerprint.logistic import Logistic
from fingerprint.openset import FARTHEST, KNOWN, LEADS
from fingerprint.reference import Reference
from spectra import DIMENSIONS, TILE, fold, median_residual, tile_origins
from spectra.cooccurrence import BINS, KERNELS, ORDER, SUBMODELS, TRUNCATION, count_codes, residual_maps, symmetry_map
from spectra.power import split_by_activity, window_log_power
from spectra.windows import cut_windows

_REACH = 5  # pixels, of the largest kernel
_GRID = 8  # pixels; an embedding sees tiles from where a JPEG block begins
SOFTNESS = 1.0  # width, in quantisation steps, over which a residual passes from one bin to the next


class Learned(NamedTuple):
    """Arrays of an embedding, as `fingerprint.embedding.network` names them."""

    weights: Weights
    running: Weights


def _straight(rough: jax.Array, smooth: jax.Array) -> jax.Array:
    """Return the values of one array with the slopes of the other."""
    return smooth + jax.lax.stop_gradient(rough - smooth)


def _planes(tiles: jax.Array) -> jax.Array:
    """Return luma, R - G and B - G of tiles (n, h, w, 3) as (n, 3, h, w); luma rounded as `spectra` rounds it."""
    red, green, blue = tiles[..., 0], tiles[..., 1], tiles[..., 2]
    light = (77 * red + 150 * green + 29 * blue) / 256
    return jnp.stack([_straight(jnp.floor(light + 0.5), light), red - green, blue - green], axis=1)


# Co-occurrences


@cache
def _bank() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the submodels are made of.

    Returns:
        Kernels (s, 1, 5, 5), turned so that runs go along the last axis; the borders (s, 4) between a residual's bins;
        and where (s, TILE, TILE - 3) whole runs of whole residuals begin, as 0 and 1.
    """
    kernels = [np.array(KERNELS[sub.kernel]) for sub in SUBMODELS]
    turned = [k if sub.scan == "along" else k.T for k, sub in zip(kernels, SUBMODELS, strict=True)]
    bank = np.zeros((len(turned), 1, _REACH, _REACH), np.float32)
    inside = np.zeros((len(turned), TILE, TILE - ORDER + 1), np.float32)
    for number, kernel in enumerate(turned):
        rows, columns = kernel.shape
        bank[number, 0, :rows, :columns] = kernel
        inside[number, : TILE - rows + 1, : TILE - columns - ORDER + 2] = 1
    upper = np.array([[k * sub.step - sub.step // 2 - 0.5 for k in range(1, TRUNCATION + 1)] for sub in SUBMODELS])
    return bank, np.concatenate([-upper[:, ::-1], upper], axis=1).astype(np.float32), inside


def _bins(planes: jax.Array) -> jax.Array:
    """Return the bins of planes' residuals (p, s, h, w), numbers that pass smoothly from one bin to the next."""
    bank, borders, _ = _bank()
    wide = jnp.pad(planes, ((0, 0), (0, _REACH - 1), (0, _REACH - 1)))[:, None]
    residual = jax.lax.conv_general_dilated(wide, jnp.asarray(bank), (1, 1), "VALID", precision="highest")
    width = np.array([SOFTNESS * sub.step for sub in SUBMODELS], np.float32)[None, :, None, None]
    parts = [jnp.clip((residual - border[None, :, None, None]) / width + 0.5, 0, 1) for border in borders.T]
    return jnp.stack(parts).sum(axis=0)


def _looked_up(bins: jax.Array, table: jax.Array) -> jax.Array:
    """Look up what each run of four neighbours along the last axis is worth, interpolating linearly between bins.

    Args:
        bins: (p, h, w), from 0 to 2 * TRUNCATION, which need not be whole.
        table: (p, BINS).

    Returns:
        (p, h, w - 3).
    """
    base, runs = 2 * TRUNCATION + 1, bins.shape[2] - ORDER + 1
    below = jax.lax.stop_gradient(jnp.clip(jnp.floor(bins), 0, base - 2))
    digits, parts = (
        [values[..., k : k + runs] for k in range(ORDER)] for values in (below.astype(jnp.int32), bins - below)
    )
    places = base ** np.arange(ORDER - 1, -1, -1)
    corners = (np.arange(2**ORDER)[:, None] >> np.arange(ORDER - 1, -1, -1) & 1) @ places  # from a run's lowest code
    reached = np.minimum(np.arange(BINS)[:, None] + corners[None], BINS - 1)
    rows = jnp.arange(len(bins), dtype=jnp.int32)[:, None, None] * BINS
    code = rows + sum(digit * int(place) for digit, place in zip(digits, places, strict=True))
    worth = table[:, reached].reshape(-1, 2**ORDER)[code]
    for part in parts:  # the first neighbour's two bins lie furthest apart
        low, high = jnp.split(worth, 2, axis=-1)
        worth = low + part[..., None] * (high - low)
    return worth[..., 0]


def _soft_value(tile: Float[Array, "h w 3"], worth: Float[Array, "p s c"]) -> Float[Array, ""]:
    """Add up what every co-occurrence of a tile is worth, counted softly.

    Args:
        tile: in grey levels, TILE pixels a side.
        worth: of each plane's, submodel's and code's count.
    """
    planes = _planes(tile[None])[0]
    bins = _bins(jnp.concatenate([planes, planes.swapaxes(1, 2)]))  # submodels are counted in both directions
    tables = jnp.concatenate([worth, worth])[..., symmetry_map()]
    inside = jnp.asarray(_bank()[2])

    def one(given: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        return (_looked_up(given[0], given[1]) * given[2][None]).sum()

    return jax.lax.map(one, (bins.swapaxes(0, 1), tables.swapaxes(0, 1), inside)).sum()


@jax.custom_vjp
def counts_of(tile: Float[Array, "h w 3"]) -> Float[Array, "p s c"]:
    """Count a rounded tile's co-occurrences as `spectra` does; the slopes are those of soft counts."""
    return count_codes(residual_maps(jnp.rint(tile).astype(jnp.int32)[None]))[0].astype(jnp.float32)


def _counted(tile: jax.Array) -> tuple[jax.Array, jax.Array]:
    return counts_of(tile), tile


def _pulled(tile: jax.Array, worth: jax.Array) -> tuple[jax.Array]:
    return (jax.grad(_soft_value)(tile, worth),)


counts_of.defvjp(_counted, _pulled)


# Features


def _powers(tile: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return a tile's folded spectra, in the order of `spectra.features`, and the standard deviation of its luma."""
    planes = _planes(tile[None])
    luma = planes[:, 0]
    power = window_log_power(jnp.concatenate([luma, median_residual(luma), planes[:, 1], planes[:, 2]]))
    halves = split_by_activity(power[:1], cut_windows(luma).var(axis=(-2, -1)))[0]
    return fold(jnp.concatenate([halves, power[1:].mean(axis=1)])).reshape(-1), luma.std()


def origins_of(pixels: jax.Array) -> list[tuple[int, int]]:
    """Return (top, left) of the tiles that attribution measures a picture on.

    Raises:
        ValueError: it is smaller than a tile.
    """
    height, width = pixels.shape[:2]
    origins = tile_origins(height, width, MAX_TILES)
    if not origins:
        raise ValueError(f"pixels must be at least {TILE}x{TILE}, got {height}x{width}")
    return origins


def _cut(pixels: jax.Array, origins: Sequence[tuple[int, int]]) -> jax.Array:
    return jnp.stack([pixels[top : top + TILE, left : left + TILE] for top, left in origins])


def features(
    pixels: Float[Array, "h w 3"], learned: Learned | None = None, shape: Shape | None = None
) -> Float[Array, " d"]:
    """Return the feature vector of a picture, which can be differentiated by its pixels.

    Args:
        pixels: in grey levels; rounded before anything is measured.
        learned: arrays of the embedding that follows the classical features, None where there is none.
        shape: of that embedding's network.

    Returns:
        What attribution measures on the rounded picture: the mean over its tiles, those without texture left out.

    Raises:
        ValueError: the picture is smaller than a tile.
    """
    origins, picture = origins_of(pixels), _straight(jnp.clip(jnp.rint(pixels), 0, 255), pixels)
    tiles = _cut(picture, origins)
    counts, (powers, activity) = jax.lax.map(lambda tile: (counts_of(tile), _powers(tile)), tiles)
    kept = jax.lax.stop_gradient((activity >= FLATTEST).astype(jnp.float32))
    total = (counts * kept[:, None, None, None]).sum(axis=0)
    everything = total.sum(axis=-1, keepdims=True)
    share = total / everything
    # the slope of the root at p is that of the step from p to one count more, finite at zero
    root = _straight(jnp.sqrt(share), jnp.sqrt(share + jax.lax.stop_gradient(0.25 / everything)))
    power = (powers * kept[:, None]).sum(axis=0) / kept.sum()
    parts = [root.reshape(-1), power]
    if learned is not None and shape is not None:
        seen = _cut(picture, [(top // _GRID * _GRID, left // _GRID * _GRID) for top, left in origins])
        each = jax.lax.map(lambda tile: moments(shape, *learned, tile[None])[0], seen)
        averaged = (each * kept[:, None]).sum(axis=0, keepdims=True) / kept.sum()
        parts.append(statistics(*learned, averaged)[0])
    return jnp.concatenate(parts)


# Likelihood ratios


class Sharpness(NamedTuple):
    """The arrays of `fingerprint.kinds.Kinds`.

    Attributes:
        member: (g, k2) bool, which sources are of a kind.
        temperatures: (g,) factor within each kind.
        between: factor between kinds.
        offsets: (g,) added to that.
    """

    member: jax.Array
    temperatures: jax.Array
    between: jax.Array
    offsets: jax.Array


class Model(NamedTuple):
    """An expert and its router as arrays; `model_of` makes it.

    Attributes:
        detector: weights (d, k1) and offsets (k1,), in log-likelihoods.
        innocent: (k1,) bool, which classes were not upscaled.
        detection: (3,) slopes and offset.
        tracer: weights (d, k2) and offsets (k2,).
        kinds: what makes log-probabilities of the tracer's scores.
        usual: distance to the nearest source beyond which scores are less sharp.
        middle: (k2,) scores of the point midway between all sources.
        whitener: (k2, j).
        centres: (k2, j), places relative to that point.
        novelty: (4,) slopes and offset.
        match: (3,) slopes and offset.
        router: weights (d, c) and offsets (c,), in log-likelihoods.
        condition: column of the router that belongs to the expert.
    """

    detector: tuple[jax.Array, jax.Array]
    innocent: jax.Array
    detection: jax.Array
    tracer: tuple[jax.Array, jax.Array]
    kinds: "Sharpness"
    usual: jax.Array
    middle: jax.Array
    whitener: jax.Array
    centres: jax.Array
    novelty: jax.Array
    match: jax.Array
    router: tuple[jax.Array, jax.Array]
    condition: jax.Array


class Told(NamedTuple):
    """What an expert says of one picture.

    Attributes:
        upscaled: log likelihood ratio of upscaled against not upscaled.
        known: log likelihood ratio of an enrolled against an unknown upscaler.
        log_sources: (k3,) log-probabilities of the sources, given that one of them made it.
        routed: log-probability, by the router, of the condition whose expert this is.
    """

    upscaled: jax.Array
    known: jax.Array
    log_sources: jax.Array
    routed: jax.Array


def learned_part(reference: Reference) -> Embedder | None:
    """Return the embedding that a reference's features end with, None where they are the classical ones alone.

    Raises:
        ValueError: the reference rests on features of another kind.
    """
    rows = len(reference.routers["colour"].weights)
    if rows == DIMENSIONS:
        return None
    embedder = load_embedder()
    if rows != DIMENSIONS + embedder.dimensions:
        both = DIMENSIONS + embedder.dimensions
        raise ValueError(f"reference must rest on {DIMENSIONS} features, or {both} with the embedding's, got {rows}")
    return embedder


def arrays_of(embedder: Embedder) -> Learned:
    """Return an embedding's arrays on the device."""
    weights, running = (
        {name: jnp.asarray(value) for name, value in part.items()} for part in (embedder.weights, embedder.running)
    )
    return Learned(weights, running)


def model_of(reference: Reference, condition: str) -> Model:
    """Take from a reference what colour pictures' likelihood ratios follow from.

    Args:
        reference: an open one.
        condition: name of the expert's condition.
    """
    expert, router = reference.experts["colour", condition], reference.routers["colour"]
    places, heat = expert.places, reference.router_temperatures["colour"]
    return Model(
        detector=_linear(expert.detector, expert.detection_temperature),
        innocent=jnp.asarray([is_innocent(name) for name in expert.detector.classes]),
        detection=_contrast(expert.detection, "upscaled"),
        tracer=_linear(expert.tracer, 1.0),
        kinds=_sharpness(expert.kinds),
        usual=jnp.asarray(expert.usual, jnp.float32),
        middle=jnp.asarray(places.origin, jnp.float32),
        whitener=jnp.asarray(places.whitener, jnp.float32),
        centres=jnp.asarray(places.centres, jnp.float32),
        novelty=_contrast(expert.novelty, KNOWN),
        match=_contrast(expert.match, KNOWN),
        router=_linear(router, heat),
        condition=jnp.asarray(router.classes.index(condition)),
    )


def _linear(discriminant: Discriminant, factor: float) -> tuple[jax.Array, jax.Array]:
    return (
        jnp.asarray(discriminant.weights * np.float32(factor), jnp.float32),
        jnp.asarray(discriminant.offsets * factor, jnp.float32),
    )


def _contrast(model: Logistic, positive: str) -> jax.Array:
    """Return slopes and offset of a two-class model's log-odds."""
    k = model.classes.index(positive)
    slopes, offset = model.weights[:, k] - model.weights[:, 1 - k], model.offsets[k] - model.offsets[1 - k]
    return jnp.asarray([*slopes, offset], jnp.float32)


def _sharpness(kinds: Kinds) -> Sharpness:
    member = kinds.of[None] == np.arange(len(kinds.temperatures))[:, None]
    factors = (kinds.temperatures, kinds.between, kinds.offsets)
    return Sharpness(jnp.asarray(member), *(jnp.asarray(part, jnp.float32) for part in factors))


def _log_sources(kinds: Sharpness, trace: Float[Array, " k"]) -> Float[Array, " k"]:
    """Return log-probabilities of the sources, as `Kinds.log_probabilities` does."""
    sharpened = trace * jnp.where(kinds.member, kinds.temperatures[:, None], 0).sum(axis=0)
    sums = logsumexp(jnp.where(kinds.member, sharpened[None], -jnp.inf), axis=1)
    among = jax.nn.log_softmax(kinds.between * sums / kinds.temperatures + kinds.offsets)
    return sharpened + jnp.where(kinds.member, (among - sums)[:, None], 0).sum(axis=0)


def tell(model: Model, vector: Float[Array, " d"]) -> Told:
    """Say what an expert says of a feature vector, as `Expert.score` does.

    Args:
        model: the expert.
        vector: a colour picture's features.
    """
    detect, trace, routes = (_product(vector, part) for part in (model.detector, model.tracer, model.router))
    made, not_made = (logsumexp(jnp.where(side, detect, -jnp.inf)) for side in (~model.innocent, model.innocent))
    place = jnp.matmul(trace - model.middle, model.whitener, precision="highest")
    squared = jnp.square(place[None] - model.centres).sum(axis=-1)
    nearest, second = -jax.lax.top_k(-squared, 2)[0]
    far, lead = jnp.sqrt(nearest), jnp.log1p((second - nearest) / 2)
    known = _linear_in(model.novelty, jnp.minimum(far, FARTHEST), *(jnp.minimum(lead, most) for most in LEADS))
    match = _linear_in(model.match, far, lead)
    return Told(
        upscaled=model.detection[0] * (made - not_made) + model.detection[1] * jax.nn.relu(match) + model.detection[2],
        known=known,
        log_sources=_log_sources(model.kinds, trace * jnp.square(jnp.minimum(far, model.usual) / far)),
        routed=jax.nn.log_softmax(routes)[model.condition],
    )


def _linear_in(model: jax.Array, *inputs: jax.Array) -> jax.Array:
    return jnp.stack(inputs) @ model[:-1] + model[-1]


def _product(vector: jax.Array, linear: tuple[jax.Array, jax.Array]) -> jax.Array:
    return jnp.matmul(vector, linear[0], precision="highest") + linear[1]
