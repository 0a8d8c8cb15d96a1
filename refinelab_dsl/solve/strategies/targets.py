"""Algorithm 1, lines 1 to 4: a target for every item, drawn in proportion to the mass of the gaps.

Items of a cell are interchangeable, so only how many of them get each target is drawn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from refinelab_dsl.solve.problem import Action, Axis, Bin, Problem, join_parts

MANY = 4096  # combinations of labels above which items are drawn one by one

Drawn = tuple[NDArray[np.int64], NDArray[np.int64]]  # targets (rows of labels), and the items that have each


def draw_targets(problem: Problem, counts: Sequence[NDArray[np.float64] | None]) -> tuple[Drawn, ...]:
    """Per cell its targets, and how many items have each. A label is drawn on every axis by itself, and that of a joint
    target for its axes together; where nothing is missing on an axis, items aim at their own label.

    counts: per axis the present items per label, None for an axis without a target.
    """
    dice = np.random.default_rng(problem.seed)
    masses = [_masses(problem, place, own) for place, own in enumerate(counts)]
    together = {place: axis for place, axis in enumerate(problem.axes) if axis.parts and masses[place] is not None}
    for axis in together.values():
        for part in axis.parts:
            masses[part] = None
    drawn = []
    for cell in problem.cells:
        labels = [
            np.flatnonzero(mass) if mass is not None else np.array([cell.bin[place]])
            for place, mass in enumerate(masses)
        ]
        chances = [
            mass[own] if mass is not None else np.ones(1) for mass, own in zip(masses, labels, strict=True)
        ]
        if prod(len(own) for own in labels) <= MANY:
            joint = np.ones(1)
            for chance in chances:
                joint = np.outer(joint, chance).ravel()
            times = dice.multinomial(cell.count, joint / joint.sum())
            places = np.unravel_index(np.flatnonzero(times), [len(own) for own in labels])
            targets = np.stack([own[place] for own, place in zip(labels, places, strict=True)], axis=1)
            times = times[times > 0]
        else:
            each = [dice.choice(own, cell.count, p=chance) for own, chance in zip(labels, chances, strict=True)]
            targets, times = np.unique(np.stack(each, axis=1), axis=0, return_counts=True)
        for place, axis in together.items():
            sizes = [len(problem.axes[part].labels) for part in axis.parts]
            targets[:, axis.parts] = np.stack(np.unravel_index(targets[:, place], sizes), axis=1)
        drawn.append((targets, times.astype(np.int64)))
    return tuple(drawn)


def count_reached(axes: Sequence[Axis], action: Action, source: Bin, drawn: Sequence[Drawn]) -> dict[Bin, int]:
    """How many items whose targets were `drawn` aim, with `action` from `source`, at each bin that it leads to.

    On an axis that the operator does not move items keep the label that it gives; items that aim elsewhere have none.
    The label of a joint target follows from the others.
    """
    assert action.targets is not None
    bins = action.targets.get(source, ())
    if not bins:
        return {}
    reached: dict[Bin, int] = defaultdict(int)
    allowed = set(bins)
    fixed = [own[0] if len(set(own)) == 1 else None for own in zip(*bins, strict=True)]
    targets = np.concatenate([each[0] for each in drawn])
    times = np.concatenate([each[1] for each in drawn])
    for place, label in enumerate(fixed):
        if label is not None:
            targets[:, place] = label
    if len(targets):
        distinct, inverse = np.unique(targets, axis=0, return_inverse=True)
        totals = np.bincount(inverse.reshape(-1), weights=times, minlength=len(distinct))
        for labels, total in zip(distinct.tolist(), totals, strict=True):
            bin = join_parts(axes, tuple(labels))
            if bin in allowed:
                reached[bin] += round(total)
    return dict(reached)


def _masses(problem: Problem, place: int, counts: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """The chance of each label of an axis to be drawn; None where no label is missing."""
    target = problem.axes[place].target
    if counts is None or target is None:
        return None
    missing = np.maximum(np.array(target) - counts / max(1.0, counts.sum()), 0.0)
    missing[missing < 1e-12] = 0.0
    return missing / missing.sum() if missing.sum() > 0 else None
