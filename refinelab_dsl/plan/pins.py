"""What a spec depends on, as `refine.lock` pins it, and how it differs from what is pinned."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from refinelab_dsl import data
from refinelab_dsl.artifacts.lock_file import DataPin, ModelPin, PromptPin, SpecPins
from refinelab_dsl.artifacts.plan import Header
from refinelab_dsl.builtins import BLOCKS
from refinelab_dsl.data.files import name_file
from refinelab_dsl.data.profile import Profile
from refinelab_dsl.data.read import count_rows
from refinelab_dsl.declarations import Model
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.ir import Program
from refinelab_dsl.ir.spelling import render_value, spell
from refinelab_dsl.plan.templates import build_template_digests
from refinelab_dsl.project import Project
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.source import Source

_SHOWN = 12  # digits of a hash


@dataclass(frozen=True)
class Drift:
    """A pin that is not what is there now. what: `data file `x.jsonl``; was, now: in words, None for none."""

    what: str
    was: str | None
    now: str | None


def build_pins(
    program: Program, spec: Source, sources: Iterable[Source], project: Project, *, allow_outside: bool = False
) -> tuple[SpecPins, tuple[Diagnostic, ...]]:
    """The pins of a spec as things are now, and what is wrong with its data files, which are read as a stream.

    sources: the texts that the spec is made of, itself included.
    """
    pinned: dict[str, dict[str, DataPin]] = {}
    found: list[Diagnostic] = []
    for dataset in (program.dataset, *program.datasets):
        files, problems = data.find_files(
            dataset, project, allow_outside=allow_outside, origins=program.origins
        )
        digests, unreadable = data.digest_files(files, project)
        rows, unread = count_rows(dataset, files, project)
        found += [*problems, *unreadable, *unread]
        pinned[dataset.name] = {
            digest.name: DataPin(
                sha256=digest.sha256, bytes=digest.bytes, rows=rows.get(name_file(path, project))
            )
            for path, digest in zip(files, digests, strict=not unreadable)
        }
    pins = pin_program(program, spec, sources, project)
    return pins.model_copy(update={"data": pinned}), tuple(found)


def pin_program(program: Program, spec: Source, sources: Iterable[Source], project: Project) -> SpecPins:
    """The pins that need no data: files, models and prompts."""
    prompts = {operator.name: operator.prompt for operator in program.operators}
    return SpecPins(
        edition=program.edition,
        files={
            name_file(source.path.resolve(), project): hashlib.sha256(source.text.encode("utf-8")).hexdigest()
            for source in sources
            if source.path is not None and source.path != spec.path
        },
        models={model.name: _pin_model(model) for model in program.models},
        prompts={
            name: PromptPin(sha256=digest, source=prompts[name] or "built-in")
            for name, digest in build_template_digests(program).items()
        },
    )


def find_drift(pinned: SpecPins, now: SpecPins, *, datasets: Collection[str] | None = None) -> Iterator[Drift]:
    """Every pin that differs, in the order of the file. Rows follow from bytes and are not compared.

    datasets: those to be compared; None for all.
    """
    if pinned.edition != now.edition:
        yield Drift("the edition", str(pinned.edition), str(now.edition))
    for dataset in sorted(pinned.data.keys() | now.data.keys() if datasets is None else datasets):
        before, after = pinned.data.get(dataset, {}), now.data.get(dataset, {})
        for file in sorted(before.keys() | after.keys()):
            old, new = before.get(file), after.get(file)
            if old is None or new is None or (old.sha256, old.bytes) != (new.sha256, new.bytes):
                yield Drift(f"data file `{file}`", _describe_data(old), _describe_data(new))
    for kind, olds, news in (
        ("file", _digests(pinned.files), _digests(now.files)),
        ("model", _models(pinned.models), _models(now.models)),
        ("the prompt of", _prompts(pinned.prompts), _prompts(now.prompts)),
    ):
        for name in sorted(olds.keys() | news.keys()):
            was, is_now = olds.get(name), news.get(name)
            if was != is_now:
                yield Drift(f"{kind} `{name}`", _shorten(was), _shorten(is_now))


def find_plan_drift(
    pinned: SpecPins, program: Program, profile: Profile, spec: Source, bindings: Bindings, project: Project
) -> Iterator[Drift]:
    """What differs of that which a plan is made of: the main dataset and signals by their bytes, texts, models,
    prompts."""
    read = {program.dataset.name: profile.files, **profile.signals}
    data_ = {
        name: {file.name: DataPin(sha256=file.sha256, bytes=file.bytes) for file in files}
        for name, files in read.items()
    }
    now = pin_program(program, spec, bindings.sources.values(), project)
    yield from find_drift(pinned, now.model_copy(update={"data": data_}), datasets=tuple(data_))


def is_unchanged(pinned: SpecPins, header: Header) -> bool:
    """Whether the data files of a plan are those that are pinned."""
    recorded = {entry.name: entry.sha256 for entry in header.inputs if entry.kind == "file"}
    if recorded != {name: pin.sha256 for name, pin in pinned.data.get(header.dataset.name, {}).items()}:
        return False
    known = {(name, pin.sha256) for files in pinned.data.values() for name, pin in files.items()}
    return all((entry.name, entry.sha256) in known for entry in header.inputs if entry.kind == "signals")


def _pin_model(model: Model) -> ModelPin:
    price = None
    if model.price is not None and not model.price.locked:
        row = next(each for each in BLOCKS["model"].attributes if each.name == "price")
        members = {name: value for name, value in model.price if name != "locked" and value is not None}
        price = render_value(spell(members, row.type, lambda _, name: name))
    return ModelPin(provider=model.provider, id=model.id, base_url=model.base_url, price=price)


def _describe_data(pin: DataPin | None) -> str | None:
    if pin is None:
        return None
    rows = "" if pin.rows is None else f"{pin.rows:,} rows, "
    return f"{rows}{pin.bytes:,} bytes, sha256 {pin.sha256[:_SHOWN]}…"


def _digests(pins: Mapping[str, str]) -> dict[str, str]:
    return {name: f"sha256 {digest}" for name, digest in pins.items()}


def _models(pins: Mapping[str, ModelPin]) -> dict[str, str]:
    return {
        name: ", ".join(
            part for part in (pin.provider, pin.id, pin.base_url, pin.price and f"price {pin.price}") if part
        )
        for name, pin in pins.items()
    }


def _prompts(pins: Mapping[str, PromptPin]) -> dict[str, str]:
    return {name: f"{pin.source}, sha256 {pin.sha256}" for name, pin in pins.items()}


def _shorten(text: str | None) -> str | None:
    """A hash in a description, cut: the whole one stands in the file."""
    if text is None or "sha256 " not in text:
        return text
    head, _, digest = text.rpartition("sha256 ")
    return f"{head}sha256 {digest[:_SHOWN]}…"
