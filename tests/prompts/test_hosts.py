"""Which host a model's text and key go to, and which are refused."""

from __future__ import annotations

import pytest

from refinelab_dsl.prompts import check_endpoint, host
from refinelab_dsl.prompts.hosts import BUILT_IN_TRUST, is_loopback
from tests.prompts.models import make_model


@pytest.mark.parametrize(
    ("base_url", "name"),
    [
        (None, "api.openai.com"),
        ("https://API.Example.org/v1", "api.example.org"),
        ("http://127.0.0.1:8000/v1", "127.0.0.1"),
        ("http://[::1]:8000/v1", "::1"),
        ("http://localhost/v1", "localhost"),
        ("http://[::1", ""),
    ],
)
def test_the_host_of_a_model(base_url: str | None, name: str) -> None:
    assert host(make_model(base_url=base_url)) == name


def test_what_sends_nothing_has_no_host() -> None:
    assert host(make_model("simulated", base_url="https://example.org/v1")) is None
    assert host(make_model("cached")) is None
    assert check_endpoint(make_model("simulated", base_url="nonsense")) is None


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_loopback(name: str) -> None:
    assert is_loopback(name)


@pytest.mark.parametrize("name", ["", "0.0.0.0", "localhost.example.org", "10.0.0.1", "128.0.0.1", "127.0.0.1.x"])
def test_no_loopback(name: str) -> None:
    assert not is_loopback(name)


@pytest.mark.parametrize(
    "base_url",
    [
        "https://user:secret@api.openai.com/v1",
        "https://secret@api.openai.com/v1",
        "https://api.openai.com\\@evil.example/v1",
        "https://api.openai.com#@evil.example/v1",
        "https://api.openai.com/v1?key=secret",
        "https://api。openai.com/v1",
        "https://api.openai.com /v1",
        "https://api.openai.com/v1\n",
        "http://api.openai.com/v1",
        "ftp://localhost/v1",
        "file:///etc/passwd",
        "localhost:8000/v1",
        "https://",
        "https://api.openai.com:port/v1",
        "https://[::1/v1",
        "",
        "nonsense",
    ],
)
def test_addresses_that_are_refused(base_url: str) -> None:
    refused = check_endpoint(make_model(base_url=base_url, api_key="OPENAI_API_KEY"))
    assert refused is not None
    assert refused.code == "RF5201"
    assert "secret" not in repr(refused)
    assert "`small`" in refused.message


@pytest.mark.parametrize(("name", "variable"), sorted(BUILT_IN_TRUST))
def test_built_in_pairs_are_trusted_and_no_others(name: str, variable: str) -> None:
    assert check_endpoint(make_model(base_url=f"https://{name}/v1", api_key=variable)) is None
    for other in ("GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", None):
        refused = check_endpoint(make_model(base_url=f"https://{name}/v1", api_key=other))
        assert refused is not None
        assert refused.code == "RF5202"
        assert name in refused.message
        assert other is None or other in refused.message


@pytest.mark.parametrize("base_url", ["https://evil.example/v1", "https://api.openai.com.evil.example/v1"])
def test_a_strange_host_gets_neither_key_nor_data(base_url: str) -> None:
    for variable in ("OPENAI_API_KEY", None):
        refused = check_endpoint(make_model(base_url=base_url, api_key=variable))
        assert refused is not None
        assert refused.code == "RF5202"
        assert "evil.example" in refused.message


@pytest.mark.parametrize("base_url", ["http://localhost:8000/v1", "http://127.0.0.1/v1", "https://[::1]:1/v1"])
def test_this_machine_is_trusted_with_anything(base_url: str) -> None:
    assert check_endpoint(make_model(base_url=base_url, api_key="ANY")) is None
    assert check_endpoint(make_model(base_url=base_url)) is None
