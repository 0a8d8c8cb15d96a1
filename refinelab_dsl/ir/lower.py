"""`lower`: a checked tree to a `Program`. No syntax is left; every default is filled in; spans stay as origins."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import product
from typing import Any, cast

from refinelab_dsl import declarations as ir
from refinelab_dsl import syntax, types
from refinelab_dsl.builtins import JUDGING, REVISIONS, ROLES_WITHOUT_TASK, default_accept
from refinelab_dsl.declarations import short_names
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.expressions import Expression
from refinelab_dsl.ir.program import Program, Unexecutable
from refinelab_dsl.semantics import readings, spaces
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.draft import Declared
from refinelab_dsl.semantics.formats import output_format, place_quarantine
from refinelab_dsl.semantics.joint import settle_joint
from refinelab_dsl.semantics.judges import list_checks
from refinelab_dsl.semantics.later import find_later
from refinelab_dsl.semantics.rounds import find_loop_signals
from refinelab_dsl.semantics.targets import settle_target
from refinelab_dsl.source import Span


def lower(tree: syntax.Tree, bindings: Bindings, name: str) -> Program:
    """The program of a spec that `check` found no error in.

    name: of the spec, its file's stem. `unexecutable` lists what no plan can execute yet; `origins` has the header of
    every declaration (`operator.author`) and the place of every attribute that is written (`operator.author.where`,
    `dimension.topic.target.organic`, `constraints.size`, `budget.tokens`, `seed`).
    """
    return _Lowering(bindings).program(tree, name)


class _Lowering:
    def __init__(self, bindings: Bindings) -> None:
        self.bindings = bindings
        self.draft = bindings.draft

    def program(self, tree: syntax.Tree, name: str) -> Program:
        main = self.draft.dataset
        assert main is not None, "check demands a main dataset"
        joint = self.joint()
        return Program(
            edition=self.draft.top["edition"],
            name=name,
            seed=self.draft.top["seed"],
            dataset=self.dataset(main),
            datasets=tuple(self.dataset(each) for each in self.draft.all("dataset") if each is not main),
            measures=(*map(self.measure, self.draft.all("measure")), *joint[:1]),
            dimensions=(*map(self.dimension, self.draft.all("dimension")), *joint[1:]),
            constraints=self.constraints(),
            models=tuple(map(self.model, self.draft.all("model"))),
            embeddings=tuple(map(self.embedding, self.draft.all("embedding"))),
            prompts=tuple(map(self.prompt, self.draft.all("prompt"))),
            operators=tuple(map(self.operator, self.draft.all("operator"))),
            validators=(
                *map(self.validator, self.draft.all("validator")), *map(self.checking_judge, list_checks(self.draft)),
            ),
            judges=tuple(map(self.judge, self.draft.all("judge"))),
            budget=self.budget(),
            pilot=self.pilot(),
            solve=self.solve(),
            run=self.run(),
            outputs=self.outputs(),
            expects=tuple(map(self.expect, self.draft.all("expect"))),
            loop=self.loop(),
            origins=dict(self.origins(tree)),
            docs={_path(each): each.block.doc for each in self.draft.blocks if each.block.doc},
            unexecutable=tuple(Unexecutable(what=use.what, span=use.span) for use in find_later(self.draft)),
        )

    def expression(self, declared: Declared, attribute: str, key: str | None = None) -> Expression | None:
        found: list[Diagnostic] = []
        expression = readings.read(self.bindings, declared, attribute, found, key)
        assert not any(diagnostic.is_error for diagnostic in found), found
        return expression

    # One kind of block each

    def dataset(self, declared: Declared) -> ir.Dataset:
        fields = {key: self._certain(self.expression(declared, "fields", key)) for key in declared.get("fields") or {}}
        return ir.Dataset(
            name=declared.name,
            where=self.expression(declared, "where"),
            fields=fields,
            # What is written where it means nothing is left out, so that it is no difference between two specs.
            task=None if declared.get("role") in ROLES_WITHOUT_TASK else declared.values["task"],
            **_taken(
                declared, "source", "format", "columns", "explode", "role", "join", "answer_as", "on_bad_row",
                "meta",
            ),
        )

    def measure(self, declared: Declared) -> ir.Measure:
        return ir.Measure(name=declared.name, kind=declared.values["kind"], options=self.options(declared))

    def dimension(self, declared: Declared) -> ir.Dimension:
        labels = spaces.dimension_labels(self.draft, declared)
        ordered = spaces.is_ordered(declared)
        bands = declared.get("bands") or {}
        return ir.Dimension(
            name=declared.name,
            measure=declared.values["from"],
            labels=labels,
            ordered=ordered,
            bands=tuple(_band(label, bands[label]) for label in labels or () if label in bands),
            target=settle_target(declared.get("target"), labels, ordered),
            **_taken(declared, "tolerance", "weight", "unknown", "on_new"),
        )

    def joint(self) -> tuple[()] | tuple[ir.Measure, ir.Dimension]:
        """A joint target as one more dimension, whose labels are those of the others side by side."""
        joint = settle_joint(self.draft)
        if joint is None:
            return ()
        # No name that a spec can declare.
        name = " & ".join(short_names(joint.dimensions).values())
        labels, target = None, ir.Target(kind="independent")
        if joint.weights is not None:
            named = (self.draft.named("dimension", each) for each in joint.dimensions)
            parts = [spaces.dimension_labels(self.draft, each) or () for each in named if each is not None]
            labels = tuple(ir.LABEL_MARK.join(each) for each in product(*parts))
            weights = {label: joint.weights.get(label, Decimal(0)) for label in labels}
            target = ir.Target(kind="weights", weights=weights)
        return (
            ir.Measure(name=name, kind=ir.JOINT, options={"dimensions": list(joint.dimensions)}),
            ir.Dimension(
                name=name,
                measure=name,
                labels=labels,
                target=target,
                unknown="keep",
            ),
        )

    def constraints(self) -> ir.Constraints:
        declared = self.draft.one("constraints")
        if declared is None:
            return ir.Constraints()
        return ir.Constraints(
            size=_size(declared.values["size"]),
            keep_originals=_share(declared.get("keep_originals")),
            distinct=_share(declared.values["distinct"]),
            protect=self.expression(declared, "protect"),
            flagged=self.expression(declared, "flagged"),
            **_taken(declared, "max_removed", "floor", "flagged_weight", "max_flagged"),
        )

    def model(self, declared: Declared) -> ir.Model:
        price, limits = declared.get("price"), declared.get("limits")
        pinned = self.bindings.options.find_price(
            declared.get("provider"), declared.get("base_url"), declared.get("id")
        )
        return ir.Model(
            name=declared.name,
            id=declared.get("id") or declared.values["provider"],
            price=pinned if price is None else ir.Price(**price),
            limits=ir.Limits() if limits is None else ir.Limits(**limits),
            batch=bool(declared.get("batch")) and self.run().batch != "never",
            **_taken(declared, "provider", "api_key", "base_url", "params", "timeout"),
        )

    def embedding(self, declared: Declared) -> ir.Embedding:
        price = declared.get("price")
        return ir.Embedding(
            name=declared.name,
            id=declared.get("id") or "",
            price=None if price is None else price["input"],
            **_taken(declared, "provider", "api_key", "base_url"),
        )

    def prompt(self, declared: Declared) -> ir.Prompt:
        returns = {name: self._returned(kind) for name, kind in (declared.get("returns") or {}).items()}
        return ir.Prompt(name=declared.name, returns=returns, **_taken(declared, "system", "user"))

    def operator(self, declared: Declared) -> ir.Operator:
        row = declared.operator
        assert row is not None
        prior: dict[str, Any] = declared.get("prior") or {}
        believed = {
            name: prior.get(name, getattr(row.prior, name)) for name in ("success", "input_tokens", "output_tokens")
        }
        options = self.options(declared, "prefer")
        usual = options.get("variants", row.max_per_item) if row.name == "expand" else row.max_per_item
        return ir.Operator(
            name=declared.name,
            where=self.expression(declared, "where"),
            prefer=self.expression(declared, "prefer"),
            moves={name: _move(move) for name, move in (declared.get("moves") or {}).items()},
            max_per_item=declared.get("max_per_item") or usual,
            prior=ir.Prior(**believed, declared=tuple(prior)),
            options=options,
            **_taken(declared, "kind", "model", "prompt", "checks", "max_cost"),
        )

    def validator(self, declared: Declared) -> ir.Validator:
        row = declared.validator
        assert row is not None
        return ir.Validator(
            name=declared.name,
            accept=self.expression(declared, "accept") or default_accept(row, self._provider(declared)),
            options=self.options(declared, "dimension", "against"),
            **_taken(declared, "kind", "on_reject", "retries", "dimension", "against"),
        )

    def judge(self, declared: Declared) -> ir.Judge:
        model = declared.get("model")
        return ir.Judge(
            name=declared.name,
            models=declared.get("models") or (model,),
            accept=self.expression(declared, "accept"),
            **_taken(declared, "prompt", "mode", "criteria", "swap", "votes", "length_penalty", "max_rounds"),
        )

    def checking_judge(self, declared: Declared) -> ir.Validator:
        """A judge as the check that it is to operators."""
        revises = declared.get("on_reject") == "revise"
        return ir.Validator(
            name=declared.name,
            kind=JUDGING.name,
            accept=self.expression(declared, "accept"),
            on_reject="retry" if revises else declared.values["on_reject"],
            retries=(declared.get("max_rounds") or REVISIONS) if revises else 0,
            options={"judge": declared.name},
        )

    def _provider(self, declared: Declared) -> str | None:
        """Of the embedding that a declaration names."""
        embedding = self.draft.named("embedding", declared.get("embedding"))
        return None if embedding is None else embedding.get("provider")

    def pilot(self) -> ir.Pilot | None:
        declared = self.draft.one("pilot")
        if declared is None:
            return None
        budget = declared.get("budget")
        return ir.Pilot(
            tokens=budget if isinstance(budget, int) else None,
            cost=budget if isinstance(budget, Decimal) else None,
            **_taken(declared, "items", "stratify_by", "confidence", "label"),
        )

    def budget(self) -> ir.Budget | None:
        declared = self.draft.one("budget")
        if declared is None:
            return None
        tokens = declared.get("tokens")
        whole = isinstance(tokens, types.Formed)
        return ir.Budget(
            tokens=None if whole else tokens,
            tokens_of_full_cost=tokens["share"] if whole else None,
            **_taken(declared, "cost", "per", "reserve", "on_exceed"),
        )

    def solve(self) -> ir.Solve:
        declared = self.draft.one("solve")
        if declared is None:
            return ir.Solve()
        replan, way = declared.values["replan"], declared.values["on_infeasible"]
        return ir.Solve(
            replan=replan if isinstance(replan, Decimal) else None,
            on_infeasible=way if isinstance(way, str) else way.function,
            **_taken(declared, "strategy", "relax", "static", "solver", "gap", "confidence", "time_limit"),
        )

    def run(self) -> ir.Run:
        declared = self.draft.one("run")
        if declared is None:
            return ir.Run()
        return ir.Run(**_taken(declared, "engine", "batch", "retries", "backoff", "on_overload"))

    def outputs(self) -> tuple[ir.Output, ...]:
        """Where a check keeps results apart and no output says where, they go beside the first."""
        outputs = tuple(map(self.output, self.draft.all("output")))
        checks = {name for operator in self.draft.all("operator") for name in operator.get("checks") or ()}
        keeping = any(
            each.get("on_reject") == "quarantine" and each.name in checks
            for kind in ("validator", "judge")
            for each in self.draft.all(kind)
        )
        if not outputs or not keeping or any(output.quarantine is not None for output in outputs):
            return outputs
        return (outputs[0].model_copy(update={"quarantine": place_quarantine(outputs[0].path)}), *outputs[1:])

    def output(self, declared: Declared) -> ir.Output:
        return ir.Output(
            name=declared.name,
            format=cast("Any", output_format(declared, self.draft.dataset)),
            **_taken(declared, "path", "layout", "columns", "provenance", "quarantine", "card", "report"),
        )

    def expect(self, declared: Declared) -> ir.Expect:
        assertion = self._certain(self.expression(declared, "assert"))
        return ir.Expect.model_validate({"title": declared.name, "assert": assertion, "when": declared.values["when"]})

    def loop(self) -> ir.Loop | None:
        declared = self.draft.one("loop")
        if declared is None:
            return None
        signals = find_loop_signals(self.draft, declared)
        assert len(signals) == 1, signals
        return ir.Loop(
            signals=signals[0],
            stop_when=self.expression(declared, "stop_when"),
            **_taken(declared, "rounds", "command", "timeout", "repeat"),
        )

    # Parts

    def options(self, declared: Declared, *without: str) -> dict[str, Any]:
        """What the kind declares beyond the attributes that all kinds have."""
        assert declared.row is not None
        names = [attribute.name for attribute in declared.row.attributes if attribute.name not in without]
        return {name: _json(declared.values[name]) for name in names if declared.get(name) is not None}

    def _returned(self, kind: Any) -> Any:
        if isinstance(kind, tuple):
            return list(kind)
        dimension = self.draft.named("dimension", kind)
        if dimension is None or kind in ("text", "number", "integer", "bool"):
            return kind
        labels = spaces.dimension_labels(self.draft, dimension)
        return "text" if labels is None else {"labels": list(labels)}

    def _certain(self, expression: Expression | None) -> Expression:
        assert expression is not None
        return expression

    def origins(self, tree: syntax.Tree) -> Iterator[tuple[str, Span]]:
        for statement in tree.statements:
            if isinstance(statement, syntax.Attribute):
                yield statement.name, statement.span
        for declared in self.draft.blocks:
            path = _path(declared)
            yield path, declared.block.header_span
            for name, attribute in declared.written.items():
                yield f"{path}.{name}", attribute.span
                if isinstance(attribute.value, syntax.MapOf):
                    for pair in attribute.value.pairs:
                        yield f"{path}.{name}.{pair.key}", pair.span


def _path(declared: Declared) -> str:
    return f"{declared.kind}.{declared.name}" if declared.name else declared.kind


def _taken(declared: Declared, *names: str) -> dict[str, Any]:
    """Attributes that mean the same here and in the file."""
    return {name: declared.values[name] for name in names if declared.get(name) is not None}


def _band(label: str, form: types.Formed) -> ir.Band:
    bounds = dict(form.arguments)
    return ir.Band(label=label, low=bounds.get("low"), high=bounds.get("high"))


def _size(value: Any) -> ir.Size:
    match value:
        case "keep":
            return ir.Size()
        case int():
            return ir.Size(kind="exact", low=value, high=value)
        case _:
            return ir.Size(kind="between", low=value["low"], high=value["high"])


def _share(value: Any) -> Any:
    """`at_least(60%)`; a default stands as its share."""
    return value["share"] if isinstance(value, types.Formed) else value


def _move(value: Any) -> ir.Move:
    match value:
        case int():
            return ir.Move(kind="shift", by=value)
        case types.Formed(function="to"):
            return ir.Move(kind="to", labels=value["labels"])
    return ir.Move(kind="any")


def _json(value: Any) -> Any:
    """A value as plain data, for options of kinds: exact numbers that JSON lacks become texts."""
    match value:
        case tuple():
            return [_json(each) for each in value]
        case types.Formed(function=function, arguments=arguments):
            return {"function": function, **{name: _json(each) for name, each in arguments}}
        case Decimal():
            return format(value.normalize(), "f")
    return value
