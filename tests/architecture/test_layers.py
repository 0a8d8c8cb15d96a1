"""Who may import whom: foundations beneath compiler and runtime, which do not know each other; the CLI on top."""

from __future__ import annotations

from tests.architecture.tree import Import, area, find_imports, find_modules

FOUNDATIONS = {
    "effects",
    "questions",
    "artifacts", "audit", "builtins", "data", "declarations", "detectors", "diagnostics", "embeddings", "equivalence",
    "exit_codes", "expectations", "evaluation",
    "expressions", "likeness", "measures", "metrics", "project", "prompts", "resources", "scratch", "source", "store",
    "types",
}  # fmt: skip
# A stage imports the stages that stand left of it, never those to its right.
COMPILER = ("syntax", "semantics", "repair", "ir", "views", "estimate", "solve", "plan", "compiler")
# Beside the pipeline: text of specs made from data. They know the words of the language and no stage after them.
BESIDE = {"propose"}
RUNTIME = {
    "exchange", "execute", "measures_paid", "operators", "provenance", "providers", "retrieval", "sandbox", "serving",
    "validators",
}  # fmt: skip
TOP = {"", "__main__", "api", "cli", "highlight", "replanning"}

# Package -> the only places that may import it.
HEAVY = {
    "pyomo": ("refinelab_dsl.solve",),
    "highspy": ("refinelab_dsl.solve",),
    "openai": ("refinelab_dsl.exchange.client",),
    "aiohttp": (
        "refinelab_dsl.exchange.client", "refinelab_dsl.exchange.connections", "refinelab_dsl.retrieval.mediawiki",
        "refinelab_dsl.serving.server", "refinelab_dsl.serving.desk", "refinelab_dsl.serving.wording",
    ),
    "duckdb": ("refinelab_dsl.data.parquet",),
    "lark": ("refinelab_dsl.syntax",),
    "rich": ("refinelab_dsl.cli",),
    "click": ("refinelab_dsl.cli",),
    "pydantic_monty": ("refinelab_dsl.sandbox",),
    "bm25s": ("refinelab_dsl.retrieval.index",),
    "libzim": ("refinelab_dsl.retrieval.zim",),
    "opentelemetry": ("refinelab_dsl.execute.tracing", "refinelab_dsl.execute.telemetry"),
    "matplotlib": ("refinelab_dsl.plan.plot",),
    "pygments": ("refinelab_dsl.highlight",),
}


def _own() -> list[Import]:
    return [found for found in find_imports() if found.target.partition(".")[0] == "refinelab_dsl"]


def _show(found: Import) -> str:
    return f"{found.path}:{found.line} imports {found.target}"


def test_every_module_belongs_to_a_layer() -> None:
    known = FOUNDATIONS | set(COMPILER) | BESIDE | RUNTIME | TOP
    assert sorted({area(name) for name in find_modules()} - known) == []


def test_foundations_know_no_side() -> None:
    sides = set(COMPILER) | BESIDE | RUNTIME | {"cli", "api"}
    wrong = [_show(found) for found in _own() if area(found.module) in FOUNDATIONS and area(found.target) in sides]
    assert wrong == []


def test_what_stands_beside_the_pipeline_knows_its_first_stage_alone() -> None:
    later = {*COMPILER[1:], *RUNTIME}
    wrong = [
        _show(found)
        for found in _own()
        if (area(found.module) in BESIDE and area(found.target) in later)
        or (area(found.module) in {*COMPILER, *RUNTIME} and area(found.target) in BESIDE)
    ]
    assert wrong == []


def test_compiler_and_runtime_do_not_know_each_other() -> None:
    wrong = [
        _show(found)
        for found in _own()
        if (area(found.module) in COMPILER and area(found.target) in RUNTIME)
        or (area(found.module) in RUNTIME and area(found.target) in COMPILER)
    ]
    assert wrong == []


def test_a_stage_imports_earlier_stages_alone() -> None:
    order = {name: place for place, name in enumerate(COMPILER)}
    wrong = [
        _show(found)
        for found in _own()
        if area(found.module) in order
        and area(found.target) in order
        and order[area(found.target)] > order[area(found.module)]
    ]
    assert wrong == []


def test_execution_stands_on_operators_and_providers() -> None:
    wrong = [
        _show(found)
        for found in _own()
        if area(found.module) in RUNTIME - {"execute"} and area(found.target) == "execute"
    ]
    assert wrong == []


def test_providers_know_no_other_part_of_the_runtime_but_exchanges() -> None:
    wrong = [
        _show(found)
        for found in _own()
        if area(found.module) == "providers" and area(found.target) in RUNTIME - {"providers", "exchange"}
    ]
    assert wrong == []


def test_exchanges_know_nothing_of_refinec() -> None:
    """Their workers have to start quickly."""
    wrong = [
        _show(found)
        for found in _own()
        if area(found.module) == "exchange" and area(found.target) not in ("exchange", "")
    ]
    assert wrong == []


def test_what_serves_knows_providers_and_nobody_but_the_command_line_knows_it() -> None:
    wrong = [
        _show(found)
        for found in _own()
        if (area(found.module) == "serving" and area(found.target) in RUNTIME - {"serving", "providers"})
        or (area(found.target) == "serving" and area(found.module) not in ("serving", "cli"))
    ]
    assert wrong == []


def test_nobody_imports_the_command_line() -> None:
    wrong = [
        _show(found)
        for found in _own()
        if area(found.target) == "cli" and area(found.module) not in ("cli", "__main__")
    ]
    assert wrong == []


def test_heavy_packages_stay_in_their_places() -> None:
    wrong = [
        _show(found)
        for found in find_imports()
        for package, places in HEAVY.items()
        if found.target.partition(".")[0] == package
        and not any(found.module == place or found.module.startswith(place + ".") for place in places)
    ]
    assert wrong == []


def test_no_import_cycle_at_import_time() -> None:
    """Module-level imports form no cycle; what a package's `__init__` offers to others does not count for its parts."""
    edges: dict[str, set[str]] = {}
    for found in _own():
        if not found.lazy and not found.typing_only and not found.module.startswith(found.target + "."):
            edges.setdefault(found.module, set()).add(found.target)
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name in done:
            return
        for other in sorted(edges.get(name, ())):
            walk(other, (*path, name))
        done.add(name)

    for name in sorted(edges):
        walk(name, ())
