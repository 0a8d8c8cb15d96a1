"""Templates: what they see, how data comes out, where a fault is, and attacks on the sandbox."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refinelab_dsl.prompts import TemplateFault, parse_blocks, parse_template, render

ITEM = {"question": "Is <b> larger than </data> ?", "choices": ["yes", "no"], "answer": "no"}
CONTEXT = {
    "task": "mcq",
    "item": ITEM,
    "anchor": None,
    "target": {"length": {"label": "long", "low": 10, "unit": "words"}},
    "labels": {"length": ["short", "long"]},
    "count": 2,
    "style": "terse",
    "params": {"tone": "dry"},
    "sample": 0,
}


def fault_of(template: str, role: Literal["user", "system"]) -> TemplateFault | None:
    try:
        render(template, CONTEXT, role)
    except TemplateFault as fault:
        return fault
    return None


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ style }} {{ count + 1 }} {{ params.tone }} {{ task }}", "terse 3 dry mcq"),
        ("Q: {{ item.question }}", "Q: <data>Is &lt;b> larger than &lt;/data> ?</data>"),
        ("{{ item.choices | join(', ') }}", "<data>yes, no</data>"),
        ("{{ item.choices }}", '<data>["yes", "no"]</data>'),
        ("{{ item.choices | length }}", "2"),
        ("{{ item['answer'] | upper }}", "<data>NO</data>"),
        ("{{ 'Q: ' ~ item.answer }}", "<data>Q: no</data>"),
        ("{% for c in item.choices %}{{ loop.index }}={{ c }};{% endfor %}", "1=<data>yes</data>;2=<data>no</data>;"),
        ("{% set style = item.answer %}{{ style }}", "<data>no</data>"),
        ("{% set q = item.answer %}{% if q == 'no' %}said no{% endif %}", "said no"),
        ("{% macro m(x) %}[{{ x }}]{% endmacro %}{{ m(1) }}", "<data>[1]</data>"),
        ("{{ target.length.low }} {{ target.length.label }}", "10 <data>long</data>"),
        ("{{ item.question.split()[0] }}", "<data>Is</data>"),
        ("{{ 'literal' }}{{ 3 }}{{ 7 // 2 }}{{ 2 ** 3 }}{{ 7 % 4 }}", "literal3383"),
        ("{{ target.length.high | default('none') }}", "<data>none</data>"),
        ("{{ anchor | default('no anchor', true) }}", "<data>no anchor</data>"),
        ("{{ params | tojson }}", '{"tone": "dry"}'),
    ],
)
def test_what_a_user_message_becomes(template: str, expected: str) -> None:
    assert render(template, CONTEXT) == expected


def test_a_block_is_not_wrapped_again() -> None:
    text = render("{{ item | block('item') }}", CONTEXT)
    assert "<data>" not in text
    assert parse_blocks(text) == {"item": ITEM}


def test_a_field_may_be_called_like_a_method() -> None:
    names = {"item": {"items": "a", "keys": "b", "get": "c"}}
    assert render("{{ item.items }}{{ item.keys }}{{ item.get }}", names) == (
        "<data>a</data><data>b</data><data>c</data>"
    )


@pytest.mark.parametrize(
    ("template", "line", "said"),
    [
        ("a\nb\n{{ nothing }}", 3, "'nothing' is undefined"),
        ("a\n{{ item.qestion }}", 2, "it has no `qestion`"),
        ("a\n{% for x in nothing %}{% endfor %}", 2, "'nothing' is undefined"),
        ("\n\n{{ item.", 3, "expected"),
        ("{% if x %}", 1, "`{% if %}` is never closed by `{% endif %}`"),
        ("{% for x in item %}{% if x %}{% endif %}", 1, "`{% for %}` is never closed by `{% endfor %}`"),
        ("{% unless x %}", 1, "encountered unknown tag 'unless'"),
        ("x\n{{ item.choices | center(80) }}", 2, "no filter named 'center'"),
        ("x\n{{ anchor }}", 2, "null"),
        ("{{ item.choices | map('upper') }}", 1, "no text"),
        ("{{ 1 / 0 }}", 1, "division by zero"),
        ("{{ count + 'x' }}", 1, "unsupported operand"),
        ("\n{% include 'secret' %}", 2, "`include` is not available"),
        ("\n{% import 'x' as y %}", 2, "`import` is not available"),
        ("{% extends 'x' %}", 1, "`extends` is not available"),
        ("{% block a %}{% endblock %}", 1, "`block` is not available"),
        ("{% autoescape true %}{% endautoescape %}", 1, "`autoescape` is not available"),
        ("\n{% for x in item.choices recursive %}{% endfor %}", 2, "`recursive` is not available"),
    ],
)
def test_a_fault_has_its_line_and_says_what(template: str, line: int, said: str) -> None:
    with pytest.raises(TemplateFault) as caught:
        render(template, CONTEXT)
    assert caught.value.line == line
    assert said in caught.value.message
    assert not caught.value.message[:1].isupper()
    assert not caught.value.message.endswith(".")


@pytest.mark.parametrize("name", ["item", "anchor", "target", "labels"])
def test_data_never_goes_into_a_system_message(name: str) -> None:
    with pytest.raises(TemplateFault) as caught:
        render("x\n{{ " + name + " | tojson }}", CONTEXT, role="system")
    assert caught.value.line == 2
    assert "never goes into a system message" in caught.value.message
    with pytest.raises(TemplateFault):
        parse_template("{% if " + name + " %}x{% endif %}", role="system")


def test_a_system_message_sees_the_rest() -> None:
    assert render("{{ task }} {{ style }} {{ count }} {{ params.tone }}", CONTEXT, role="system") == "mcq terse 2 dry"


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ item.__class__ }}",
        "{{ item['__class__'] }}",
        "{{ (item | attr('__class__')) }}",
        "{{ item.question.format() }}",
        "{{ '{0.__class__}'.format(item) }}",
        "{{ '{:999999999}'.format(1) }}",
        "{{ '%s' % item }}",
        "{{ '%999999999d' % 1 }}",
        "{{ 'a' * 10**9 }}",
        "{{ [1] * 10**9 }}",
        "{{ 10 ** 99 ** 99 ** 99 }}",
        "{{ 9 ** 99999 }}",
        "{{ 2 ** -99999999999 ** 3 }}",
        "{{ range(10 ** 9) | list }}",
        "{{ range(10 ** 9) | join }}",
        "{{ 'x' | center(10 ** 9) }}",
        "{{ 'x' | indent(10 ** 9) }}",
        "{{ 'a\nb' | indent(9000) | replace(' ', '\n') | indent(9000) }}",
        "{{ 'x'.ljust(10 ** 9) }}",
        "{{ 'x'.zfill(10 ** 9) }}",
        "{{ 'x\t'.expandtabs(10 ** 9) }}",
        "{{ lipsum(n = 10 ** 6) }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ joiner.__init__ }}",
        "{{ self.__init__ }}",
        "{{ self._TemplateReference__context }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ range.__class__ }}",
        "{{ render }}",
        "{% set s = 'aaaaaaaaaa' %}" + "{% set s = s ~ s %}" * 40 + "{{ s }}",
        "{% set s = 'aaaaaaaaaa' %}" + "{% set s = s + s %}" * 40 + "{{ s }}",
        "{% set s = 'aaaaaaaaaa' %}" + "{% set s = [s, s] | join %}" * 40 + "{{ s }}",
        "{% set s = 'a' %}" + "{% set s = s | replace('a', 'aaaaaaaaaaaaaaaa') %}" * 10 + "{{ s }}",
        "{% set x = 99 %}" + "{% set x = x * x %}" * 40 + "{{ x }}",
        "{% set a = [1] %}" + "{% set a = [a, a] %}" * 60 + "{{ a == a }}",
        "{% set a, b = 1, 1 %}" + "{% set a, b = (a, a), (b, b) %}" * 60 + "{{ a == b }}",
        "{% set a = {} %}{% set b = {} %}"
        + "{% set a = {1: a, 2: a} %}{% set b = {1: b, 2: b} %}" * 60
        + "{{ a == b }}",
        "{% set n = namespace(s = 'aaaaaaa') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}{{ n.s }}",
        "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
        "{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}",
        "{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(3) }}",
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}",
        "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}",
        "{{ " + "-" * 5_000 + "1 }}",
        "{{ " + "[" * 3_000 + "]" * 3_000 + " }}",
        "{% if 1 %}" * 500 + "{% endif %}" * 500 + "{{ nothing }}",
        "{% set item.question = 'x' %}",
        "{{ item.update({'question': 'x'}) }}",
        "{{ item.choices.append('x') }}",
        "{{ item | random }}",
    ],
)
def test_attacks_end_in_a_fault(attack: str) -> None:
    with pytest.raises(TemplateFault):
        render(attack, CONTEXT)
    assert ITEM["choices"] == ["yes", "no"]


def test_a_large_item_is_no_attack() -> None:
    text = "word " * 20_000
    assert len(render("{{ item | block('item') }}", {"item": {"question": text}})) > len(text)


@given(st.text(max_size=60))
def test_any_text_is_a_template_or_a_fault(text: str) -> None:
    roles: tuple[Literal["user", "system"], ...] = ("user", "system")
    for role in roles:
        fault = fault_of(text, role)
        assert fault is None or 1 <= fault.line <= text.count("\n") + 2


@given(st.text(alphabet="{}%|.()[]~*-+' \nitemrangesforndsetblock0123456789_", max_size=80))
def test_template_like_text_is_a_template_or_a_fault(text: str) -> None:
    fault = fault_of("{{" + text + "}}", "user")
    assert fault is None or fault.message


@given(st.text())
def test_data_that_looks_like_a_template_is_not_run(text: str) -> None:
    item = {"question": "{{ 7 * 7 }}{% include 'x' %}" + text}
    assert parse_blocks(render("{{ item | block('item') }}", {"item": item})) == {"item": item}
    assert "49" not in render("{{ item.question }}", {"item": {"question": "{{ 7 * 7 }}"}})
