"""List prices of models, from the package `genai-prices`: data that came with it, never the network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from refinelab_dsl.artifacts.lock_file import PricePin
from refinelab_dsl.prompts.hosts import DEFAULT_BASE_URL


@dataclass(frozen=True, slots=True)
class Listed:
    """A price that was found, or why there is none."""

    pin: PricePin | None
    why: str = ""


def is_installed() -> bool:
    """Whether the list is there: the extra `prices`."""
    try:
        import genai_prices  # noqa: F401
    except ImportError:
        return False
    return True


def find_price(provider: str, model: str, base_url: str | None, today: datetime) -> Listed:
    """Today's list price of a model at an endpoint, in dollars per million tokens.

    A price that depends on the length of the prompt or on the hour is none that a budget can be kept with: the list's
    figure would be wrong for some calls.
    """
    from genai_prices import __version__, data_snapshot
    from genai_prices.types import StartDateConstraint

    if provider != "openai":
        return Listed(None, f"provider `{provider}` asks no endpoint")
    try:
        _, found = data_snapshot.get_snapshot().find_provider_model(model, None, None, base_url or DEFAULT_BASE_URL)
    except LookupError:
        return Listed(None, f"genai-prices {__version__} does not list `{model}` at this endpoint")
    if isinstance(found.prices, list) and any(
        each.constraint is not None and not isinstance(each.constraint, StartDateConstraint) for each in found.prices
    ):
        return Listed(None, "its list price depends on the hour")
    price = found.get_prices(today)
    if price.input_mtok is None or price.output_mtok is None:
        return Listed(None, "its list price is not one per token")
    if not isinstance(price.input_mtok, Decimal) or not isinstance(price.output_mtok, Decimal):
        return Listed(None, "its list price depends on the length of the prompt")
    cached = price.cache_read_mtok
    pin = PricePin(
        input=price.input_mtok,
        output=price.output_mtok,
        cached_input=cached if isinstance(cached, Decimal) else None,
        as_of=today.astimezone(UTC).date().isoformat(),
        source=f"genai-prices {__version__}",
    )
    return Listed(pin)
