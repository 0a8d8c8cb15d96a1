"""Which host a model's requests go to, and which secrets may go where.

A spec may come from a stranger: it names a host and an environment variable, and must not be able to send the one
to the other. Trusted are loopback, the pairs below, and what the user's own configuration adds to them
(`artifacts/trust_file.py`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

from refinelab_dsl.artifacts.trust_file import Pair, load_trust, place_trust
from refinelab_dsl.declarations import Embedding, Model
from refinelab_dsl.diagnostics.catalog import plan as faults
from refinelab_dsl.diagnostics.diagnostic import Diagnostic
from refinelab_dsl.source import Span

_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]*")
DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"

BUILT_IN_TRUST: Final[frozenset[tuple[str, str]]] = frozenset(
    {
        ("api.anthropic.com", "ANTHROPIC_API_KEY"),
        ("api.cerebras.ai", "CEREBRAS_API_KEY"),
        ("api.deepseek.com", "DEEPSEEK_API_KEY"),
        ("api.fireworks.ai", "FIREWORKS_API_KEY"),
        ("api.groq.com", "GROQ_API_KEY"),
        ("api.mistral.ai", "MISTRAL_API_KEY"),
        ("api.openai.com", "OPENAI_API_KEY"),
        ("api.together.xyz", "TOGETHER_API_KEY"),
        ("api.x.ai", "XAI_API_KEY"),
        ("generativelanguage.googleapis.com", "GEMINI_API_KEY"),
        ("openrouter.ai", "OPENROUTER_API_KEY"),
    }
)
"""(host, environment variable): the host may receive the variable's value."""


def host(model: Model | Embedding) -> str | None:
    """The host that receives the requests of a model or an embedding, in lower case and without port; None where
    nothing is sent.

    A `base_url` that cannot be read gives the empty string; `check_endpoint` says what is wrong with it.
    """
    if model.provider != "openai":
        return None
    try:
        return (urlsplit(model.base_url or DEFAULT_BASE_URL).hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_loopback(name: str) -> bool:
    """Whether a host is this machine: `localhost`, 127.0.0.0/8, ::1."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def parse_host(text: str) -> str | None:
    """A host as hosts are compared: lower case, no dot at its end, an IPv6 address without brackets and in its shortest
    form; None of what is no plain host (an address, a port, credentials, letters that are not ASCII)."""
    name = text.lower().removesuffix(".")
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
        if ":" not in name:
            return None
    if not _HOST.fullmatch(name):
        return None
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return None if ":" in name else name


def is_trusted(name: str, variable: str | None, own: Collection[Pair] = ()) -> bool:
    """Whether a host may receive a variable's value and dataset text. own: what the user's configuration adds."""
    if is_loopback(name) or (variable is not None and (name, variable) in BUILT_IN_TRUST):
        return True
    shape = parse_host(name)
    return shape is not None and any(parse_host(pair.host) == shape and pair.variable == variable for pair in own)


def check_endpoint(
    model: Model | Embedding, environ: Mapping[str, str] | None = None, span: Span | None = None
) -> Diagnostic | None:
    """Why this model may not be called from this spec: its address (RF5201), a host that is not trusted with the
    variable or the data (RF5202), or a configuration that cannot say it (RF6700, RF6701). None where nothing speaks
    against it. environ: where the user's configuration is found; None leaves it aside. Looks at no network, and at no
    value of the model's variable."""
    reason = find_endpoint_fault(model)
    if reason is not None:
        return faults.endpoint_refused(model.title, reason, span)
    name = host(model)
    if name is None or is_trusted(name, model.api_key):
        return None
    own = frozenset[Pair]() if environ is None else load_trust(place_trust(environ))
    if isinstance(own, Diagnostic):
        return own
    if is_trusted(name, model.api_key, own):
        return None
    return faults.host_untrusted(model.title, name, model.api_key, span)


def find_endpoint_fault(model: Model | Embedding) -> str | None:
    """What is wrong with the model's `base_url`, in words that follow "`base_url` of model `m` …"; None if nothing.

    Credentials in an address would be written to the plan, and plain http would carry key and data in the clear.
    """
    return None if model.provider != "openai" or model.base_url is None else find_address_fault(model.base_url)


def find_address_fault(address: str) -> str | None:
    """What is wrong with an address that text is to be sent to, in words that follow the name of what holds it; None if
    nothing."""
    try:
        parts: SplitResult = urlsplit(address)
        name = parts.hostname
        _ = parts.port  # raises where it is no number
    except ValueError:
        return "is not an address"
    if parts.scheme not in ("http", "https") or not name:
        return "is not an http or https address"
    if not _HOST.fullmatch(name):  # what one parser takes for a host, another may not
        return "names no plain host"
    if any(character.isspace() or not character.isprintable() for character in address):
        return "holds white space or control characters"
    if "@" in parts.netloc:
        return "holds credentials"
    if parts.query or parts.fragment:
        return "holds a query or a fragment"
    if parts.scheme == "http" and not is_loopback(name):
        return "is plain http to another machine"
    return None
