#!/usr/bin/python3
"""bench — the limits of Heron, measured beside something else in the same run or against a number.

    bench.py [--quick] [--write] [--only NAME,...] [--cameras 1,20,50] [--seconds 20]

Part `recording` (recording.py) compares with ffmpeg and with the floor. Every file bench_NAME.py beside this
one is a part, too: it has TITLE and figures(quick), see figures.py. The exit status is 1 when a figure is
over its limit. --write puts everything into docs/BENCHMARKS.md, between its markers.
"""
import argparse
import datetime
import glob
import importlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import time

import recording
from figures import HERE, MEDIA, ROOT, WORK

DOCUMENT = os.path.join(ROOT, "docs", "BENCHMARKS.md")
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
RECORDING = "recording"


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def part_names():
    return [RECORDING] + sorted(os.path.basename(path)[len("bench_"):-len(".py")]
                                for path in glob.glob(os.path.join(HERE, "bench_*.py")))


def run_part(name, arguments):
    """Lines of the document, and figures."""
    if name == RECORDING:
        return recording.measure(arguments)
    part = importlib.import_module("bench_" + name)
    found = part.figures(arguments.quick)
    lines = ["", f"## {part.TITLE}", "", "| what | measured |", "|---|---|"]
    return lines + [f"| {figure.name} | {figure.text} |" for figure in found], found


def limits(found):
    rows = [f"| {figure.name} | {figure.text} | {figure.limit_text} | {'ok' if figure.ok else '**FAIL**'} |"
            for figure in found if figure.limit is not None]
    return ["## Limits", "", "| what | measured | limit | |", "|---|---|---|---|", *rows]


def head(arguments):
    return [f"{datetime.date.today().isoformat()}, {processor()}, {os.cpu_count()} cores, Linux "
            f"{platform.release()}; {arguments.seconds} s per stretch of recording.", ""]


def write(text):
    with open(DOCUMENT, encoding="utf-8") as file:
        before, rest = file.read().split(BEGIN)
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + "\n\n" + text + "\n" + END + rest.split(END)[1])


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="5 cameras, 10 s a stretch, less of everything")
    parser.add_argument("--write", action="store_true", help="write docs/BENCHMARKS.md")
    parser.add_argument("--only", default="", help="parts: " + ", ".join(part_names()))
    parser.add_argument("--cameras", default="1,20,50")
    parser.add_argument("--seconds", type=int, default=20)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.cameras, arguments.seconds = "5", 10
    arguments.parts = [name for name in arguments.only.split(",") if name] or part_names()
    unknown = set(arguments.parts) - set(part_names())
    if unknown:
        parser.error(f"--only: no part {', '.join(sorted(unknown))}; there are {', '.join(part_names())}")
    if arguments.write and (arguments.only or arguments.quick):
        parser.error("--write: the document holds a whole run; leave --only and --quick out")
    arguments.sizes = [int(size) for size in arguments.cameras.split(",")]
    arguments.main_size = 20 if 20 in arguments.sizes else arguments.sizes[-1]
    return arguments


def main():
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    subprocess.run([os.path.join(ROOT, "tests", "simcam", "mkmedia.sh"), MEDIA, "bench"], check=True)
    subprocess.run([os.path.join(ROOT, "tests", "simcam", "mkmedia.sh"),
                    os.path.join(os.path.dirname(MEDIA), "testmedia"), "test"], check=True)
    lines, found = [], []
    for name in arguments.parts:
        begin = time.monotonic()
        shutil.rmtree(WORK, ignore_errors=True)
        try:
            more_lines, more_found = run_part(name, arguments)
        finally:
            shutil.rmtree(WORK, ignore_errors=True)
        print(f"{name}: {time.monotonic() - begin:.0f} s", flush=True)
        lines += more_lines
        found += more_found
    text = "\n".join(head(arguments) + limits(found) + lines + [""])
    print("\n" + text)
    if arguments.write:
        write(text)
    failed = [figure.name for figure in found if not figure.ok]
    for name in failed:
        print(f"over the limit: {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
