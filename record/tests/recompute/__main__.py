# SPDX-License-Identifier: Apache-2.0
"""Computes the figures of the load and the verdict of a run once more, from its record and from nothing else.

    python3 record/tests/recompute RECORD...

Reports in the directory of a record named run.record are held against the same figures.

Written apart from the program that writes records, with its own decoder of histograms and the standard library alone, so that a mistake
there is not made here again. It ends with 1 if a figure is not what is told, with 2 if something is no record, and names what it finds."""

import gzip
import json
import os
import sys
import zlib

import figures
import replicas
import reports
import thresholds
import verdict
from distribution import Broken

FORMAT = "upsurge.dev/record"


class Checks:
    """Figures that were computed, and where they differ from what is told."""

    def __init__(self):
        self.count, self.differences, self.skipped, self.path = 0, [], [], ""

    def same(self, name, told, computed):
        if isinstance(told, dict) and isinstance(computed, dict):
            for key in sorted(told.keys() | computed.keys()):
                self.same(f"{name}.{key}", told.get(key), computed.get(key))
        elif isinstance(told, list) and isinstance(computed, list) and len(told) == len(computed):
            for index, pair in enumerate(zip(told, computed)):
                self.same(f"{name}[{index}]", *pair)
        else:
            self.count += 1
            if told != computed:
                self.differences.append(f"{self.path}{name} is {told!r}, and {computed!r} by what was measured")

    def skip(self, what):
        self.skipped.append(f"{self.path}{what}")


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    record = json.loads(data)
    if record.get("format") != FORMAT or not str(record.get("version")).startswith("1."):
        raise ValueError("it does not say that it is a record of version 1")
    return record


def recompute(record):
    checks = Checks()
    epochs = record.get("epochs", [])
    for index, epoch in enumerate(epochs):
        checks.path = f"epochs[{index}]."
        figures.check_figures(epoch, record, checks)
        if record.get("incomplete"):
            # The second under way when it was cut off is in the totals only.
            checks.skip("series: the run was cut off within a second")
        else:
            figures.check_course(epoch, record, checks)
        figures.check_generator(epoch, checks)
        thresholds.check(epoch, record, checks)
        verdict.check_probe(epoch, record, checks)
    checks.path = ""
    verdict.check(record, checks)
    shown = next((one for one in epochs if one["number"] == record.get("shownEpoch")), None)
    if shown is not None:
        replicas.check(record, shown, checks)
    return checks


def main(paths):
    result = 0
    for path in paths:
        try:
            record = read(path)
            checks = recompute(record)
            if os.path.basename(path) == "run.record":
                reports.check(path, record, checks)
        except (OSError, EOFError, zlib.error, Broken, ValueError, LookupError, TypeError, StopIteration, SyntaxError) as error:
            print(f"{path}: it can't be read: {type(error).__name__}: {error}")
            result = 2
            continue
        for difference in checks.differences:
            print(f"{path}: {difference}")
        for skipped in checks.skipped:
            print(f"{path}: not computed: {skipped}")
        print(f"{path}: {checks.count} figures, {len(checks.differences)} differ")
        result = max(result, 1 if checks.differences else 0)
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
