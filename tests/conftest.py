"""Settings that hold for every test: two CPU devices, strict promotion, and where the data is."""

import os
import sys
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

# These are read when jax is first imported, so they are set before any test module can do so. Commands that a test
# starts as processes of their own inherit them.
_DEVICES = "--xla_force_host_platform_device_count=2"
if _DEVICES not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_DEVICES}".strip()
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["JAX_NUMPY_DTYPE_PROMOTION"] = "strict"
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["WHORL_ZOO"] = str(Path(__file__).resolve().parent / "no-such-folder")  # no network of one's own

if "jax" in sys.modules:
    raise pytest.UsageError("jax was imported before tests/conftest.py could set two devices and strict promotion")

# Every call into our packages is checked against its annotations, shapes included. As for a static checker, an int may
# stand where a float is asked for. (pytest's own option for this cannot name several packages and a setting.)
PACKAGES = ("datasets", "model_zoo", "spectra", "fingerprint", "reports")
CHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
install_import_hook(PACKAGES, CHECKER)

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files instead of comparing with them")


def _missing_data(item: pytest.Item) -> str | None:
    """Say what a test marked `data` lacks, or None."""
    marker = item.get_closest_marker("data")
    if marker is None:
        return None
    root = os.environ.get("WHORL_DATA")
    if not root:
        return "WHORL_DATA is not set: it names the folder with the photographs and networks' outputs"
    for folder in ("", *marker.args):
        if not (Path(root) / folder).exists():
            return f"WHORL_DATA has no {folder or 'folder'}: {Path(root) / folder}"
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    reason = _missing_data(item)
    if reason is None:
        return
    if os.environ.get("CI") == "true" or os.environ.get("WHORL_REQUIRE_DATA") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds pyproject.toml."""
    return REPOSITORY


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The data folder; only for tests marked `data`, which do not start without it."""
    return Path(os.environ["WHORL_DATA"])


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written anew (`--update-golden`)."""
    return bool(request.config.getoption("--update-golden"))
