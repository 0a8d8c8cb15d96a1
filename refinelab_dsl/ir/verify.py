"""`verify`: what holds of every program, asserted. A failure is a bug of ours, never a user's mistake."""

from __future__ import annotations

from collections.abc import Iterable

from refinelab_dsl import builtins
from refinelab_dsl.declarations import Dimension
from refinelab_dsl.expressions import Expression, Name
from refinelab_dsl.expressions.walk import walk
from refinelab_dsl.ir.program import Program


def verify(program: Program) -> None:
    """Names are unique per kind and every reference has a declaration; weights sum to exactly 1 over the labels; bands
    are disjoint and not empty; a budget limits something; every name in an expression exists.

    Raises:
        AssertionError: a stage before this one is wrong.
    """
    _verify_names(program)
    measures = {measure.name for measure in program.measures}
    dimensions = {dimension.name: dimension for dimension in program.dimensions}
    for dimension in program.dimensions:
        assert dimension.measure in measures, dimension
        _verify_dimension(dimension)
    for operator in program.operators:
        row = builtins.OPERATOR_KINDS[operator.kind]
        assert not row.calls or operator.model, operator
        for name, move in operator.moves.items():
            assert move.kind != "shift" or dimensions[name].ordered, operator
            labels = dimensions[name].labels
            assert labels is None or set(move.labels) <= set(labels), operator
    for validator in program.validators:
        assert validator.kind in {*builtins.VALIDATOR_KINDS, builtins.JUDGING.name}, validator
        assert validator.kind != "in_bin" or validator.dimension in dimensions, validator
    if program.budget is not None:
        budget = program.budget
        assert any(each is not None for each in (budget.tokens, budget.tokens_of_full_cost, budget.cost)), budget
    spaces = {
        "measure": measures,
        "dimension": set(dimensions),
        "field": {"id", *program.dataset.fields, *builtins.TASKS[program.dataset.item_task].fields},
    }
    for expression in _expressions(program):
        for used in (part for part in walk(expression) if isinstance(part, Name)):
            assert used.space == "context" or used.name in spaces[used.space], used


def _verify_names(program: Program) -> None:
    kinds = (
        [program.dataset, *program.datasets],
        program.measures,
        program.dimensions,
        program.models,
        program.embeddings,
        program.prompts,
        program.operators,
        program.validators,
        program.judges,
        program.outputs,
    )
    for declarations in kinds:
        names = [declaration.name for declaration in declarations]
        assert len(names) == len(set(names)), names
    assert program.dataset.role == "main"
    assert all(dataset.role != "main" for dataset in program.datasets)
    models = {model.name for model in program.models}
    prompts = {prompt.name for prompt in program.prompts}
    validators = {validator.name for validator in program.validators}
    for operator in program.operators:
        assert operator.model is None or operator.model in models, operator
        assert operator.prompt is None or operator.prompt in prompts, operator
        assert validators.issuperset(operator.checks), operator


def _verify_dimension(dimension: Dimension) -> None:
    if dimension.target is not None and dimension.target.kind == "weights":
        assert sum(dimension.target.weights.values()) == 1, dimension
        assert dimension.labels is not None
        assert tuple(dimension.target.weights) == dimension.labels, dimension
    if dimension.bands:
        assert tuple(band.label for band in dimension.bands) == dimension.labels, dimension
        for band in dimension.bands:
            assert band.low is None or band.high is None or band.low < band.high, dimension


def _expressions(program: Program) -> Iterable[Expression]:
    yield from program.dataset.fields.values()
    for expression in (program.dataset.where, program.constraints.protect, program.constraints.flagged):
        if expression is not None:
            yield expression
    for operator in program.operators:
        yield from (each for each in (operator.where, operator.prefer) if each is not None)
    yield from (validator.accept for validator in program.validators if validator.accept is not None)
    yield from (judge.accept for judge in program.judges if judge.accept is not None)
    yield from (expect.assertion for expect in program.expects)
