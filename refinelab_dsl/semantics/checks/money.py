"""Models and budgets: who is asked, and whether a limit in dollars can be kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from refinelab_dsl import builtins, syntax
from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.diagnostics.catalog import names as faults
from refinelab_dsl.semantics.bindings import Bindings
from refinelab_dsl.semantics.draft import Declared, Draft
from refinelab_dsl.source import Place, Span

_OF_SECRETS: Final = re.compile("key|token|secret|passw|auth|sig|credential", re.IGNORECASE)


def check_models(tree: syntax.Tree, bindings: Bindings) -> Iterator[Diagnostic]:
    """What each provider needs."""
    for kind in ("model", "embedding"):
        for model in bindings.draft.all(kind):
            provider = model.get("provider")
            header = model.block.header_span
            if provider in ("openai", "cached", "sentence_transformers") and "id" not in model.written:
                yield faults.attribute_needed_with(header, model.title, "id", f"provider `{provider}` has many models")
            if provider == "openai" and "api_key" not in model.written and "base_url" not in model.written:
                because = "api.openai.com asks for a key; an endpoint of your own has a `base_url`"
                yield faults.attribute_needed_with(header, model.title, "api_key", because)
            for name, at in _keys(model, "params"):
                if provider == "openai" and name in builtins.RESERVED_PARAMS:
                    yield faults.reserved_param(at, model.name, name)
            url = model.get("base_url")
            if url is None:
                continue
            span = model.span("base_url")
            if _holds_password(url):
                line = bindings.sources[span.file].position(span.start).line
                yield faults.secret_in_text(Place(span.file, line), "`base_url`")
            elif (reason := _url_fault(url)) is not None:
                yield faults.bad_url(span, url, reason)


def check_batches(tree: syntax.Tree, bindings: Bindings) -> Iterator[Diagnostic]:
    """Whether models are asked by batch as `run` wants it."""
    draft = bindings.draft
    run = draft.one("run")
    wanted = None if run is None else run.get("batch")
    if run is None or wanted in (None, "never") or bindings.is_library:
        return
    asked = [(model, user) for model, user in _asked(draft) if model.kind == "model" and user.kind != "judge"]
    if wanted == "require":
        for model, user in asked:
            if not model.get("batch") and not model.is_broken("batch"):
                span = model.block.label_span or model.block.kind_span
                yield faults.batch_not_allowed(run.span("batch"), model.title, user.title, span)
    elif asked and not any(model.get("batch") or model.is_broken("batch") for model, _ in asked):
        yield faults.no_effect(run.span("batch"), "batch", "`run`", "no model that is asked has `batch = true`")


def check_budget(tree: syntax.Tree, bindings: Bindings) -> Iterator[Diagnostic]:
    """A limit, and prices for all who are asked where it is one in dollars."""
    draft = bindings.draft
    budget = draft.one("budget")
    if budget is None:
        callers = [each for each in draft.all("operator") if each.operator is not None and each.operator.calls]
        if callers and not bindings.is_library and not any(kind == "budget" for kind, _ in bindings.broken):
            yield faults.unlimited(callers[0].block.header_span)
        return
    if "tokens" not in budget.written and "cost" not in budget.written:
        yield faults.budget_without_limit(budget.block.header_span)
    if budget.get("cost") is None:
        return
    for model, user in _asked(draft):
        if model.get("price") is not None or model.is_broken("price", "provider"):
            continue
        named = (model.get("provider"), model.get("base_url"), model.get("id"))
        if model.kind == "model" and bindings.options.find_price(*named) is not None:
            continue
        span = model.block.label_span or model.block.kind_span
        match model.get("provider"):
            case "openai":
                yield faults.cost_without_price(budget.span("cost"), model.title, user.title, span)
            case "simulated":
                yield faults.simulated_is_free(span, model.name)


def _asked(draft: Draft) -> Iterator[tuple[Declared, Declared]]:
    """The models and embeddings that a plan may ask, each with the first declaration that asks it."""
    seen: set[str] = set()
    for user in draft.blocks:
        if user.kind not in ("operator", "measure", "validator", "judge"):
            continue
        for name in (user.get("model"), user.get("second_model"), *(user.get("models") or ())):
            model = draft.named("model", name)
            if model is not None and model.name not in seen:
                seen.add(model.name)
                yield model, user
    for user in draft.blocks:
        embedding = draft.named("embedding", user.get("embedding"))
        if embedding is not None and embedding.name not in seen:
            seen.add(embedding.name)
            yield embedding, user


def _keys(declared: Declared, attribute: str) -> Iterator[tuple[str, Span]]:
    """The keys of a map, with their places."""
    written = declared.written.get(attribute)
    if written is not None and isinstance(written.value, syntax.MapOf):
        for pair in written.value.pairs:
            yield pair.key, pair.key_span


def _holds_password(url: str) -> bool:
    """Whether an address names a user, a password or, in its query, a key: such a text is never shown."""
    place = url.partition("://")[2]
    pairs = (part.partition("=") for part in re.split("[?&;#]", place)[1:])
    return "@" in place.partition("/")[0] or any(value and _OF_SECRETS.search(name) for name, _, value in pairs)


def _url_fault(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "it cannot be read"
    if parts.scheme not in ("http", "https"):
        return "it does not start with `https://` or `http://`"
    if not parts.hostname or port == 0:
        return "it names no host"
    if parts.query or parts.fragment:
        return "it has a query or a fragment"
    return None
