"""Whether a plan's parts fit each other.

Its hash says only that nobody changed it by accident: whoever edits a plan can compute the hash again, and the runtime
follows names from step to action to operator to model without looking back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import Struct
from pydantic import BaseModel

from refinelab_dsl.artifacts.plan import ASKING, Action, Candidate, Header, Record, Step
from refinelab_dsl.builtins import JUDGING, OPERATOR_KINDS, RESERVED_PARAMS, TASKS

_MOST = 10**21  # tokens or dollars; a budget has at most 10^15 of them, a full cost may have more
_ROUNDING = 1e-6


class Contradiction(Exception):
    """`field` of a plan, as a dotted path, does not fit the rest; `reason` says why, for a person."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Entry = TypeVar("_Entry", bound=_Named)


def check_header(header: Header) -> None:
    """Every name that the header uses is one that it declares, and every number one that a plan can hold.

    Raises:
        Contradiction: one is not.
    """
    _check_numbers(header)
    _check_abilities(header)
    measures, dimensions = _index("measures", header.measures), _index("dimensions", header.dimensions)
    models, operators = _index("models", header.models), _index("operators", header.operators)
    embeddings = _index("embeddings", header.embeddings)
    validators, templates = _index("validators", header.validators), _index("templates", header.templates)
    for name, dimension in dimensions.items():
        _require(f"dimensions.{name}.measure", dimension.measure, measures)
        labels = header.labels.get(name)
        if labels is None or (dimension.labels is not None and labels != dimension.labels):
            raise Contradiction(f"labels.{name}", "these are not the labels of the dimension")
        for band in dimension.bands:
            _require(f"dimensions.{name}.bands", band.label, labels)
        for label in dimension.target.weights if dimension.target is not None else ():
            _require(f"dimensions.{name}.target", label, labels)
        if header.mix.get(name, {}).keys() != set(labels):
            raise Contradiction(f"mix.{name}", "it has other labels than the dimension")
    for title, named in (("labels", header.labels), ("mix", header.mix), ("divergence", header.divergence)):
        for name in named:
            _require(title, name, dimensions)
    for name, numbers in header.divergence.items():
        if numbers.keys() != {"now", "planned"}:
            raise Contradiction(f"divergence.{name}", "it must hold `now` and `planned`")
    for name, operator in operators.items():
        if operator.model is not None:
            _require(f"operators.{name}.model", operator.model, models)
        for check in operator.checks:
            _require(f"operators.{name}.checks", check, validators)
    for name, validator in validators.items():
        if validator.dimension is not None:
            _require(f"validators.{name}.dimension", validator.dimension, dimensions)
        if validator.options.get("embedding") is not None:
            _require(f"validators.{name}.embedding", validator.options["embedding"], embeddings)
    asking = {f"measure.{name}{part}" for name in measures for part in ("", ".discover", ".discover_merge")} | {
        f"validator.{name}{route}" for name in validators for route in ("", ".steps", ".pot", ".rag")
    }
    judges = _index("judges", header.judges)
    for name, judge in judges.items():
        for model in judge.models:
            _require(f"judges.{name}.models", model, models)
    asking |= {
        f"judge.{name}.{model}{role}"
        for name, judge in judges.items()
        for model in judge.models
        for role in ("", ".results", ".alone")
    }
    for name, validator in validators.items():
        if validator.kind == JUDGING.name:
            _require(f"validators.{name}.judge", str(validator.options.get("judge")), judges)
    asking |= {f"second.{name}" for name in operators}
    for name, operator in operators.items():
        if operator.options.get("judge") is not None:
            _require(f"operators.{name}.judge", str(operator.options["judge"]), judges)
    for name, template in templates.items():
        _require("templates", name, operators.keys() | asking)
        _require(f"templates.{name}.model", template.model, models)
        if name in operators and template.model != operators[name].model:
            raise Contradiction(f"templates.{name}.model", "it is not the operator's model")
    making = [
        name
        for name, operator in operators.items()
        if OPERATOR_KINDS[operator.kind].effect != "remove" and (operator.model is None or name in templates)
    ]
    for number, action in enumerate(header.actions, start=1):
        field = f"actions.{number}"
        if action.kind in ASKING:
            _require(f"{field}.operator", action.operator, measures)
        else:
            _require(f"{field}.operator", action.operator, making)
        if (
            action.id != number
            or (action.kind not in ASKING and action.kind != operators[action.operator].kind)
            or action.count < 1
            or not 0 <= action.stock <= action.count
        ):
            raise Contradiction(field, "its id, its kind or its count is not what it must be")
        _require_labels(f"{field}.from", action.from_, header.labels)
        _require_labels(f"{field}.to", action.to, header.labels)
    for number, removal in enumerate(header.removals, start=1):
        field = f"removals.{number}"
        _require(f"{field}.operator", removal.operator, operators)
        effect = OPERATOR_KINDS[operators[removal.operator].kind].effect
        if removal.id != number or effect != "remove" or removal.planned < 0:
            raise Contradiction(field, "its id, its operator or its number is not what it must be")
        _require_labels(f"{field}.from", removal.from_, header.labels)


def _check_abilities(header: Header) -> None:
    """What no spec of ours comes to: a plan of a later version, or one that was written by hand."""
    if not TASKS[header.dataset.item_task].reached:
        raise Contradiction("dataset.task", f"this version reads no items of task `{header.dataset.item_task}`")
    for model in header.models:
        for name in RESERVED_PARAMS:
            if model.provider == "openai" and name in model.params:
                raise Contradiction(f"models.{model.name}.params", f"`{name}` is set by refinec itself")


@dataclass
class BodyCheck:
    """Goes along a plan's lines as they are read, without keeping them. `header` has passed `check_header`."""

    header: Header

    def __post_init__(self) -> None:
        self._actions: Mapping[int, Action] = {action.id: action for action in self.header.actions}
        self._checks = {operator.name: operator.checks for operator in self.header.operators}
        self._removals = {removal.id for removal in self.header.removals}
        self._attempts = dict.fromkeys(self._actions, 0)
        self._stock = dict.fromkeys(self._actions, 0)
        self._last = 0

    def check_line(self, line: bytes) -> None:
        """One line between header and trailer.

        Raises:
            Contradiction: it is neither step nor candidate, or does not belong to this header.
        """
        try:
            if line.startswith(b'{"record":"candidate"'):
                candidate = _CANDIDATE.decode(line)
                if candidate.removal not in self._removals:
                    raise Contradiction("candidate", f"there is no removal {candidate.removal}")
            else:
                self._check_step(_STEP.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Contradiction("step", str(error)) from None

    def check_end(self) -> None:
        """After the last line.

        Raises:
            Contradiction: an action does not have the attempts that the header states.
        """
        for action in self.header.actions:
            if self._attempts[action.id] != action.attempts:
                raise Contradiction(f"actions.{action.id}.attempts", f"{self._attempts[action.id]} are listed")
            if self._stock[action.id] != action.stock:
                raise Contradiction(f"actions.{action.id}.stock", f"{self._stock[action.id]} are listed")
        if self.header.inventory is None and any(self._stock.values()):
            raise Contradiction("inventory", "the plan lists results of earlier runs")

    def _check_step(self, step: Any) -> None:
        self._last += 1
        field = f"step {self._last}"
        action = self._actions.get(step.action)
        if step.id != self._last or action is None:
            raise Contradiction(field, "its id or its action is not what it must be")
        asking = action.kind in ASKING  # its template is the measure's, or that of the validator behind it
        fits = step.operator == action.operator and (asking or step.template == action.operator)
        if not fits or step.target != action.to or not step.items:
            raise Contradiction(field, f"it is no attempt of action {action.id}")
        if step.checks != (() if asking else self._checks[action.operator]):
            raise Contradiction(field, "its checks are not those of its operator")
        if step.replies and self._stock[action.id] < self._attempts[action.id]:
            raise Contradiction(field, "results of earlier runs are an action's first attempts")
        self._attempts[action.id] += 1
        self._stock[action.id] += bool(step.replies)


def _check_numbers(header: Header) -> None:
    amounts: list[tuple[str, BaseModel]] = [
        ("tokens", header.tokens), ("usd", header.usd), ("budget", header.budget),
        *((f"models.{model.name}.price", model.price) for model in header.models if model.price is not None),
    ]  # fmt: skip
    for field, amount in amounts:
        for name, value in amount:
            if isinstance(value, int | Decimal) and not (0 <= value < _MOST):
                raise Contradiction(f"{field}.{name}", "it is no amount")
    shares: list[tuple[str, float | None]] = [("distinct", header.distinct), ("chance", header.chance)]
    for name, mix in header.mix.items():
        for share in mix.values():
            shares += ((f"mix.{name}", value) for value in (share.now, share.target, share.planned))
    for name, numbers in header.divergence.items():
        shares += ((f"divergence.{name}", value) for value in numbers.values())
    for action in header.actions:
        rate = action.success
        shares += ((f"actions.{action.id}", value) for value in (rate.mean, rate.low, rate.high, action.chance))
    for field, value in shares:
        if value is not None and not -_ROUNDING <= value <= 1 + _ROUNDING:
            raise Contradiction(field, f"{value} is no share")
    for field, value in (("objective", header.solution.objective), ("gap", header.solution.gap)):
        if not isfinite(value):
            raise Contradiction(f"solution.{field}", "it is no number")


def _build_decoder(record: type[Record]) -> msgspec.json.Decoder[Any]:
    """Reads a line of this record ten times as fast as pydantic does, and as strictly."""
    fields = [
        (name, field.annotation) if field.is_required() else (name, field.annotation, field.default)
        for name, field in record.model_fields.items()
    ]
    required_first = sorted(fields, key=len)
    struct: type[Struct] = msgspec.defstruct(record.__name__, required_first, forbid_unknown_fields=True)
    return msgspec.json.Decoder(struct)


_STEP = _build_decoder(Step)
_CANDIDATE = _build_decoder(Candidate)


def _index(title: str, entries: Iterable[_Entry]) -> dict[str, _Entry]:
    found: dict[str, _Entry] = {}
    for entry in entries:
        if entry.name in found:
            raise Contradiction(title, f"`{entry.name}` stands there twice")
        found[entry.name] = entry
    return found


def _require(field: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise Contradiction(field, f"nothing there is called `{name}`")


def _require_labels(field: str, labels: Mapping[str, str], known: Mapping[str, tuple[str, ...]]) -> None:
    for dimension, label in labels.items():
        _require(field, dimension, known)
        _require(field, label, known[dimension])
