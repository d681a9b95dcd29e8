"""What the parts of the bench share: a figure with its limit, and how one is printed and read.

A part is a file bench_NAME.py with `figures(quick)`, which answers a list of Figure. It is a program,
too: it prints a line `name value unit limit ok|FAIL` for each (the programs in C print the same).
"""
import dataclasses
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))
import harness  # noqa: E402

MEDIA = os.path.join(harness.BUILD, "benchmedia")
WORK = os.path.join(harness.BUILD, "bench-work")
LINE = re.compile(r"^(\S.*?)\s+(-?[\d.]+)\s+(\S+)\s+([\d.]+)\s+(ok|FAIL)$", re.M)
PROGRAM_S = 900


@dataclasses.dataclass
class Figure:
    """One number; without a limit it informs only."""
    name: str
    value: float
    unit: str = ""
    limit: float | None = None
    at_least: bool = False
    decimals: int = 2

    @property
    def ok(self):
        if self.limit is None:
            return True
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def text(self):
        return f"{self.value:.{self.decimals}f} {self.unit}".strip()

    @property
    def limit_text(self):
        return f"{'≥' if self.at_least else '≤'} {self.limit:g} {self.unit}".strip()


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))]


def spread(name, values, unit, limit=None, decimals=2):
    """Figures of the median and of 99 of 100; the latter has the limit."""
    return [Figure(f"{name}, median", percentile(values, 0.5), unit, decimals=decimals),
            Figure(f"{name}, 99 %", percentile(values, 0.99), unit, limit, decimals=decimals)]


def from_lines(text):
    found = []
    for name, value, unit, limit, state in LINE.findall(text):
        value, limit = float(value), float(limit)
        # Which side the limit is on shows in the verdict.
        at_least = (state == "ok") == (value > limit) and value != limit
        found.append(Figure(name, value, unit, limit or None, at_least and limit != 0, 3))
    return found


def of_program(name, *arguments):
    """Figures of a bench in C."""
    program = os.path.join("tests", "bench", name)
    subprocess.run(["ninja", "-C", harness.BUILD, "--quiet", program], check=True)
    answer = subprocess.run([os.path.join(harness.BUILD, program), *arguments],
                            capture_output=True, text=True, timeout=PROGRAM_S, check=False)
    found = from_lines(answer.stdout)
    if not found or answer.returncode not in (0, 1):  # 1: over a limit
        raise RuntimeError(f"{name}: {answer.returncode} {answer.stdout} {answer.stderr}")
    return found


def main(found):
    """A part as a program."""
    for figure in found:
        print(f"{figure.name:44} {figure.value:12.3f} {figure.unit or '-':6} "
              f"{figure.limit or 0:10.3f} {'ok' if figure.ok else 'FAIL'}")
    return 0 if all(figure.ok for figure in found) else 1
