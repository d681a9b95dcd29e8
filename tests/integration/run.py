#!/usr/bin/python3
"""Runs the integration tests: every test_*.py here in a process of its own, a few side by side.

    run.py [-j N] [-v] [NAME...]      NAME: file or part of its name

The last line is `integration: N passed, N failed, N skipped`.
"""
import argparse
import concurrent.futures
import os
import subprocess
import sys
import time
import unittest
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import harness  # noqa: E402
FILE_LIMIT_S = 420


class Result(unittest.TextTestResult):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def run_file(name):
    """In the child: one file; the last line is counted by the parent."""
    harness.ensure_media()
    suite = unittest.defaultTestLoader.loadTestsFromName(name)
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result)
    result = runner.run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"FILE {result.passed} {failed} {len(result.skipped)}", flush=True)
    return 1 if failed else 0


def start_child(name):
    started = time.monotonic()
    command = [sys.executable, os.path.abspath(__file__), "--file", name]
    marker = uuid.uuid4().hex
    try:
        answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                env={**os.environ, "HERON_TEST_FILE": marker}, errors="replace",
                                timeout=FILE_LIMIT_S, check=False)
        text = answer.stdout
    except subprocess.TimeoutExpired as error:
        text = (error.stdout or b"").decode(errors="replace") + f"\nstopped after {FILE_LIMIT_S} s\n"
    for pid in harness.processes_with("HERON_TEST_FILE=" + marker):
        harness.kill(pid)
    counts = [0, 1, 0]
    for line in text.splitlines():
        if line.startswith("FILE "):
            counts = [int(word) for word in line.split()[1:]]
    return name, text, counts, time.monotonic() - started


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-j", type=int, default=3)
    parser.add_argument("-v", action="store_true", help="output of files that passed, too")
    parser.add_argument("--file", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if arguments.file:
        return run_file(arguments.file)
    names = sorted(name[:-3] for name in os.listdir(HERE)
                   if name.startswith("test_") and name.endswith(".py"))
    if arguments.names:
        names = [name for name in names if any(part in name for part in arguments.names)]
    harness.ensure_media()
    total = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(arguments.j) as pool:
        jobs = [pool.submit(start_child, name) for name in names]
        for job in concurrent.futures.as_completed(jobs):
            name, text, counts, seconds = job.result()
            total = [a + b for a, b in zip(total, counts)]
            if counts[1] or arguments.v:
                print(text, flush=True)
            print(f"{name}: {counts[0]} passed, {counts[1]} failed, {counts[2]} skipped "
                  f"({seconds:.0f} s)", flush=True)
    print(f"integration: {total[0]} passed, {total[1]} failed, {total[2]} skipped", flush=True)
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main())
