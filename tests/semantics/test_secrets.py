"""A key that stands in a spec is refused and never repeated."""

from __future__ import annotations

import json

import pytest

from refinelab_dsl import ir
from refinelab_dsl.diagnostics.render import render_json, render_text
from tests.harness.front import HEAD, compile_text

KEY = "sk-planted-0123456789"


@pytest.mark.parametrize(
    "model",
    [
        f'api_key = "{KEY}"',
        f'api_key = """\n    {KEY}\n    """',
        f'base_url = "https://user:{KEY}@localhost/v1"',
        f'base_url = "https://{KEY}@localhost/v1"',
        f'base_url = "https://localhost/v1?api-version=1&key={KEY}"',
        f'base_url = "https://localhost/v1#access_token={KEY}"',
    ],
)
def test_a_key_in_the_spec_is_an_error_that_does_not_show_it(model: str) -> None:
    front = compile_text(f'{HEAD}model large {{ provider = openai, id = "large"\n  {model}\n}}\n')
    assert "RF2070" in front.codes
    shown = render_text(front.diagnostics) + json.dumps(render_json(front.diagnostics))
    assert KEY not in shown
    assert 'env("OPENAI_API_KEY")' in shown


def test_the_program_holds_the_name_of_the_variable() -> None:
    front = compile_text(
        f'{HEAD}model large {{ provider = openai, id = "large", api_key = env("LARGE_KEY") }}\n',
        environ={"LARGE_KEY": KEY},
    )
    assert front.certain.models[1].api_key == "LARGE_KEY"
    assert KEY not in json.dumps(ir.dump(front.certain))


@pytest.mark.parametrize("where", ['id = env("K")', 'params = { key = env("K") }', 'timeout = env("K")'])
def test_only_secrets_read_the_environment(where: str) -> None:
    front = compile_text(f'{HEAD}model large {{ provider = openai, base_url = "http://localhost:1/v1"\n {where}\n}}\n')
    assert "RF2071" in front.codes
