"""What the benchmarks of difficulty compute, on small cases whose outcome is known."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_ranks_are_shared_by_equal_values() -> None:
    module = load("item_response")
    assert module.mean_ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]
    assert module.spearman(np.array([1.0, 2.0, 3.0]), np.array([9.0, 5.0, 1.0])) == pytest.approx(-1)


def test_both_fits_predict_held_out_models_better_than_items_alone() -> None:
    module = load("item_response")
    random = np.random.default_rng(0)
    ability, item = random.normal(0, 1.5, 120), random.normal(0, 1, 30)
    chance = 1 / (1 + np.exp(item[None, :] - ability[:, None]))
    answers = (random.random(chance.shape) < chance).astype(np.int8)
    train, out = answers[:80], answers[80:]
    known = random.random(out.shape) < 0.5
    seen, rest = np.where(known, out, -1).astype(np.int8), np.where(known, -1, out).astype(np.int8)
    alone = module.log_loss(rest, np.broadcast_to(train.mean(axis=0), rest.shape)).mean()
    for chances in (module.additive(train, seen), module.predict(module.fit_items(train, "rasch"), seen)):
        truth = module.log_loss(rest, chance[80:]).mean()
        assert truth < module.log_loss(rest, chances).mean() < alone - 0.02


def test_more_comparisons_put_more_items_in_their_band() -> None:
    module = load("elo")
    judge = module.JUDGES["the curve alone"]
    few, many = (module.run(judge, "true", pairs, False, 60, 40, 0) for pairs in (2, 32))
    assert many["band"] > few["band"]
    assert many["off"] < few["off"]
    assert many["within"] > 0.85


def test_figures_of_a_set_that_lost_its_easy_items() -> None:
    module = load("select_only")
    table = np.array([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]], np.int8)
    names = ["a", "b", "c"]
    assert module.figures(names, table)["spread"] == pytest.approx(0.5)
    assert module.figures(names, table[:, 2:])["spread"] == pytest.approx(1.0)
    judged = module.judge([*names, "d"], np.vstack([table, table[0]]), [0, 1, 2], [2, 3], 50, np.random.default_rng(0))
    assert judged["others"] == names
    assert judged["spread"]["after"] > judged["spread"]["random"]
