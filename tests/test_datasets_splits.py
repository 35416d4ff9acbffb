from pathlib import Path

import pytest

from datasets import in_validation, split_photographs


def test_a_photograph_falls_on_the_same_side_for_every_source():
    names = [f"{number}" for number in range(200)]
    few = split_photographs([Path("a") / f"{name}.webp" for name in names[:60]])
    many = split_photographs([f"b/{name}.png" for name in names])
    assert {path.stem for path in few[1]} == {Path(path).stem for path in many[1]} & set(names[:60])
    assert len(many[0]) + len(many[1]) == 200 and 25 <= len(many[1]) <= 55
    assert many == split_photographs([f"b/{name}.png" for name in names])


def test_seeds_and_fractions_change_the_split():
    names = [f"{number}" for number in range(1000)]
    assert [in_validation(n) for n in names] != [in_validation(n, seed=1) for n in names]
    assert not any(in_validation(n, 0.0) for n in names) and all(in_validation(n, 1.0) for n in names)
    smaller, larger = ({n for n in names if in_validation(n, f)} for f in (0.1, 0.3))
    assert smaller < larger
    with pytest.raises(ValueError, match="fraction must be from 0 to 1, got 2"):
        in_validation("x", 2.0)


def test_the_split_is_fixed_for_good():
    assert [n for n in ("100007", "100039", "100099", "10081", "101027", "101084") if in_validation(n)] == SPLIT


SPLIT = ["101084"]  # a change here would mix training with validation in references that were fitted before
