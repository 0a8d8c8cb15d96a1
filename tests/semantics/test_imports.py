"""Imports: how files find each other, what of them takes part, and what is said when they do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from refinelab_dsl import ir, syntax
from refinelab_dsl.diagnostics.render import render_json, render_text
from tests.harness.front import Front, compile_file

HEAD = """edition = 1
dataset items { task = qa, source = "data/items.jsonl" }
output refined { path = "out/items.jsonl", layout = task }
budget { tokens = 1k }
"""


def _compile(folder: Path, spec: str, files: dict[str, str], **options: object) -> Front:
    """A spec beside other files; `edition` is put before those that are specs."""
    (folder / ".refine").mkdir(exist_ok=True)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"edition = 1\n{text}" if name.endswith(".refine") else text, encoding="utf-8")
    (folder / "spec.refine").write_text(HEAD + spec, encoding="utf-8")
    return compile_file(folder / "spec.refine", **options)


MODELS = "## Cheap.\nmodel bulk { provider = simulated }\nmodel other { provider = simulated }\n"
EXPAND = "operator again { kind = expand, model = models.bulk }\n"
IMPORT = 'import "lib/models.refine" as models\n'


def test_only_what_is_used_is_in_the_program(tmp_path: Path) -> None:
    program = _compile(tmp_path, IMPORT + EXPAND, {"lib/models.refine": MODELS}).certain
    assert [model.name for model in program.models] == ["models.bulk"]
    assert program.operators[0].model == "models.bulk"
    assert program.docs == {"model.models.bulk": "Cheap."}
    assert program.origins["model.models.bulk"].file == "lib/models.refine"


def test_a_file_is_read_once_and_has_one_name(tmp_path: Path) -> None:
    files = {
        "lib/models.refine": MODELS,
        "lib/a.refine": 'import "models.refine" as m\noperator one { kind = expand, model = m.bulk }\n',
        "b.refine": 'import "lib/../lib/models.refine" as n\noperator two { kind = expand, model = n.bulk }\n',
    }
    spec = 'import "lib/a.refine" as a\nimport "b.refine" as b\nuse = [a.one, b.two]\n'
    program = _compile(tmp_path, spec, files).certain
    assert [model.name for model in program.models] == ["a.m.bulk"]
    assert [operator.model for operator in program.operators] == ["a.m.bulk", "a.m.bulk"]
    program = _compile(tmp_path, spec + IMPORT + EXPAND, files).certain
    assert [model.name for model in program.models] == ["models.bulk"]
    assert {operator.model for operator in program.operators} == {"models.bulk"}


def test_the_hash_is_of_what_is_used(tmp_path: Path) -> None:
    def digest(models: str) -> str:
        return ir.spec_hash(_compile(tmp_path, IMPORT + EXPAND, {"lib/models.refine": models}).certain)

    before = digest(MODELS)
    assert digest("# A comment.\n" + MODELS.replace(" }", "\n}")) == before
    assert digest(MODELS.replace("model other", "model another")) == before
    assert digest(MODELS.replace("simulated }\nmodel", 'simulated, id = "x" }\nmodel')) != before


def test_paths_are_relative_to_their_file(tmp_path: Path) -> None:
    files = {
        "lib/ask.jinja": "Say {{ item.question }}\n",
        "lib/shares.csv": "label,share\na,40%\nb,60%\n",
        "lib/lib.refine": """
prompt ask { user = file("ask.jinja") }
measure area { kind = column, column = area }
dimension topic { from = area, target = load("shares.csv", key = "label", value = "share") }
dataset quiz { task = qa, source = ["../data/*.jsonl", "more.jsonl"] }
variable table { type = weights, default = load("shares.csv", key = "label", value = "share") }
variable place { type = path, default = "ask.jinja" }
""",
    }
    spec = """edition = 1
import "lib/lib.refine" as lib
use = [lib.quiz, lib.topic]
measure field { kind = column, column = area }
dimension other { from = field, target = var.lib.table }
model small { provider = simulated }
operator again { kind = expand, model = small, prompt = lib.ask }
budget { tokens = 1k }
output refined { path = "out/items.jsonl", layout = task }
"""
    _compile(tmp_path, "", files)
    (tmp_path / "spec.refine").write_text(spec, encoding="utf-8")
    program = compile_file(tmp_path / "spec.refine").certain
    assert program.dataset.name == "lib.quiz"
    assert program.dataset.source == ("data/*.jsonl", "lib/more.jsonl")
    assert program.prompts[0].user == "Say {{ item.question }}\n"
    targets = [dimension.target for dimension in program.dimensions]
    assert [dimension.name for dimension in program.dimensions] == ["lib.topic", "other"]
    assert all(target is not None and list(target.weights) == ["a", "b"] for target in targets)


def test_a_template_of_an_import_is_checked_where_it_is_used(tmp_path: Path) -> None:
    files = {"lib/p.refine": 'prompt ask { user = file("ask.jinja") }\n', "lib/ask.jinja": "A\n  {{ item.chocies }}\n"}
    spec = 'import "lib/p.refine" as p\nmodel m { provider = simulated }\noperator o { kind = expand, model = m'
    assert _compile(tmp_path, spec + ", prompt = p.ask }\n", files).codes == ["RF5133"]
    (fault,) = _compile(tmp_path, spec + ", prompt = p.ask }\n", files).diagnostics.errors
    assert fault.span is not None
    assert fault.span.file == "lib/ask.jinja"
    front = _compile(tmp_path, spec + " }\n", files)
    assert front.codes == []
    assert [entry.code for entry in front.diagnostics] == ["RF2087"]


def test_variables_of_an_import(tmp_path: Path) -> None:
    files = {"lib/v.refine": "variable limit { type = tokens, default = 400k }\nvariable never { type = text }\n"}
    spec = 'import "lib/v.refine" as v\n'

    def tokens(**options: object) -> int | None:
        text = HEAD.replace("1k", "var.v.limit") + spec
        _compile(tmp_path, "", files)
        (tmp_path / "spec.refine").write_text(text, encoding="utf-8")
        budget = compile_file(tmp_path / "spec.refine", **options).certain.budget
        assert budget is not None
        return budget.tokens

    assert tokens() == 400_000
    assert tokens(environ={"REFINE_VAR_limit": "1k"}) == 400_000
    assert tokens(environ={"REFINE_VAR_v__limit": "2k"}) == 2_000
    assert tokens(environ={"REFINE_VAR_v__limit": "2k"}, variables={"v.limit": "3k"}) == 3_000
    assert _compile(tmp_path, spec, files, variables={"v.limits": "3k"}).codes == ["RF2042"]


def test_an_imported_path_variable_is_relative_to_its_own_file(tmp_path: Path) -> None:
    files = {"lib/v.refine": 'variable place { type = path, default = "x.jsonl" }\n'}
    spec = 'edition = 1\nimport "lib/v.refine" as v\ndataset items { task = qa, source = var.v.place }\n'
    _compile(tmp_path, "", files)
    (tmp_path / "spec.refine").write_text(spec + 'output refined { path = "o.jsonl" }\n', encoding="utf-8")
    assert compile_file(tmp_path / "spec.refine").certain.dataset.source == ("lib/x.jsonl",)
    given = compile_file(tmp_path / "spec.refine", variables={"v.place": "data/y.jsonl"}).certain
    assert given.dataset.source == ("data/y.jsonl",)


def test_circles_are_printed(tmp_path: Path) -> None:
    files = {"a.refine": 'import "b.refine" as b\n', "b.refine": 'import "c.refine" as c\n',
             "c.refine": 'import "a.refine" as a\n'}  # fmt: skip
    front = _compile(tmp_path, 'import "a.refine" as a\nimport "spec.refine" as me\n', files)
    messages = {entry.span.file: entry.message for entry in front.diagnostics.errors if entry.span is not None}
    assert messages == {
        "c.refine": "imports go in a circle: a.refine -> b.refine -> c.refine -> a.refine",
        "spec.refine": "imports go in a circle: spec.refine -> spec.refine",
    }


def test_long_chains_are_no_matter(tmp_path: Path) -> None:
    files = {f"f{n}.refine": f'import "f{n + 1}.refine" as next\n' for n in range(1200)}
    front = _compile(tmp_path, 'import "f0.refine" as next\n', {**files, "f1200.refine": MODELS})
    assert front.codes == []


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("x.refine", None, "RF2075"),
        ("x.refine", b"\xff\xfe\x00", "RF2075"),
        ("x.refine", b"x" * (syntax.MAX_BYTES + 1), "RF2075"),
        ("x.csv", b"a,b\n1,2\n", "RF2081"),
        ("x.refine", b"edition = 7\n", "RF1032"),
    ],
)
def test_what_cannot_be_imported(tmp_path: Path, name: str, content: bytes | None, code: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    spec = f'import "{name}" as x\noperator o {{ kind = expand, model = x.m, checks = [x.a] }}\n'
    assert _compile(tmp_path, spec, {}).codes == [code]


def test_links_stay_in_the_project(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "m.refine").write_text("edition = 1\n" + MODELS, encoding="utf-8")
    (project / "link.refine").symlink_to(tmp_path / "m.refine")
    spec = 'import "link.refine" as models\n' + EXPAND
    assert _compile(project, spec, {}).codes == ["RF2073"]
    assert _compile(project, spec, {}, allow_outside=True).codes == []
    outside = spec.replace("link", "../m")
    assert _compile(project, outside, {}).codes == ["RF2073"]
    assert _compile(project, outside, {}, allow_outside=True).codes == []


def test_a_main_dataset_of_an_import_takes_part_where_it_is_used(tmp_path: Path) -> None:
    files = {"d.refine": 'dataset quiz { task = qa, source = "d.jsonl" }\n'}
    _compile(tmp_path, "", files)
    spec = 'edition = 1\nimport "d.refine" as d\noutput o { path = "o.jsonl" }\n'
    (tmp_path / "spec.refine").write_text(spec, encoding="utf-8")
    front = compile_file(tmp_path / "spec.refine")
    assert front.codes == ["RF2088"]
    assert "use = d.quiz" in front.diagnostics.errors[0].help[0].message
    (tmp_path / "spec.refine").write_text(spec + "use = d.quiz\n", encoding="utf-8")
    assert compile_file(tmp_path / "spec.refine").certain.dataset.name == "d.quiz"


def test_a_whole_spec_can_be_imported_for_its_names(tmp_path: Path) -> None:
    whole = HEAD.removeprefix("edition = 1\n") + MODELS + "seed = 3\noperator drop { kind = remove }\n"
    front = _compile(tmp_path, IMPORT + EXPAND, {"lib/models.refine": whole})
    program = front.certain
    assert [entry.code for entry in front.diagnostics] == []
    assert (program.seed, program.dataset.name, len(program.operators)) == (0, "items", 1)


def test_near_names_are_sought_in_imports(tmp_path: Path) -> None:
    def help_for(name: str) -> str:
        spec = IMPORT + EXPAND + f"operator more {{ kind = expand, model = {name} }}\n"
        (entry,) = _compile(tmp_path, spec, {"lib/models.refine": MODELS}).diagnostics.errors
        (edit,) = entry.help[0].edits
        return edit.text

    assert help_for("bulk") == "models.bulk"
    assert help_for("buk") == "models.bulk"
    assert help_for("models.buk") == "models.bulk"
    assert help_for("modells.bulk") == "models.bulk"


def test_diagnostics_name_their_files(tmp_path: Path) -> None:
    front = _compile(
        tmp_path,
        IMPORT + "measure m { kind = length }\ndimension d { from = models.bulk }\n",
        {"lib/models.refine": MODELS + "model broken { provider = simulatd }\n"},
    )
    first, second = front.diagnostics.errors
    assert (first.code, second.code) == ("RF2031", "RF2017")
    text = render_text(front.diagnostics)
    assert "--> spec.refine:7:22" in text
    assert "::: lib/models.refine:3:7" in text
    assert "--> lib/models.refine:5:27" in text
    described = render_json(front.diagnostics)["diagnostics"]
    assert [(each["file"], each["start"]["line"]) for each in described[:2]] == [
        ("spec.refine", 7),
        ("lib/models.refine", 5),
    ]
    assert described[0]["labels"][0]["file"] == "lib/models.refine"


def test_libraries_are_right_by_themselves(tmp_path: Path) -> None:
    (tmp_path / "m.refine").write_text("edition = 1\n" + MODELS, encoding="utf-8")
    assert compile_file(tmp_path / "m.refine").codes == ["RF2008"]
    operators = MODELS + "operator o { kind = expand, model = bulk, where = topic == algebra }\n"
    (tmp_path / "o.refine").write_text("edition = 1\n" + operators, encoding="utf-8")
    from refinelab_dsl import compiler

    for name in ("m", "o"):
        analysis = compiler.analyze(tmp_path / f"{name}.refine", compiler.Options(library=True))
        assert list(analysis.diagnostics) == []
        assert analysis.program is None
        planned = compiler.plan(tmp_path / f"{name}.refine", compiler.Options())
        assert "RF2008" in [entry.code for entry in planned.diagnostics]
