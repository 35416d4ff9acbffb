"""The loop over steps that trainings share."""

import math
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from fingerprint.descent import descend
from model_zoo.checkpoints import Checkpoints


def take(state, batch):
    return {"sum": state["sum"] * np.float32(0.9) + batch}, batch


def run(folder: Path, *, losses=None, report=lambda *told: None, until=lambda: False):
    """Seven steps, told of after every third, kept after every second; a step's batch is its number."""
    losses = losses or [1.0] * 7
    return descend(
        folder,
        {"sum": jnp.zeros(2)},
        np.float32,
        take,
        lambda seen: (losses[int(seen[-1])], [int(batch) for batch in seen]),
        report,
        steps=7,
        every=3,
        keep_every=2,
        until=until,
    )


def test_a_run_tells_of_the_steps_since_it_last_did(tmp_path):
    told = []
    run(tmp_path, report=lambda done, seconds, summary: told.append((done, summary[1])))
    assert told == [(3, [0, 1, 2]), (6, [3, 4, 5]), (7, [6])]


def test_what_was_stopped_goes_on_to_the_same_bits(tmp_path):
    whole, stops = run(tmp_path / "whole"), []
    part = run(tmp_path / "parts", until=lambda: bool(stops.append(0)) or len(stops) == 2)
    with Checkpoints(tmp_path / "parts") as checkpoints:
        assert checkpoints.latest() == 4
    assert not np.array_equal(part["sum"], whole["sum"])
    assert np.array_equal(run(tmp_path / "parts")["sum"], whole["sum"])


@pytest.mark.parametrize(("step", "noticed"), [(3, 4), (4, 6), (5, 6)])
def test_a_loss_that_is_not_finite_ends_a_run_and_is_not_kept(tmp_path, step, noticed):
    losses = [1.0] * step + [math.nan] * (7 - step)
    with pytest.raises(FloatingPointError, match=f"not finite at step {noticed}"):
        run(tmp_path, losses=losses)
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.latest() == noticed - 2
