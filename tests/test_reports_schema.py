"""The shipped schema: it takes what the tool says and nothing that breaks the contract."""

import copy
import json
from importlib.resources import files
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
from reports_fakes import EVIDENCE, result_for

SCHEMA = json.loads(files("reports").joinpath("schema/attribute-1.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

DESIGNED = json.loads("""
{"schema_version": 1,
 "image": {"path": "x.png", "sha256": "0000000000000000000000000000000000000000000000000000000000000000", "width": 640,
           "height": 480, "format": "PNG", "bit_depth": 8, "jpeg_quality": null, "notes": []},
 "verdict": "known_source",
 "candidates": [{"source": "rlfn-x4-ntire22t04", "probability": 0.93, "log10_lr": 3.1}],
 "upscaled": {"probability": 0.999, "log10_lr": 4.0},
 "parameters": {"scale": {"value": 4, "interval": [4, 4], "probabilities": {"1": 0.0, "2": 0.01, "3": 0.0, "4": 0.99}},
                "architecture": {"value": "rlfn", "probabilities": {}},
                "loss": {"value": "fidelity", "probabilities": {}},
                "training_data": {"value": null, "probabilities": {}},
                "log10_parameters": {"value": 5.5, "interval": [5.1, 5.9]}},
 "regions": null,
 "tool": {"name": "whorl", "version": "0.1.0",
          "reference": "sha256:0000000000000000000000000000000000000000000000000000000000000000",
          "priors": {"upscaled": 0.5, "unknown_given_upscaled": 0.2}}}
""")


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_designed_object_is_valid() -> None:
    VALIDATOR.validate(DESIGNED)


@pytest.mark.parametrize("verdict", ["known_source", "unknown_source", "not_upscaled", "inconclusive"])
def test_the_typed_result_is_valid_and_has_the_designed_keys(verdict: Any) -> None:
    said = json.loads(json.dumps(result_for(EVIDENCE, verdict).to_json()))
    VALIDATOR.validate(said)
    assert said.keys() == DESIGNED.keys()
    added = {"weights"}  # fields are added, never renamed or dropped
    for part in ("image", "upscaled", "parameters", "tool"):
        assert said[part].keys() - added == DESIGNED[part].keys()
    assert said["candidates"][0].keys() == DESIGNED["candidates"][0].keys()


def test_a_jpeg_has_a_quality() -> None:
    evidence = SimpleNamespace(**{**vars(EVIDENCE), "format": "JPEG", "jpeg_quality": 90})
    VALIDATOR.validate(json.loads(json.dumps(result_for(evidence).to_json())))


def test_fields_may_be_added() -> None:
    more = copy.deepcopy(DESIGNED)
    more["later"] = 1
    more["image"]["later"] = 1
    more["parameters"]["loss"]["kind"] = "gan"
    more["parameters"]["seed"] = {"value": 3}
    VALIDATOR.validate(more)


def _leaves(value: Any, path: tuple = ()) -> list[tuple]:
    """List the places of all required keys of the designed object."""
    places = []
    for key, inner in value.items():
        places.append((*path, key))
        if isinstance(inner, dict) and key not in ("probabilities",):
            places += _leaves(inner, (*path, key))
    return places


OPTIONAL = {"interval", "probabilities"}


@pytest.mark.parametrize("place", [p for p in _leaves(DESIGNED) if p[-1] not in OPTIONAL], ids="/".join)
def test_a_missing_field_is_rejected(place: tuple) -> None:
    broken = copy.deepcopy(DESIGNED)
    owner = broken
    for key in place[:-1]:
        owner = owner[key]
    del owner[place[-1]]
    assert not VALIDATOR.is_valid(broken)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("schema_version",), 2),
        (("verdict",), "original"),
        (("candidates",), []),
        (("candidates", 0, "source"), "original"),
        (("candidates", 0, "probability"), 1.01),
        (("candidates", 0, "log10_lr"), None),
        (("upscaled", "probability"), -0.1),
        (("upscaled", "log10_lr"), "inf"),
        (("image", "sha256"), "abc"),
        (("image", "width"), 0),
        (("image", "height"), 1.5),
        (("image", "format"), "png"),
        (("image", "bit_depth"), 32),
        (("image", "jpeg_quality"), 90),
        (("image", "notes"), ["no code"]),
        (("image", "notes"), ["code: two\nlines"]),
        (("parameters", "scale", "value"), "4"),
        (("parameters", "scale", "interval"), [4]),
        (("parameters", "scale", "probabilities", "4"), 2),
        (("parameters", "architecture", "value"), "RLFN"),
        (("parameters", "loss", "value"), "l1"),
        (("parameters", "log10_parameters", "value"), "5"),
        (("tool", "name"), "other"),
        (("tool", "reference"), "none"),
        (("tool", "priors", "upscaled"), 1.5),
        (("regions",), "none"),
    ],
)
def test_a_broken_field_is_rejected(place: tuple, value: Any) -> None:
    broken = copy.deepcopy(DESIGNED)
    owner: Any = broken
    for key in place[:-1]:
        owner = owner[key]
    owner[place[-1]] = value
    assert not VALIDATOR.is_valid(broken)


def test_candidates_are_at_most_five() -> None:
    broken = copy.deepcopy(DESIGNED)
    broken["candidates"] *= 6
    assert not VALIDATOR.is_valid(broken)
