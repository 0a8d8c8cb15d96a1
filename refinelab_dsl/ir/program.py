"""The program: a spec after `lower`. No syntax is left; `origins` alone remember where things were written."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from refinelab_dsl.declarations import (
    Budget,
    Constraints,
    Dataset,
    Dimension,
    Embedding,
    Expect,
    Judge,
    Loop,
    Measure,
    Model,
    Operator,
    Output,
    Pilot,
    Prompt,
    Run,
    Solve,
    Validator,
)
from refinelab_dsl.source import Span


class Unexecutable(BaseModel):
    """Something that the language has and no plan of this version can execute: what, in words, and where."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: str
    span: Span | None = Field(default=None, repr=False)


class Program(BaseModel):
    """One whole spec. Declarations stand in the order in which they were written, what is imported before what imports
    it; names are unique per kind, those of an import dotted (`models.bulk`). Of imports only what is used stands here.

    `origins` maps paths such as `constraints.size`, `dimension.topic.target`, `operator.author` to spans;
    `docs` maps `operator.author` to its `##` comment. Neither counts in the spec's hash.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    edition: int = 1
    name: str  # of the spec: its file's stem
    seed: int = 0
    dataset: Dataset  # the one whose role is main
    datasets: tuple[Dataset, ...] = ()  # the others
    measures: tuple[Measure, ...] = ()
    dimensions: tuple[Dimension, ...] = ()
    constraints: Constraints = Constraints()
    models: tuple[Model, ...] = ()
    embeddings: tuple[Embedding, ...] = Field(default=(), exclude_if=lambda embeddings: not embeddings)
    prompts: tuple[Prompt, ...] = ()
    operators: tuple[Operator, ...] = ()
    validators: tuple[Validator, ...] = ()
    judges: tuple[Judge, ...] = Field(default=(), exclude_if=lambda judges: not judges)
    budget: Budget | None = None
    pilot: Pilot | None = Field(default=None, exclude_if=lambda pilot: pilot is None)
    solve: Solve = Solve()
    run: Run = Run()
    outputs: tuple[Output, ...] = ()
    expects: tuple[Expect, ...] = ()
    loop: Loop | None = Field(default=None, exclude_if=lambda loop: loop is None)
    origins: dict[str, Span] = Field(default={}, repr=False)
    docs: dict[str, str] = Field(default={}, repr=False)
    unexecutable: tuple[Unexecutable, ...] = ()
