#!/usr/bin/python3
"""bench_evidence — hash chain and signatures of 20 cameras' segments, and the check of stored files at its
default rate, as parts of a core (bench-evidence.c)."""
import sys

from figures import main, of_program

TITLE = "Evidence"


def figures(_quick=False):
    return of_program("bench-evidence")


if __name__ == "__main__":
    sys.exit(main(figures()))
