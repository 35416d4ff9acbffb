"""One worker of a sweep: a process that trains the runs it is told of, one after another.

It reads a run's config as a line of JSON, and answers with lines of JSON: `ready` once, then for each run `step` at
every log boundary and in the end `trained` or `failed`; or else `there` if another process has finished that run, or
`busy` if one is at it. When its input ends, because whoever started it has ended, it ends at once; the run goes on from
its checkpoint another time.
"""

import gc
import json
import os
import queue
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_zoo.config import TrainConfig
from model_zoo.distillation.config import DistilConfig

if TYPE_CHECKING:
    from model_zoo.loop import Progress

Say = Callable[..., None]

_ROOMY = 1_500_000  # KiB (bytes on macOS, where memory is thus let go each time): what may be used before programs go


def main() -> None:
    """Serves until there is no more input.

    The command line is the folder of all runs, and the processor cores to keep to (`0,1`), empty for any.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the one in charge ends us
    root, cores = Path(sys.argv[1]), sys.argv[2]
    say = _channel()
    orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    backend = _settle(cores)
    say("ready", backend=backend)
    while True:
        _serve(orders.get(), root, say)


def _channel() -> Say:
    """Keeps standard output for answers: what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)

    def say(kind: str, **content: Any) -> None:
        answers.write(json.dumps({"kind": kind} | content) + "\n")
        answers.flush()

    return say


def _listen(orders: "queue.SimpleQueue[dict[str, Any]]") -> None:
    for line in sys.stdin:
        orders.put(json.loads(line))
    os._exit(0)


def _settle(cores: str) -> str:
    """Keeps to the cores before any thread is started, unless the work turns out not to be done on them.

    Returns:
        The name of JAX's backend.
    """
    everything = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if cores and everything:
        os.sched_setaffinity(0, set(map(int, cores.split(","))))
    import jax

    import model_zoo.runs  # noqa: F401 - what cannot be imported is to be known before the first run

    backend = jax.default_backend()
    if cores and everything and backend != "cpu":
        for thread in Path("/proc/self/task").iterdir():
            os.sched_setaffinity(int(thread.name), everything)
    return backend


def _serve(order: dict[str, Any], root: Path, say: Say) -> None:
    """Trains one run, unless it is finished or claimed."""
    import jax

    from model_zoo.claims import claim, finished

    order["options"] = tuple(order["options"])
    config = (DistilConfig if "method" in order else TrainConfig)(**order)
    try:
        with claim(config, root) as free:
            if not free:
                say("busy")
                return
            if finished(config, root) is not None:
                say("there")
                return
            _train(config, root, lambda seen: say("step", step=seen.step, steps=seen.steps, loss=seen.loss))
        say("trained")
    except (ValueError, OSError) as error:
        say("failed", reason=" ".join(str(error).split()))
    except Exception as error:  # one run's trouble is not the next one's
        say("failed", reason=f"internal error: {type(error).__name__}: {' '.join(str(error).split())}")
    finally:
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > _ROOMY:  # else the next run finds them compiled
            jax.clear_caches()
        gc.collect()


def _train(config: TrainConfig, root: Path, report: Callable[["Progress"], None]) -> None:
    """Trains one run, whatever its kind."""
    if isinstance(config, DistilConfig):
        from model_zoo.distillation.runs import distil

        distil(config, root, report=lambda stage, seen: report(seen))
        return
    from model_zoo.runs import run

    run(config, root, report=report)


if __name__ == "__main__":
    main()
