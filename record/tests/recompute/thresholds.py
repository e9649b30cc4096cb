# SPDX-License-Identifier: Apache-2.0
"""Thresholds: what is observed and whether it holds, from totals, exact sums of parts, and how windows stand."""

import operator
import re

from distribution import Trend
from words import decimal, milliseconds, percent, seconds

CONDITION = re.compile(
    r"\s*(?:(avg|min|max|med|count|rate|value)|p\s*\(?\s*([0-9.]+)\s*\)?)"
    r"\s*(===|==|!=|<=|>=|<|>)\s*([-+0-9.]+)\s*(us|ms|s|m|%)?\s*"
)
COMPARISONS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "===": operator.eq,
    "!=": operator.ne,
}
FACTORS = {None: 1.0, "us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3, "%": 0.01}
COUNTERS = {
    "http_reqs",
    "iterations",
    "dropped_iterations",
    "started_iterations",
    "data_sent",
    "data_received",
    "request_errors",
    "http_req_resent",
}
RATES = {"http_req_failed", "checks", "availability"}
GAUGES = {"vus", "vus_max"}
NO_DATA = "no data"
# The largest number there is, in place of an infinite ratio.
MOST = 1.7976931348623157e308


class Condition:
    def __init__(self, text):
        found = CONDITION.fullmatch(text)
        if not found:
            raise ValueError(f"{text!r} is no condition")
        name, self.percent, self.sign, limit, self.unit = found.groups()
        self.makes = {"med": "p"}.get(name, name or "p")
        self.percent = 50.0 if name == "med" else float(self.percent or 0.0)
        limit = float(limit)
        self.limit = limit / 100.0 if self.unit == "%" else limit * FACTORS[self.unit]

    def holds(self, value):
        return COMPARISONS[self.sign](value, self.limit)

    def is_worse(self, value, other):
        if self.sign in ("<", "<="):
            return value > other
        if self.sign in (">", ">="):
            return value < other
        further = abs(value - self.limit), abs(other - self.limit)
        return further[0] > further[1] if self.sign.startswith("==") else further[0] < further[1]


class Threshold:
    """A threshold of an epoch. `told` names what it selects, as the test may say that in several ways."""

    def __init__(self, index, told, asked, epoch, test):
        self.index, self.asked, self.epoch = index, asked, epoch
        self.condition = Condition(told["condition"])
        target, _, reference = told["metric"].partition(" / ")
        self.target, self.reference = target, reference or None
        self.own = {one["name"]: one for one in test.get("metrics", [])}

    def kind(self, target):
        metric = target.partition("{")[0]
        if metric in self.own:
            return self.own[metric]["type"].lower()
        kinds = (("counter", COUNTERS), ("rate", RATES), ("gauge", GAUGES))
        return next((kind for kind, names in kinds if metric in names), "trend")

    def is_time(self, target):
        own = self.own.get(target.partition("{")[0])
        return own is None or own.get("time", False)

    def stage(self, target):
        found = re.search(r"[{,]stage:([^,}]*)[,}]", target)
        stages = self.epoch["plan"]["stages"]
        return next((one for one in stages if found and one["name"] == found[1]), None)

    def part(self, target):
        return self.epoch["accumulators"]["parts"].get("parts", {}).get(target)

    def sink(self, target):
        if "{" in target:
            part = self.part(target)
            return part.get("sink") if part else None
        return self.epoch["measured"]["totals"].get(target)

    def time(self, target):
        """Seconds that counts per second refer to."""
        stage, elapsed = self.stage(target), self.epoch["elapsedSeconds"]
        if stage is None:
            return self.epoch["measured"]["seconds"]
        return max(min(elapsed, stage["startSeconds"] + stage["durationSeconds"]) - stage["startSeconds"], 0.0)

    def made(self, sink, time):
        """What the condition makes of some samples; None if they say nothing."""
        makes, (kind, found) = self.condition.makes, next(iter(sink.items()))
        if kind == "counter":
            return found if makes == "count" else (found / time if time > 0.0 else 0.0)
        if kind == "rate":
            return found["passes"] / found["total"] if found["total"] else None
        if kind in ("gauge", "latest"):
            return found["value"]
        found = Trend(found)
        if not found.count:
            return None
        makers = {"avg": found.mean, "min": found.min, "max": found.max}
        return found.percentile(self.condition.percent) if makes == "p" else makers[makes]()

    def observed(self, sink, time):
        value = self.made(sink, time)
        if value is None or self.reference is None:
            return value
        base = self.sink(self.reference)
        base = None if base is None else self.made(base, self.time(self.reference))
        if base is None:
            return None
        if base == 0.0:
            return 0.0 if value == 0.0 else MOST
        return value / base

    def shown(self, value):
        if self.reference is not None:
            if abs(value) == MOST:
                return "infinite"
            return percent(value) if self.condition.unit == "%" else decimal(value, 3)
        kind = self.kind(self.target)
        if kind == "trend" and self.is_time(self.target):
            return milliseconds(value)
        if kind == "rate":
            return percent(value)
        return decimal(value, 3) + ("/s" if kind == "counter" and self.condition.makes == "rate" else "")

    def result(self):
        """Observed, passed, undecided."""
        if self.target.startswith("availability"):
            return self.good_seconds()
        targets = [target for target in (self.target, self.reference) if target and "{" in target]
        incomplete = any((self.part(target) or {}).get("incomplete") for target in targets)
        value, passed = None, None
        if "window" in self.asked:
            found = self.windows()
            if found is not None:
                value, breached, given_up = found
                passed = breached == 0
                if value is None or (given_up and passed):
                    return (NO_DATA if value is None else self.shown(value)), False, True
        else:
            sink = self.sink(self.target)
            value = None if sink is None else self.observed(sink, self.time(self.target))
        if value is None:
            value = self.without_samples()
        if value is None:
            allowed = bool(self.asked.get("allowNoData"))
            return NO_DATA, allowed, not allowed
        if incomplete:
            return self.shown(value), False, True
        return self.shown(value), self.condition.holds(value) if passed is None else passed, False

    def without_samples(self):
        stage = self.stage(self.target)
        if stage is not None and stage["startSeconds"] >= self.epoch["elapsedSeconds"]:
            return None
        if self.kind(self.target) == "counter":
            return self.observed({"counter": 0.0}, 0.0)
        return 0.0 if self.target.startswith("http_req_interrupted") and self.reference is None else None

    def windows(self):
        """The worst window's value, how many were breached, and whether some were given up; None if none says anything."""
        course = self.epoch["accumulators"]["courses"].get(str(self.index))
        if course is None:
            return None
        length, elapsed = seconds(self.asked["window"]), self.epoch["elapsedSeconds"]
        stage, stages = self.stage(self.target), self.epoch["plan"]["stages"]
        ends = [one["startSeconds"] + one["durationSeconds"] for one in ([stage] if stage else stages)]
        begin, end = (stage["startSeconds"] if stage else 0.0), max(ends)
        last = max(int((end - begin) / length + 1e-9), 1) - 1
        judged, breached, worst = course["judged"], course["breached"], course.get("worst")
        value = worst["value"] if worst else None
        for window, sink in sorted((int(window), sink) for window, sink in course["open"].items()):
            start = begin + length * window
            finish = end if window >= last else start + length
            telling = elapsed - start >= length / 2 and self.condition.makes != "count"
            if not (finish <= elapsed or telling or judged == 0):
                continue
            found = self.observed(sink, max(min(finish, elapsed) - start, 0.0))
            if found is None:
                continue
            judged += 1
            breached += not self.condition.holds(found)
            if value is None or self.condition.is_worse(found, value):
                value = found
        given_up = course.get("givenUp", course.get("given_up")) is not None
        return None if value is None and not given_up else (value, breached, given_up)

    def good_seconds(self):
        bins = self.epoch["accumulators"].get("bins", {}).get(str(self.index), {})
        good, bad, unknown = (bins.get(name, 0) for name in ("good", "bad", "unknown"))
        enough = self.asked.get("minSucceededPercent", 99)
        ended = int(self.epoch["elapsedSeconds"] * 1e3)
        for second, found in bins.get("open", {}).items():
            if bins["toldMs"] < min(ended, (int(second) + 1) * 1_000) or found.get("unclear"):
                unknown += 1
            elif (found["total"] - found["failed"]) * 100 >= found["total"] * enough:
                good += 1
            else:
                bad += 1
        if good + bad + unknown == 0:
            allowed = bool(self.asked.get("allowNoData"))
            return NO_DATA, allowed, not allowed
        ends = [self.condition.holds((good + more) / (good + bad + unknown)) for more in (0, unknown)]
        decided = unknown == 0 if self.condition.sign in ("==", "===", "!=") else ends[0] == ends[1]
        shown = percent(good / (good + bad)) if good + bad else NO_DATA
        return shown, decided and ends[0], not decided


def check(epoch, record, checks):
    told = epoch.get("thresholds", [])
    asked = record["test"].get("thresholds", [])
    if record.get("incomplete"):
        return checks.skip("thresholds: the run was cut off, and none was judged")
    computed = []
    for index, one in enumerate(told):
        own = asked[index] if index < len(asked) else {}
        if own and one["condition"] != own["condition"]:
            checks.same(f"thresholds[{index}].condition", one["condition"], own["condition"])
            continue
        observed, passed, undecided = Threshold(index, one, own, epoch, record["test"]).result()
        computed.append({"observed": observed, "passed": passed, "undecided": undecided})
    # What stopped the load stays breached, though what came in after it may have mended the figure.
    breached = epoch.get("breached")
    if breached and all(one["passed"] or one["undecided"] for one in computed):
        for one, mine in zip(told, computed):
            if (one["metric"], one["condition"]) == (breached["metric"], breached["condition"]):
                mine |= {name: breached.get(name, False) for name in ("observed", "passed", "undecided")}
                break
    for index, (one, mine) in enumerate(zip(told, computed)):
        for name, value in mine.items():
            checks.same(f"thresholds[{index}].{name}", one.get(name, False), value)
    checks.same("thresholds", len(told) >= len(asked), True)
