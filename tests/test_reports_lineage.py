"""Which networks of a folder of runs are of known lineage."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from model_zoo.manifests import find_manifest, read_manifest
from reports import lineage
from reports.zoo_networks import Known

TEACHER = "zoo-edsr-x4-l1-A-s1"


def known(name: str, folder: Path | None = Path("runs"), **more: Any) -> Known:
    manifest = dataclasses.replace(read_manifest(find_manifest(TEACHER)), name=name, **more)
    return Known(manifest, None if folder is None else folder / name / f"{name}.safetensors")


@pytest.fixture
def gathered(monkeypatch):
    """A teacher, what descends from it in all ways, twins that learnt alone, and what is to be left out."""
    distilled: dict[str, Any] = {"architecture": "fsrcnn", "command": "whorl zoo distill --name x"}
    pool = [known(TEACHER, None)]
    others = [
        known("copy", **distilled, teacher=TEACHER, method="output"),
        known("pupil", **distilled, teacher=f"{TEACHER}-0123abcd", method="vid"),
        known("twin", **distilled),
        known("tuned", command="whorl zoo train --name tuned", parent=TEACHER),
        known("stranger", command="whorl zoo train --name stranger"),
        known("other-scale", **distilled, scale=2),
        known("orphan", **distilled, teacher="somebody", method="output"),
    ]
    monkeypatch.setattr(lineage, "gather", lambda runs=None: [*pool, *others])
    monkeypatch.setattr(lineage, "enlarger", lambda one: lambda small: small)
    return pool


def test_families_are_told_from_manifests(gathered):
    asked, students = lineage.families(Path("runs"), gathered)
    kinds = {one.name: (one.kind, one.ancestor) for one in asked}
    assert kinds == {
        "copy": ("copied", TEACHER), "pupil": ("taught", TEACHER), "twin": ("independent", ""),
        "tuned": ("tuned", TEACHER), "stranger": ("independent", ""),
    }  # fmt: skip
    assert students == {"copy": "fsrcnn", "pupil": "fsrcnn", "twin": "fsrcnn"}


def test_a_folder_without_students_says_what_to_do(gathered, monkeypatch):
    monkeypatch.setattr(lineage, "gather", lambda runs=None: gathered)
    with pytest.raises(ValueError, match="holds no students; run `whorl zoo sweep students` and `finetunes` first"):
        lineage.families(Path("runs"), gathered)
