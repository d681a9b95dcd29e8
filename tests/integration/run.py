#!/usr/bin/python3
"""Runs the integration tests: every test_*.py here in a process of its own, a few side by side.

Each file has a folder for everything it makes ($TMPDIR). What still runs, is mounted or lies there when
the file has ended is cleared away and told: a file that leaves something behind has failed.

    run.py [-j N] [-v] [NAME...]      NAME: file or part of its name

The last line is `integration: N passed, N failed, N skipped`.
"""
import argparse
import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import harness  # noqa: E402
FILE_LIMIT_S = 600
JOBS = min((os.cpu_count() or 1) + 2, 6)  # they wait more than they work
ENDING_S = 10  # what is about to end when a file has ended
# They begin first, so that no long one is left to run alone at the end; the others follow by name.
LONG = ("test_tiers_store", "test_tiers", "test_storage", "test_retention", "test_gaps", "test_faults",
        "test_modes", "test_export", "test_evidence")


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
    harness.share_built()
    suite = unittest.defaultTestLoader.loadTestsFromName(name)
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result)
    result = runner.run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    for test, reason in result.skipped:
        print(f"SKIPPED {test.id()}: {reason}")
    print(f"FILE {result.passed} {failed} {len(result.skipped)}", flush=True)
    return 1 if failed else 0


def mounts_below(folder):
    """Mount points there, the innermost first."""
    with open("/proc/self/mounts", encoding="utf-8") as file:
        points = [line.split()[1] for line in file]
    return sorted((point for point in points if point.startswith(folder + "/")), reverse=True)


def clear_away(folder, marker):
    """What a file left behind, in words."""
    left = []
    try:
        harness.wait_until(lambda: not harness.processes_with(marker), ENDING_S)
    except AssertionError:
        pids = harness.processes_with(marker)
        left += [f"process {pid}: {harness.read_text(f'/proc/{pid}/cmdline')[:200]!r}" for pid in pids]
        for pid in pids:
            harness.kill(pid)
    for point in mounts_below(folder):
        left.append(f"mount {point}")
        subprocess.run(["umount", "-l", point], check=False, timeout=30)
    left += [f"file {os.path.join(folder, name)}" for name in os.listdir(folder)]
    shutil.rmtree(folder, ignore_errors=True)
    return left


def run_limited(name, environment):
    """Output of the file's process, and whether it ended in time."""
    command = [sys.executable, os.path.abspath(__file__), "--file", name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, **environment}, errors="replace") as child:
        try:
            return child.communicate(timeout=FILE_LIMIT_S)[0], True
        except subprocess.TimeoutExpired:
            # Everything it started holds the pipe open: nothing would end the reading.
            for pid in harness.processes_with(environment["HERON_TEST_FILE"]):
                harness.kill(pid)
            return child.communicate()[0] + f"\nstopped after {FILE_LIMIT_S} s\n", False


def start_child(name):
    started = time.monotonic()
    marker = uuid.uuid4().hex
    folder = tempfile.mkdtemp(prefix="heron-")
    text, in_time = run_limited(name, {"HERON_TEST_FILE": marker, "TMPDIR": folder})
    left = clear_away(folder, marker)
    counts = [0, 1, 0]
    for line in text.splitlines():
        if line.startswith("FILE "):
            counts = [int(word) for word in line.split()[1:]]
    if left and in_time:
        counts[1] += 1
        text += "".join(f"left behind: {what}\n" for what in left)
    return name, text, counts, time.monotonic() - started


def order(name):
    return (LONG.index(name) if name in LONG else len(LONG), name)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-j", type=int, default=JOBS, help="files at once (%(default)s)")
    parser.add_argument("-v", action="store_true", help="output of files that passed, too")
    parser.add_argument("--file", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if arguments.file:
        return run_file(arguments.file)
    names = sorted((name[:-3] for name in os.listdir(HERE)
                    if name.startswith("test_") and name.endswith(".py")), key=order)
    if arguments.names:
        names = [name for name in names if any(part in name for part in arguments.names)]
    harness.ensure_media()
    harness.share_built()
    total = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(arguments.j) as pool:
        jobs = [pool.submit(start_child, name) for name in names]
        for job in concurrent.futures.as_completed(jobs):
            name, text, counts, seconds = job.result()
            total = [a + b for a, b in zip(total, counts)]
            if counts[1] or arguments.v:
                print(text, flush=True)
            else:
                print("".join(f"{line}\n" for line in text.splitlines()
                              if line.startswith("SKIPPED ")), end="")
            print(f"{name}: {counts[0]} passed, {counts[1]} failed, {counts[2]} skipped "
                  f"({seconds:.0f} s)", flush=True)
    print(f"integration: {total[0]} passed, {total[1]} failed, {total[2]} skipped", flush=True)
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main())
