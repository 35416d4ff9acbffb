"""The documentation builds, and all its examples run as they stand there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))


def examples(name: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / name).read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture
def place(tmp_path, repository):
    shutil.copy(repository / "reports" / "samples" / "sample.png", tmp_path / "photo.png")
    return tmp_path


def run(command, place):
    known = {name: value for name, value in os.environ.items() if not name.startswith("WHORL_P")}
    known["PATH"] = f"{Path(sys.executable).parent}:{known['PATH']}"
    return subprocess.run(command, cwd=place, env=known, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PAGES if examples(name, "sh")])
def test_shell_examples_run(name, place):
    done = run(["bash", "-euo", "pipefail", "-c", "\n".join(examples(name, "sh"))], place)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("place_in_page", range(len(examples("python.md", "python"))))
def test_python_examples_run(place_in_page, place):
    done = run([sys.executable, "-I", "-c", examples("python.md", "python")[place_in_page]], place)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout or (place / "from-python.html").exists()


def test_the_site_builds_and_asks_for_nothing_from_elsewhere(tmp_path, repository):
    done = run([sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")], repository)
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) >= len(PAGES)
    for page in pages:
        fetched = re.findall(r"<(?:script|link|img|iframe)[^>]*?(?:src|href)=\"?([^\" >]+)", page.read_text("utf-8"))
        assert not [target for target in fetched if re.match(r"(https?:)?//", target)], page


def test_every_page_is_in_the_site(repository):
    text = (repository / "mkdocs.yml").read_text("utf-8")
    assert all(name in text for name in PAGES)
