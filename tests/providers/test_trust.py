"""Whether a provider is opened: addresses, hosts, keys, params. No value of a variable is ever told."""

from __future__ import annotations

from typing import Any

import pytest

from refinelab_dsl.diagnostics import Diagnostic
from refinelab_dsl.providers import check_trust
from tests.prompts.models import make_model
from tests.providers.asking import open_or_refuse

LOCAL = "http://127.0.0.1:1/v1"


def refused(environ: dict[str, str] | None = None, **changes: Any) -> Diagnostic:
    result = open_or_refuse(make_model(**changes), environ or {})
    assert isinstance(result, Diagnostic)
    assert result.is_error
    return result


@pytest.mark.parametrize("value", [None, "", "  \n"])
def test_a_missing_key_is_named(value: str | None) -> None:
    environ = {} if value is None else {"OPENAI_API_KEY": value}
    result = refused(environ, api_key="OPENAI_API_KEY")
    assert result.code == "RF6200"
    assert "OPENAI_API_KEY" in result.message


@pytest.mark.parametrize("value", ["sk-\u00e4planted", "sk-planted\nX-Header: 1", "sk planted", "sk-planted\x00"])
def test_a_key_that_could_break_out_of_its_header_is_refused_and_not_shown(value: str) -> None:
    result = refused({"MY_KEY": value}, api_key="MY_KEY", base_url=LOCAL)
    assert result.code == "RF6201"
    assert "MY_KEY" in result.message
    assert "planted" not in repr(result)


async def test_white_space_around_a_key_is_no_part_of_it() -> None:
    provider = open_or_refuse(make_model(api_key="MY_KEY", base_url=LOCAL), {"MY_KEY": " sk-x \n"})
    assert not isinstance(provider, Diagnostic)
    await provider.close()


def test_a_host_is_judged_before_a_key_is_looked_at() -> None:
    class Untouchable(dict[str, str]):
        def get(self, name: str, *rest: Any) -> Any:
            assert name in ("XDG_CONFIG_HOME", "HOME"), f"{name} was read"

        __getitem__ = get

    result = open_or_refuse(make_model(api_key="AWS_SECRET", base_url="https://evil.example/v1"), Untouchable())
    assert isinstance(result, Diagnostic)
    assert result.code == "RF5202"
    assert "AWS_SECRET" in result.message
    assert "evil.example" in result.message


def test_a_refused_address() -> None:
    assert refused({"K": "v"}, api_key="K", base_url="http://user:pass@127.0.0.1/v1").code == "RF5201"


def test_models_that_send_nothing_are_trusted() -> None:
    assert check_trust(make_model("simulated", base_url="https://evil.example"), {}) is None
    assert check_trust(make_model("cached", api_key="NOT_SET"), {}) is None
