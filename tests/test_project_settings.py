"""The settings every other test relies on."""

import importlib
import importlib.metadata
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from jaxtyping import TypeCheckError


@pytest.mark.parametrize("package", ["datasets", "model_zoo", "spectra", "fingerprint", "reports"])
def test_package_is_ours(package: str, tmp_path: Path, repository: Path) -> None:
    # The folder names are generic: another distribution in the environment could shadow them.
    program = f"import {package}; print({package}.__file__)"
    out = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    found = Path(out.stdout.strip()).resolve()
    files = importlib.metadata.files("whorl") or []
    installed = {Path(str(file.locate())).resolve() for file in files}
    assert found.is_relative_to(repository / package) or found in installed


def test_nobody_else_provides_our_packages() -> None:
    owners = importlib.metadata.packages_distributions()
    for package in ("datasets", "model_zoo", "spectra", "fingerprint", "reports"):
        assert set(owners.get(package, ["whorl"])) == {"whorl"}, f"{package} is also installed by another distribution"


LATE = ["datasets", "model_zoo", "model_zoo.losses", "spectra", "fingerprint"]


@pytest.mark.parametrize("package", LATE)
def test_a_package_gives_its_names_when_they_are_asked_for(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__all__ and set(module.__all__) == set(dir(module))
    assert all(getattr(module, name) is not None for name in module.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        getattr(module, "nonsense")  # noqa: B009
    program = f"import sys, {package}; print(not {{'numpy', 'jax', 'PIL'}} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "True\n"
    )


@pytest.mark.parametrize("package", LATE)
def test_no_public_name_is_that_of_a_module(package: str, repository: Path) -> None:
    # Importing the module would put it in the name's place.
    modules = {path.stem for path in (repository / package.replace(".", "/")).iterdir()}
    assert not modules & set(importlib.import_module(package).__all__)


def test_two_cpu_devices() -> None:
    import jax

    assert [device.platform for device in jax.devices()] == ["cpu", "cpu"]


def test_promotion_is_strict() -> None:
    import jax.numpy as jnp

    with pytest.raises(ValueError, match="promotion"):
        _ = jnp.zeros(3, "float32") + jnp.zeros(3, "int32")
    with pytest.raises(ValueError, match="rank_promotion"):
        _ = jnp.zeros((2, 3)) + jnp.zeros(3)


def test_warnings_are_errors() -> None:
    with pytest.raises(UserWarning):
        warnings.warn("any", UserWarning, stacklevel=1)


def test_addresses_are_in_no_constraint(repository: Path) -> None:
    lines = (repository / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    for pin in pins:
        assert "://" not in pin
        assert "==" in pin, pin


def test_ci_takes_its_line_from_the_readme(repository: Path) -> None:
    assert os.access(repository / ".ci" / "run", os.X_OK)
    lines = (repository / "README.md").read_text("utf-8").splitlines()
    commands = [line for line in lines if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert commands[0].endswith("attribute reports/samples/sample.png")
    assert "-m pytest" in commands[1]
    assert lines.index(commands[1]) < 25, "the set-up commands left the README's first screen"


def test_annotations_are_checked() -> None:
    from reports.commandline import printable

    with pytest.raises(TypeCheckError):
        printable(3)  # pyright: ignore[reportArgumentType]
