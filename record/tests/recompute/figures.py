# SPDX-License-Identifier: Apache-2.0
"""What is told of a load: from counts and distributions, and the course over time against both."""

from distribution import Trend
from words import decimal, milliseconds, per_second, percent, rounded

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p999": 99.9}
# Columns of the course whose sum is the total of a metric.
SUMS = {
    "requests": "http_reqs",
    "iterations": "iterations",
    "started": "started_iterations",
    "dropped": "dropped_iterations",
    "sent": "data_sent",
    "received": "data_received",
}

# What is told of a load and of its stages, and not of a request.
ITERATIONS = ("iterations", "droppedIterations")


def counter(epoch, metric):
    return int(epoch["measured"]["totals"].get(metric, {}).get("counter", 0))


def rate(epoch, metric):
    found = epoch["measured"]["totals"].get(metric, {}).get("rate", {})
    return found.get("passes", 0), found.get("total", 0)


def trend(epoch, metric):
    return Trend(epoch["measured"]["totals"].get(metric, {}).get("trend"))


def whole(epoch):
    """The whole load, in the form in which parts of it are kept."""
    failed, judged = rate(epoch, "http_req_failed")
    totals = epoch["measured"]["totals"]
    return {
        "seconds": epoch["measured"]["seconds"],
        "requests": counter(epoch, "http_reqs"),
        "failed": failed,
        "judged": judged,
        "unanswered": epoch["measured"].get("errors", {}).get("no answer", 0),
        "iterations": counter(epoch, "iterations"),
        "dropped": counter(epoch, "dropped_iterations"),
        "latency": totals.get("http_req_duration", {}).get("trend"),
        "responseTime": totals.get("http_req_response_time", {}).get("trend"),
    }


def latency(found, with_numbers):
    told = {"min": milliseconds(found.min()), "mean": milliseconds(found.mean()), "max": milliseconds(found.max())}
    told |= {name: milliseconds(found.percentile(value)) for name, value in PERCENTILES.items()}
    if with_numbers:
        numbers = {"mean": found.mean(), "max": found.max()}
        numbers |= {name: found.percentile(PERCENTILES[name]) for name in ("p50", "p95", "p99")}
        told |= {f"{name}Microseconds": rounded(value * 1e3) for name, value in numbers.items()}
    return told


def summary(part, is_total=False):
    seconds, judged = part["seconds"], part["judged"]
    told = {
        "requests": part["requests"],
        "requestsPerSecond": per_second(part["requests"] / seconds if seconds > 0.0 else 0.0),
        "errorRate": percent(part["failed"] / judged if judged else 0.0),
        "iterations": part["iterations"],
        "droppedIterations": part["dropped"],
        "latency": latency(Trend(part.get("latency")), is_total),
    }
    if is_total and part["unanswered"]:
        told["unansweredRequests"] = part["unanswered"]
    if part.get("responseTime"):
        told["responseTime"] = latency(Trend(part["responseTime"]), is_total)
    return told


def of_request(told):
    """No iteration belongs to a request."""
    return {name: value for name, value in told.items() if name not in ITERATIONS}


def without_zeros(told):
    """What is told of a request. The first programs that wrote records told 0 iterations of each."""
    return {name: value for name, value in told.items() if value != 0 or name not in ITERATIONS}


def of_metric(sink, is_time, seconds):
    """What is told of one of the test's own metrics."""
    number = milliseconds if is_time else lambda value: decimal(value, 3)
    kind, found = next(iter(sink.items()))
    if kind == "counter":
        return {"count": decimal(found, 3), "rate": per_second(found / seconds if seconds > 0.0 else 0.0)}
    if kind == "rate":
        share = found["passes"] / found["total"] if found["total"] else 0.0
        return {"rate": percent(share), "passes": str(found["passes"]), "total": str(found["total"])}
    if kind in ("gauge", "latest"):
        return {name: decimal(found[name], 3) for name in ("value", "min", "max")}
    found = Trend(found)
    told = {name: number(found.percentile(PERCENTILES[name])) for name in ("p50", "p95", "p99")}
    return told | {
        "count": str(found.count),
        "min": number(found.min()),
        "avg": number(found.mean()),
        "max": number(found.max()),
    }


def metrics(epoch, test):
    totals, seconds = epoch["measured"]["totals"], epoch["measured"]["seconds"]
    return [
        {
            "name": own["name"],
            "type": own["type"],
            "values": of_metric(totals[own["name"]], own.get("time", False), seconds),
        }
        for own in test.get("metrics", [])
        if own["name"] in totals
    ]


def column(series, name):
    """The values of a column; None where one is not known."""
    found = next((one for one in series["columns"] if one["name"] == name), None)
    if found is None:
        return None
    if found["coding"] not in ("delta", "plain"):
        raise ValueError(f"column {name} is coded in another way")
    if len(found["values"]) != series["points"]:
        raise ValueError(f"column {name} has another length than the others")
    values, last = [], 0
    for value in found["values"]:
        if value is not None and found["coding"] == "delta":
            last += value
        if value is not None:
            value = last if found["coding"] == "delta" else value
            value = value if found["scale"] == 1 else value * found["scale"]
        values.append(value)
    return values


def check_parts(name, told, computed, parts, record, checks):
    """Stages or requests, unless a record that had to be small has too little of them."""
    if record["detail"] == "Thinned" and any(one["requests"] and "latency" not in one for one in parts):
        checks.skip(f"{name}: their distributions were left out")
    elif record.get("errorBound"):
        checks.skip(f"{name}: their distributions have wider buckets")
    else:
        checks.same(name, told, computed())


def check_figures(epoch, record, checks):
    """Summary, stages, requests, checks and the test's own metrics."""
    told, measured = epoch["figures"], epoch["measured"]
    counted = measured.get("counted") if "countedStage" in epoch else whole(epoch)
    checks.same("figures.summary", told["summary"], summary(counted, is_total=True))
    planned = {stage["name"]: stage for stage in reversed(epoch["plan"]["stages"])}
    stages = lambda: [
        {
            "name": stage["name"],
            "startSeconds": planned[stage["name"]]["startSeconds"],
            "durationSeconds": planned[stage["name"]]["durationSeconds"],
        }
        | summary(stage)
        for stage in measured.get("stages", [])
    ]
    check_parts("figures.stages", told.get("stages", []), stages, measured.get("stages", []), record, checks)
    requests = lambda: [
        {"name": one["name"], "scenario": one["scenario"]} | of_request(summary(one))
        for one in measured.get("requests", [])
    ]
    told_of_requests = [without_zeros(one) for one in told.get("requests", [])]
    check_parts("figures.requests", told_of_requests, requests, measured.get("requests", []), record, checks)
    checks.same("figures.metrics", told.get("metrics", []), metrics(epoch, record["test"]))
    folded = any(one["what"] == "checks" for one in record.get("folded", []))
    if "countedStage" not in epoch and not folded:
        passes, total = rate(epoch, "checks")
        sums = [sum(one[name] for one in told.get("checks", [])) for name in ("passes", "fails")]
        checks.same("figures.checks", sums, [passes, total - passes])


def check_course(epoch, record, checks):
    """That the course over time, and the map of latency, add up to what was measured of the whole."""
    series = epoch["series"]
    if record["detail"] == "Thinned" and not series["points"]:
        return checks.skip("series: there is none")
    for name, metric in SUMS.items():
        checks.same(f"series.{name}", sum(column(series, name)), counter(epoch, metric))
    failed, _ = rate(epoch, "http_req_failed")
    checks.same("series.failed", sum(column(series, "failed")), failed)
    kinds = [one["name"] for one in series["columns"] if one["name"].startswith("error:")]
    errors = epoch["measured"].get("errors", {})
    for kind, count in errors.items():
        if f"error:{kind}" in kinds:
            checks.same(f"series.error:{kind}", sum(column(series, f"error:{kind}")), count)
    ends = list(zip(column(series, "from"), column(series, "to")))
    for (begin, end), (after, _) in zip(ends, ends[1:]):
        if not begin <= end <= after:
            checks.same("series.from", f"{after} ms", f"{end} ms or later")
    found = trend(epoch, "http_req_duration")
    if not found.count:
        return
    known = lambda name: [value for value in column(series, name) or [] if value is not None]
    checks.same("series.max", max(known("max")), found.most)
    checks.same("series.min", min(known("min")), found.least)
    for low, high in zip(known("p50"), known("p95")):
        if low > high:
            checks.same("series.p95", high, f"{low} or more")
    columns = epoch["heatMap"]["columns"]
    if columns:
        count = sum(one.get("zeros", 0) + sum(count for _, count in one["buckets"]) for one in columns)
        checks.same("heatMap", count, found.count)


def check_generator(epoch, checks):
    """How the generator fared, as far as that follows from what it used."""
    told, used = epoch.get("generator"), epoch["generatorUse"]
    if told is None:
        return
    lag, waited = trend(epoch, "schedule_lag"), trend(epoch, "iteration_queue_wait")
    facts = {
        "lagP99": milliseconds(lag.percentile(99.0)),
        "queueWaitP99": milliseconds(waited.percentile(99.0)) if waited.count else None,
        "startedIterations": counter(epoch, "started_iterations"),
        "cpuSeconds": float(decimal(used["cpuSeconds"], 3)),
        "filesLeft": used.get("filesLeft"),
        "portsLeft": used.get("portsLeft"),
        "throttled": percent(used["throttledPeriods"] / used["periods"]) if used["periods"] else None,
        "healthy": not told.get("problems"),
    }
    watched = used["watchedSeconds"]
    facts["busiestCore"] = percent(used["busiestCore"]) if watched > 0.0 else None
    facts["saturated"] = percent(used["saturatedSeconds"] / watched) if watched > 0.0 else None
    for name, value in facts.items():
        checks.same(f"generator.{name}", told.get(name), value)
