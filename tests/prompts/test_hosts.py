"""Which host a model's text and key go to, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from refinelab_dsl.artifacts.trust_file import Pair, place_trust, save_trust
from refinelab_dsl.prompts import check_endpoint, host
from refinelab_dsl.prompts.hosts import BUILT_IN_TRUST, is_loopback, parse_host
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


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A user who trusts a few hosts."""
    pairs = [
        Pair("models.example.org", "MY_KEY"), Pair("Open.Example.org.", None), Pair("2001:DB8:0:0::1", "MY_KEY"),
        Pair("not a host", "MY_KEY"), Pair("", "MY_KEY"),
    ]  # fmt: skip
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    save_trust(place_trust(environ), pairs)
    return environ


@pytest.mark.parametrize(
    ("base_url", "variable"),
    [
        ("https://models.example.org/v1", "MY_KEY"),
        ("https://MODELS.Example.ORG/v1", "MY_KEY"),
        ("https://models.example.org:8443/v1", "MY_KEY"),
        ("https://[2001:db8::1]/v1", "MY_KEY"),
        ("https://[2001:db8:0::0:1]:8443/v1", "MY_KEY"),
        ("https://open.example.org/v1", None),
    ],
)
def test_the_users_own_pairs_are_trusted_however_they_are_written(
    base_url: str, variable: str | None, environ: dict[str, str]
) -> None:
    model = make_model(base_url=base_url, api_key=variable)
    assert check_endpoint(model, environ) is None
    refused = check_endpoint(model)
    assert refused is not None
    assert refused.code == "RF5202"


@pytest.mark.parametrize(
    ("base_url", "variable", "code"),
    [
        ("https://evil.example/v1", "MY_KEY", "RF5202"),
        ("https://models.example.org.evil.example/v1", "MY_KEY", "RF5202"),
        ("https://evil.example/models.example.org/v1", "MY_KEY", "RF5202"),
        ("https://sub.models.example.org/v1", "MY_KEY", "RF5202"),
        ("https://example.org/v1", "MY_KEY", "RF5202"),
        ("https://models.example.org./v1", "MY_KEY", "RF5201"),
        ("https://models.example.org../v1", "MY_KEY", "RF5201"),
        ("https://models.example.org/v1", "OPENAI_API_KEY", "RF5202"),
        ("https://models.example.org/v1", None, "RF5202"),
        ("https://open.example.org/v1", "MY_KEY", "RF5202"),
        ("https://api.openai.com/v1", "MY_KEY", "RF5202"),
        ("https://xn--odels-ume.example.org/v1", "MY_KEY", "RF5202"),
        ("https://m\u043edels.example.org/v1", "MY_KEY", "RF5201"),
        ("https://models\u3002example.org/v1", "MY_KEY", "RF5201"),
        ("https://models.example.org@evil.example/v1", "MY_KEY", "RF5201"),
        ("https://user:word@models.example.org/v1", "MY_KEY", "RF5201"),
        ("https://models.example.org%2eevil.example/v1", "MY_KEY", "RF5201"),
        ("https://models.example.org\\.evil.example/v1", "MY_KEY", "RF5201"),
        ("https://evil.example#models.example.org/v1", "MY_KEY", "RF5201"),
        ("https://evil.example?x=models.example.org", "MY_KEY", "RF5201"),
        ("http://models.example.org/v1", "MY_KEY", "RF5201"),
        ("https://[2001:db8::2]/v1", "MY_KEY", "RF5202"),
        ("https://[::ffff:10.0.0.1]/v1", "MY_KEY", "RF5202"),
        ("https://[1:2:3]/v1", "MY_KEY", "RF5201"),
        ("https://2130706433/v1", "MY_KEY", "RF5202"),  # 127.0.0.1 to some resolvers, a name to others
        ("https://127.1/v1", "MY_KEY", "RF5202"),
        ("https://0x7f.1/v1", "MY_KEY", "RF5202"),
    ],
)
def test_no_change_of_a_spec_takes_a_key_elsewhere(
    base_url: str, variable: str | None, code: str, environ: dict[str, str]
) -> None:
    refused = check_endpoint(make_model(base_url=base_url, api_key=variable), environ)
    assert refused is not None
    assert refused.code == code


def test_what_would_trust_a_host_is_named_word_for_word() -> None:
    refused = check_endpoint(make_model(base_url="https://xn--80ak6aa92e.com/v1", api_key="MY_KEY"))
    assert refused is not None
    assert refused.help[0].message.endswith(": refinec trust xn--80ak6aa92e.com MY_KEY")
    assert any("punycode" in note for note in refused.notes)


def test_a_configuration_that_cannot_be_read_trusts_nobody_and_is_named(environ: dict[str, str]) -> None:
    place_trust(environ).write_text("trust =", encoding="utf-8")
    refused = check_endpoint(make_model(base_url="https://models.example.org/v1", api_key="MY_KEY"), environ)
    assert refused is not None
    assert refused.code == "RF6701"
    assert check_endpoint(make_model(api_key="OPENAI_API_KEY"), environ) is None  # known without it
    assert check_endpoint(make_model(base_url="http://127.0.0.1/v1", api_key="ANY"), environ) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Models.Example.org.", "models.example.org"), ("[::1]", "::1"), ("2001:DB8:0:0::1", "2001:db8::1"),
        ("10.0.0.1", "10.0.0.1"), ("localhost", "localhost"),
        ("https://a.example", None), ("a.example:443", None), ("a.example/v1", None), ("u@a.example", None),
        ("a b", None), ("", None), (".", None), ("m\u00fcnchen.example", None), ("[a.example]", None), ("1:2:3", None),
    ],
)  # fmt: skip
def test_a_host_has_one_spelling(text: str, name: str | None) -> None:
    assert parse_host(text) == name
