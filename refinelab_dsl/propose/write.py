"""An inference as the text of a spec, in our style, with the evidence as comments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from itertools import pairwise

from jinja2 import Environment, StrictUndefined

from refinelab_dsl import resources
from refinelab_dsl.data.invert import invertible
from refinelab_dsl.data.tasks import TASK_FIELDS
from refinelab_dsl.diagnostics.display import escape
from refinelab_dsl.metrics import jsd
from refinelab_dsl.propose.inference import Bands, Finding, Inference, Topic
from refinelab_dsl.propose.text import render_expression, render_label, render_names, render_text, show

_LISTED = 12  # labels; more are left to the data
_LONG = 60  # characters of a label that is listed
_STEP = Decimal("0.001")
_LEAST = Decimal("0.005")
_SHARES = {"short": "30%", "medium": "40%", "long": "rest"}


@dataclass(frozen=True, slots=True)
class Reach:
    """The divergence of the balanced dimension that a plan comes to."""

    now: float
    planned: float


def write_spec(inference: Inference, file: str, *, outside: bool = False, reach: Reach | None = None) -> str:
    """The text of the spec `file`.

    outside: its data lie outside of the project. reach: what a plan of this very spec reaches; without it the spec
    expects no more than that the mix is no worse than today.
    """
    dataset, topic, bands = inference.dataset, inference.topic, inference.bands
    folder = "refined" if any(source.startswith("out/") for source in dataset.source) else "out"
    back = invertible(dataset)
    environment = Environment(
        autoescape=False, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined
    )
    environment.filters["quoted"] = render_text
    return environment.from_string(resources.read("templates/init/spec.refine.j2")).render(
        title=_title(inference),
        spec=file,
        outside=outside,
        counts=_proposal_line(inference),
        doubts=list_doubts(inference),
        name=dataset.name,
        runs=inference.reading.task == "code",
        dataset=list(_dataset_lines(inference)),
        fields=list(_field_lines(inference)),
        topic=None if topic is None else _show_topic(topic),
        bands=None if bands is None else _show_bands(bands),
        output=f"{folder}/{dataset.name}.jsonl",
        log=f"{folder}/{dataset.name}.prov.jsonl",
        layout=f"{render_names(back)} cannot be written back into the columns of the source" if back else "",
        expect=_expect(inference, reach),
    )


def list_doubts(inference: Inference) -> list[str]:
    """What a person should look at, a line each."""
    reading = inference.reading
    found = list(reading.doubts)
    for finding in reading.findings:
        if finding.alternatives:
            chosen = show_source(finding)
            found.append(f"{finding.name}: {chosen} was taken; {render_names(finding.alternatives)} would do as well")
        elif not finding.sure:
            found.append(f"{finding.name}: {finding.evidence}")
    if inference.bad:
        total = inference.rows + inference.bad
        found.append(f"{inference.bad} of {total} rows are no items and are left out (`on_bad_row = skip`)")
    if inference.topic is not None and inference.topic.others:
        found.append(
            f"{inference.topic.name}: {render_names(inference.topic.others)} could be balanced instead, or besides"
        )
    return [_comment(line) for line in found]


def show_source(finding: Finding) -> str:
    """Where a field comes from, for a message: the expression, with names bounded."""
    return f"`{show(render_expression(finding.expression))}`"


def _title(inference: Inference) -> str:
    files = "1 file" if inference.files == 1 else f"{inference.files} files"
    return f"`{inference.dataset.name}`: {inference.rows:,} items of task `{inference.reading.task}`, from {files}."


def _proposal_line(inference: Inference) -> str:
    """How far the evidence reaches."""
    total = inference.rows + inference.bad
    if total == inference.sampled:
        return "Counts are of all rows."
    return f"Counts are of {inference.sampled:,} rows from all over the data; then all {total:,} were read so."


def _dataset_lines(inference: Inference) -> Iterator[str]:
    dataset, reading = inference.dataset, inference.reading
    yield f"task = {dataset.task}  # {_comment(reading.evidence)}"
    sources = [render_text(source) for source in dataset.source]
    yield f"source = {sources[0] if len(sources) == 1 else '[' + ', '.join(sources) + ']'}"
    if dataset.columns is not None:
        yield f"columns = [{', '.join(map(render_label, dataset.columns))}]  # the first row is no header"
    if dataset.explode:
        yield f"explode = [{', '.join(map(render_label, dataset.explode))}]  # lists: each row holds several questions"
    if dataset.answer_as != "auto":
        yield f"answer_as = {dataset.answer_as}  # {_comment(reading.key_evidence)}"
    elif reading.task == "mcq":
        yield f"answer_as = auto  # {_comment(reading.key_evidence)}"
    if dataset.on_bad_row == "skip":
        first = inference.first_bad
        where = f"line {first.place.line}" if first is not None and first.place is not None else "one"
        total = inference.rows + inference.bad
        yield f"on_bad_row = skip  # {inference.bad} of {total} rows are no items; the first: {where}"


def _field_lines(inference: Inference) -> Iterator[str]:
    reading, topic = inference.reading, inference.topic
    for finding in reading.findings:
        yield f"{finding.name} = {render_expression(finding.expression)}  # {_comment(finding.evidence)}"
    if topic is not None:
        yield f"{topic.name} = {render_expression(topic.expression)}"


def _comment(text: str) -> str:
    """Names in it come from data: one line, nothing that steers a terminal."""
    return escape(" ".join(text.split()))


def _show_topic(topic: Topic) -> dict[str, object]:
    labels = sorted(topic.counts)
    least, most = min(topic.counts.values()), max(topic.counts.values())
    spread = f"today each has {least}" if least == most else f"today they have {least} to {most} rows"
    return {
        "name": topic.name,
        "evidence": _comment(topic.evidence[0].upper() + topic.evidence[1:]),
        "summary": f"Each of the {len(labels)} labels as often as the others; {spread}.",
        "labels": ", ".join(map(render_label, labels)) if _are_listed(labels) else "",
        "absent": topic.absent,
    }


def _are_listed(labels: Sequence[str]) -> bool:
    """A spec's text cannot hold a null character; what is long is no label to write down."""
    return len(labels) <= _LISTED and all(len(label) <= _LONG and "\0" not in label for label in labels)


def _show_bands(bands: Bands) -> dict[str, object]:
    edges = bands.edges
    forms = [f"below({edges[0]})", *(f"between({low}, {high})" for low, high in pairwise(edges)),
             f"above({edges[-1]})"]  # fmt: skip
    total = sum(bands.counts)
    shares = [f"{100 * count / total:.0f}% {label}" for label, count in zip(bands.labels, bands.counts, strict=True)]
    even = len(bands.labels) == 2
    return {
        "labels": ", ".join(bands.labels),
        "bands": ", ".join(f"{label} = {form}" for label, form in zip(bands.labels, forms, strict=True)),
        "summary": ", ".join(shares),
        "target": "uniform()" if even else f"{{ {', '.join(f'{each} = {share}' for each, share in _SHARES.items())} }}",
    }


def _expect(inference: Inference, reach: Reach | None) -> dict[str, str]:
    topic, bands = inference.topic, inference.bands
    name = topic.name if topic is not None else "length" if bands is not None else None
    if name is None or inference.reading.task not in TASK_FIELDS:
        return {"title": "as many rows as today", "assertion": f"size() >= {inference.rows}", "comment": ""}
    title = "every label as often as the others" if topic is not None else "questions of every length"
    if reach is None:
        return {"title": title, "assertion": f"jsd({name}) <= {_bound(_today(inference))}", "comment": "as today"}
    comment = f"a plan reaches {reach.planned:.3f}; today it is {reach.now:.3f}"
    return {"title": title, "assertion": f"jsd({name}) <= {_bound(1.2 * reach.planned)}", "comment": comment}


def _bound(value: float) -> Decimal:
    return max(_LEAST, Decimal(repr(round(value, 9))).quantize(_STEP, ROUND_UP))


def _today(inference: Inference) -> float:
    if inference.topic is not None:
        counts = list(inference.topic.counts.values())
        target = [1 / len(counts)] * len(counts)
    else:
        assert inference.bands is not None
        counts = list(inference.bands.counts)
        target = [0.5, 0.5] if len(counts) == 2 else [0.3, 0.4, 0.3]
    total = sum(counts)
    return jsd([count / total for count in counts], target)
