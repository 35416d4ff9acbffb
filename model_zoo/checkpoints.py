"""Resumable training state on disk, by orbax; the only module that knows it.

A checkpoint appears whole or not at all: orbax writes beside and renames. Finished weights are not kept this way, see
:mod:`model_zoo.weights`.
"""

from pathlib import Path
from types import TracebackType
from typing import Any

import jax
from orbax.checkpoint import v1 as ocp


class Checkpoints:
    """The newest checkpoints of one run."""

    def __init__(self, folder: Path, *, keep: int = 2) -> None:
        """Opens a run's checkpoints, making the folder if need be.

        Args:
            folder: where they are.
            keep: how many of the newest stay on disk.
        """
        self._checkpointer = ocp.training.Checkpointer(
            str(folder.resolve()),
            preservation_policy=ocp.training.preservation_policies.LatestN(keep),  # pyright: ignore[reportArgumentType]
        )

    def __enter__(self) -> "Checkpoints":
        """Returns itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        """Finishes what is being written."""
        self._checkpointer.close()

    def latest(self) -> int | None:
        """The newest checkpoint's step, None if there is none."""
        found = self._checkpointer.latest
        return None if found is None else int(found.step)

    def save(self, step: int, state: Any) -> None:
        """Writes a checkpoint and waits until it is there.

        Args:
            step: number of steps taken.
            state: pytree of arrays.
        """
        self._checkpointer.save(step, _numbered(state))

    def load(self, step: int, like: Any) -> Any:
        """Reads a checkpoint.

        Args:
            step: which.
            like: pytree of arrays of the same structure, shapes and types.

        Returns:
            The state.
        """
        found = self._checkpointer.load(step, jax.tree.map(_shape, _numbered(like)))
        return jax.tree.unflatten(jax.tree.structure(like), [found[name] for name in sorted(found)])


def _numbered(state: Any) -> dict[str, jax.Array]:
    """The leaves alone, in order: empty branches and named tuples are no concern of the file's."""
    return {f"{index:06}": leaf for index, leaf in enumerate(jax.tree.leaves(state))}


def _shape(leaf: jax.Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)
