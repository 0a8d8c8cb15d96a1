"""Diagnostics in the Static Analysis Results Interchange Format, SARIF 2.1.0 (OASIS), for code scanners and editors."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from refinelab_dsl import __version__
from refinelab_dsl.diagnostics.diagnostic import Diagnostic, Diagnostics, Help
from refinelab_dsl.diagnostics.display import escape, replace_surrogates
from refinelab_dsl.diagnostics.meanings import load_meanings, load_severities
from refinelab_dsl.diagnostics.render.checkout import Checkout
from refinelab_dsl.diagnostics.render.prose import message_lines, name_position
from refinelab_dsl.source import Place, Sources, Span

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_BASE = "%SRCROOT%"  # the root of the checkout; who reads the log knows where it stands


def render_sarif(diagnostics: Diagnostics, checkout: Checkout) -> dict[str, Any]:
    """A log of one run, as JSON values: a rule for each code that occurs, a result for each diagnostic.

    Files are relative URIs from `%SRCROOT%`, the root of the checkout, or absolute ones outside of it. Columns count
    Unicode code points. No text of a file is quoted but what a way out would write. The bytes depend on the
    diagnostics alone: no clock, no machine path below the root.
    """
    return _Log(diagnostics, checkout).build()


class _Log:
    def __init__(self, diagnostics: Diagnostics, checkout: Checkout) -> None:
        self.diagnostics = diagnostics
        self.sources: Sources = diagnostics.sources
        self.checkout = checkout
        self.codes = sorted({entry.code for entry in diagnostics})
        self.seen: Counter[str] = Counter()

    def build(self) -> dict[str, Any]:
        meanings, severities = load_meanings(), load_severities()
        driver = {
            "name": "refinec",
            "version": __version__,
            "semanticVersion": __version__,
            "rules": [_rule(code, meanings.get(code, code), severities.get(code, "error")) for code in self.codes],
        }
        run = {
            "tool": {"driver": driver},
            "columnKind": "unicodeCodePoints",
            "results": [self.result(entry) for entry in self.diagnostics],
        }
        return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}

    def result(self, entry: Diagnostic) -> dict[str, Any]:
        result: dict[str, Any] = {
            "ruleId": entry.code,
            "ruleIndex": self.codes.index(entry.code),
            "level": entry.severity,
            "message": _message("\n".join(message_lines(entry, self.sources))),
        }
        locations = list(self.locations(entry))
        if locations:
            result["locations"] = locations[:1]
        related = [*locations[1:], *self.labels(entry)]
        if related:
            result["relatedLocations"] = [{"id": number, **each} for number, each in enumerate(related, 1)]
        fixes = list(self.fixes(entry))
        if fixes:
            result["fixes"] = fixes
        result["partialFingerprints"] = {"refinecLine/v1": self.fingerprint(entry)}
        return result

    def locations(self, entry: Diagnostic) -> Iterator[dict[str, Any]]:
        """The marked place of the spec, then the place in a data file."""
        if entry.span is not None:
            yield self.location(entry.span)
        if entry.place is not None:
            yield self.place(entry.place)

    def location(self, span: Span) -> dict[str, Any]:
        physical = self.physical(span)
        # Standard input and values of variables are no artifacts that a reader could open.
        return {"physicalLocation": physical} if physical else {"message": _message(name_position(span, self.sources))}

    def place(self, place: Place) -> dict[str, Any]:
        file = self.checkout.locate(place.file, self.sources)
        if file is None:
            return {"message": _message(escape(str(place)))}
        region = {} if place.line is None else {"region": {"startLine": place.line}}
        return {"physicalLocation": {"artifactLocation": _artifact(file), **region}}

    def labels(self, entry: Diagnostic) -> Iterator[dict[str, Any]]:
        for label in entry.labels:
            location = self.location(label.span)
            if label.text and "message" not in location:
                location["message"] = _message(escape(label.text))
            yield location

    def physical(self, span: Span) -> dict[str, Any] | None:
        file = self.checkout.locate(span.file, self.sources)
        if file is None:
            return None
        region = self.region(span)
        return {"artifactLocation": _artifact(file), **({} if region is None else {"region": region})}

    def region(self, span: Span) -> dict[str, int] | None:
        source = self.sources.get(span.file)
        if source is None:
            return None
        start, end = source.position(span.start), source.position(span.end)
        return {
            "startLine": start.line,
            "startColumn": start.column,
            "endLine": end.line,
            "endColumn": end.column,
        }

    def fixes(self, entry: Diagnostic) -> Iterator[dict[str, Any]]:
        for help in dict.fromkeys(entry.help):
            changes = list(self.changes(help))
            if changes:
                properties = {"applicability": help.applicability}
                yield {
                    "description": _message(escape(help.message)),
                    "artifactChanges": changes,
                    "properties": properties,
                }

    def changes(self, help: Help) -> Iterator[dict[str, Any]]:
        files: dict[str, list[dict[str, Any]]] = {}
        for edit in sorted(help.edits, key=lambda edit: (edit.span.file, edit.span.start, edit.span.end)):
            file, region = self.checkout.locate(edit.span.file, self.sources), self.region(edit.span)
            if file is not None and region is not None:
                content = {"text": replace_surrogates(edit.text)}
                files.setdefault(file, []).append({"deletedRegion": region, "insertedContent": content})
        for file, replacements in files.items():
            yield {"artifactLocation": _artifact(file), "replacements": replacements}

    def fingerprint(self, entry: Diagnostic) -> str:
        """The same as long as code, file and the text of the line are, wherever the line has moved to; equal ones are
        numbered."""
        span, place = entry.span, entry.place
        if span is not None:
            source = self.sources.get(span.file)
            line = "" if source is None else source.line_text(source.position(span.start).line).strip()
            parts = [entry.code, self.checkout.locate(span.file, self.sources) or "", line]
        else:
            file = "" if place is None else self.checkout.locate(place.file, self.sources) or ""
            parts = [entry.code, file, entry.message]
        digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]
        self.seen[digest] += 1
        return f"{digest}:{self.seen[digest]}"


def _rule(code: str, meaning: str, level: str) -> dict[str, Any]:
    whole = " ".join(meaning.split())
    more = f"refinec explain {code}"
    return {
        "id": code,
        "shortDescription": _message(re.split(r"(?<=[.;:]) ", whole)[0].rstrip(".;:")),
        "fullDescription": _message(whole),
        "help": {**_message(f"more: {more}"), "markdown": f"more: `{more}`"},
        "defaultConfiguration": {"level": level},
    }


def _message(text: str) -> dict[str, str]:
    """A text as SARIF's messages write it: braces doubled (3.11.5), and no link but ours, which are none (3.11.6)."""
    plain = replace_surrogates(text).replace("{", "{{").replace("}", "}}")
    return {"text": re.sub(r"\[(?=[^\[\]]*\]\()", r"\\[", plain)}


def _artifact(file: str) -> dict[str, str]:
    if Path(file).is_absolute():
        return {"uri": "file://" + _encode(file)}
    return {"uri": _encode(file), "uriBaseId": _BASE}


def _encode(path: str) -> str:
    return quote(path, safe="/", errors="replace")
