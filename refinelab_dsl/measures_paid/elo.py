"""`measure { kind = elo }`: how hard an item is by comparisons with exemplars whose ratings are settled.

Each comparison is one call, or two with `swap`. A model that cannot be read in one order has judged in the other alone;
one that cannot be read at all has not compared the two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from refinelab_dsl.data.items import Item
from refinelab_dsl.declarations import Embedding, Measure
from refinelab_dsl.effects import Measured, Program
from refinelab_dsl.embeddings import Hashed, Rows, build_embedder
from refinelab_dsl.likeness import comparison_text
from refinelab_dsl.measures_paid.ratings import (
    ETA,
    ROUNDS,
    K,
    Rating,
    draw_bytes,
    merge_orders,
    settle_rating,
)
from refinelab_dsl.prompts.asking import NEIGHBOURS
from refinelab_dsl.prompts.replies import Unreadable, read_object
from refinelab_dsl.prompts.steps import measure_template
from refinelab_dsl.questions import Exemplar, Known, Questions, item_fields, read_json

RATING: Final = "rating"
"""The field of seeds that holds their ratings."""


class _Reply(msgspec.Struct):
    harder: Literal["first", "second", "equal"]


def ask_value(measure: Measure, item: Item, questions: Questions, known: Known) -> Program[Measured]:
    """The rating of an item in points, with its standard error; None where no comparison was had."""
    rating = yield from rate_item(measure, item, questions, known.exemplars.get(measure.name, ()))
    return Measured(rating.value, None if math.isinf(rating.error) else rating.error, rating.settled)


def rate_item(measure: Measure, item: Item, questions: Questions, exemplars: Sequence[Exemplar]) -> Program[Rating]:
    """The rating of an item. An exemplar keeps its own, without a call."""
    own = next((exemplar for exemplar in exemplars if exemplar.item.hash == item.hash), None)
    if own is not None:
        return Rating(own.rating, 0.0, 0, True, 0)
    eta = float(measure.options.get("eta") or ETA)
    comparisons: list[tuple[float, float]] = []
    embedding = questions.context.embeddings.get(str(measure.options.get("embedding") or ""))
    count = int(measure.options.get("neighbours") or NEIGHBOURS)
    for exemplar in choose_nearest(item, exemplars, count, embedding):
        result = yield from compare_pair(measure, item, exemplar.item, questions)
        if result is not None:
            comparisons.append((exemplar.rating, result))
    return settle_rating(
        comparisons,
        seed=f"{questions.seed}:{item.hash}",
        k=float(measure.options.get("k") or K),
        eta=eta,
        rounds=int(measure.options.get("rounds") or ROUNDS),
    )


def compare_pair(measure: Measure, item: Item, other: Item, questions: Questions) -> Program[float | None]:
    """The result of an item against another: 1 where it is the harder one, 0 where the other is, 1/2 for a draw or a
    verdict that flips with the order; None where no reply could be read. Which is shown first follows from the seed."""
    straight = draw_bytes(questions.seed, "order", item.hash, other.hash)[0] % 2 == 0
    orders = (straight, not straight) if measure.options.get("swap") else (straight,)
    results: list[float | None] = []
    for item_first in orders:
        results.append((yield from _ask(measure, item, other, item_first, questions)))
    return merge_orders(results)


def _ask(measure: Measure, item: Item, other: Item, item_first: bool, questions: Questions) -> Program[float | None]:
    first, second = (item, other) if item_first else (other, item)
    request = questions.compose(
        measure_template(measure.name),
        {"first": _shown(first), "second": _shown(second)},
        subject=questions.subject("elo", first, second=item_fields(second), eta=measure.options.get("eta") or ETA),
    )
    reply = yield from read_json(request, lambda text: read_object(text, _Reply))
    if isinstance(reply, Unreadable):
        return None
    if reply.harder == "equal":
        return 0.5
    return float((reply.harder == "first") == item_first)


def _shown(item: Item) -> dict[str, Any]:
    """What a judge sees of an item: not the rating that an exemplar has."""
    return {name: value for name, value in item_fields(item).items() if name != RATING}


def choose_nearest(
    item: Item, exemplars: Sequence[Exemplar], count: int, embedding: Embedding | None = None
) -> tuple[Exemplar, ...]:
    """The exemplars that read most like the item, by cosine of their embeddings, the nearest first; of equally near
    ones, those that stand first.

    embedding: one that needs no file (`semantics.later` refuses the others here); hashed where none is named.
    """
    if len(exemplars) <= count:
        return tuple(exemplars)
    texts = [comparison_text(exemplar.item) for exemplar in exemplars]
    embedder = Hashed.fit(texts) if embedding is None else build_embedder(embedding, texts, Path())
    near = Rows.of(embedder.embed([comparison_text(item)])).cosines(Rows.of(embedder.embed(texts)))[0]
    order = sorted(range(len(exemplars)), key=lambda place: (-float(near[place]), place))
    return tuple(exemplars[place] for place in order[:count])
