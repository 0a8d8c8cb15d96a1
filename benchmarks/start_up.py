"""`refinec check` of a 150-line spec beside `ruff check` and a bare import of lark and pydantic.

    python benchmarks/start_up.py [--runs 15]

Whole processes, in turn, so that all of them meet the same noise; a first round is not counted. Prints the median, the
range, and the ratio to the bare import of the same round: times are to be read as ratios of this one run. Needs ruff
(`pip install -e '.[dev]'`).
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINES = 150

OPERATOR = """\
operator author_{number} {{
  kind = generate
  model = small
  moves = {{ subject = any }}
  where = length != long
  checks = [well_formed, fresh]
  prior = {{ success = {share}%, input_tokens = 600, output_tokens = 180 }}
}}

"""


def write_spec(path: Path) -> int:
    """The quickstart, and operators like its own until there are `LINES` lines; returns how many there are."""
    text = (ROOT / "specs" / "quickstart.refine").read_text(encoding="utf-8")
    number = 0
    while text.count("\n") < LINES:
        text += "\n" * (number == 0) + OPERATOR.format(number=number, share=50 + number)
        number += 1
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    return text.rstrip("\n").count("\n") + 1


def time_process(command: list[str], environ: dict[str, str]) -> float:
    """Seconds of wall time."""
    start = time.perf_counter()
    subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    arguments = parser.parse_args()
    ruff = shutil.which("ruff", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if ruff is None:
        sys.exit("ruff is not installed: pip install -e '.[dev]'")
    # Without its byte code every start compiles all of it again.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "spec.refine"
        lines = write_spec(spec)
        module = Path(folder) / "module.py"
        module.write_text("".join(f"value_{number} = {number}\n" for number in range(lines)))
        commands = {
            'python -c "import lark, pydantic"': [sys.executable, "-c", "import lark, pydantic; pydantic.BaseModel"],
            f"refinec check  ({lines} lines)": [sys.executable, "-m", "refinelab_dsl.cli.main", "check", str(spec)],
            f"ruff check     ({lines} lines of Python)": [ruff, "check", "--no-cache", "--isolated", str(module)],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for round_ in range(arguments.runs + 1):
            for name, command in commands.items():
                seconds = time_process(command, environ)
                if round_:
                    times[name].append(seconds)
    bare = times[next(iter(times))]
    print(f"{'':40} {'median':>9} {'range':>19} {'to the bare import':>20}")
    for name, seconds in times.items():
        ratio = statistics.median(one / other for one, other in zip(seconds, bare, strict=True))
        spread = f"{min(seconds) * 1000:.0f} - {max(seconds) * 1000:.0f} ms"
        print(f"{name:40} {statistics.median(seconds) * 1000:6.0f} ms {spread:>19} {ratio:>18.2f} x")


if __name__ == "__main__":
    main()
