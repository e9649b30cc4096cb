# SPDX-License-Identifier: Apache-2.0
"""The verdict, and what came out of each probe of a search: what stopped or broke the run comes before doubts about the data, these before
what did not hold, and that before what can't be told."""


def judged(epoch, record, is_probe):
    """Verdict and reason of a load, by what stands in the record."""
    summary = epoch["figures"]["summary"]
    thresholds = epoch.get("thresholds", [])
    # Of a load that was cut short nobody asks what only the run as a whole can tell.
    run = {} if is_probe else record
    autoscaling = (run.get("autoscaling") or {}).get("expectations", []) if "breached" not in epoch else []
    listed = [
        ("ThresholdsBreached", "NoData", thresholds),
        ("VerificationFailed", "NotVerified", [run["verification"]] if run.get("verification") else []),
        ("NotGraceful", "OverloadNotReached", (run.get("stress") or {}).get("expectations", [])),
        ("SpikeFailed", "NoData", run.get("spikes", [])),
        ("AutoscalingExpectationMissed", "ObservationIncomplete", autoscaling),
        ("UsageExceeded", "UsageUnknown", run.get("usageExpectations", [])),
        ("LatencyGrew", "LatencyGrowthUnknown", (run.get("soak") or {}).get("expectations", [])),
    ]
    failures = [bad for bad, _, all in listed for one in all if not one["passed"] and not one.get("undecided")]
    undecided = [unknown for _, unknown, all in listed for one in all if one.get("undecided")]
    checks = run.get("prometheusChecks", [])
    failures += ["ChecksBreached" for one in checks if not one["passed"] and "observed" in one]
    own = [one["metric"] for one in record["test"].get("thresholds", []) if not one.get("selector")]
    if summary["droppedIterations"] > 0 and "dropped_iterations" not in own:
        failures.append("IterationsDropped")
    if epoch["accumulators"]["parts"].get("unlimited", 0) > 0:
        failures.append("RequestsUnanswered")
    if summary["requests"] == 0 and not (summary.get("unansweredRequests") and failures):
        return "Error", "NoData"
    if not epoch["generator"]["healthy"]:
        return "Inconclusive", "GeneratorLimited"
    if any("observed" not in one for one in checks):
        return "Inconclusive", "CheckUnanswered"
    if failures:
        return "Failed", failures[0]
    if undecided:
        return "Inconclusive", undecided[0]
    return "Passed", "ThresholdsMet"


def check_probe(epoch, record, checks):
    """What came out of a probe, and its figures in the list of probes."""
    result = epoch.get("result")
    if result is None or "outcome" not in result:
        return
    summary, verdict = epoch["figures"]["summary"], judged(epoch, record, is_probe=True)[0]
    outcome = verdict if verdict in ("Passed", "Failed") else "Inconclusive"
    checks.same("result.outcome", result["outcome"], outcome)
    checks.same("result.requestsPerSecond", result.get("requestsPerSecond"), summary["requestsPerSecond"])
    checks.same("result.errorRate", result.get("errorRate"), summary["errorRate"])
    p95 = summary["latency"]["p95"] if summary["requests"] > 0 else None
    checks.same("result.p95", result.get("p95"), p95)
    checks.same("result.droppedIterations", result.get("droppedIterations", 0), summary["droppedIterations"])


def of_search(record):
    """Verdict and reason of a search; None where its answer hangs on more than what its probes say."""
    found = record["capacity"]
    outcomes = {}
    for epoch in record["epochs"]:
        outcomes.setdefault(epoch["result"]["level"], []).append(epoch["result"]["outcome"])
    if found.get("contradictions") or any(len(set(of_level)) > 1 for of_level in outcomes.values()):
        return None
    passed = [level for level, of_level in outcomes.items() if of_level[0] == "Passed"]
    highest = max(passed, key=float, default=None)
    if highest != found.get("level"):
        return "another one", f"the highest level that passed is {highest}"
    if any("Inconclusive" in of_level for of_level in outcomes.values()):
        return "Inconclusive", "CapacityUnknown"
    return ("Passed", "CapacityFound") if passed else ("Failed", "CapacityTooLow")


def check(record, checks):
    told = record["outcome"]
    shown = next((one for one in record.get("epochs", []) if one["number"] == record.get("shownEpoch")), None)
    if record.get("incomplete"):
        computed = ("Error", "RecordIncomplete")
    elif shown is None:
        # Why it broke is nothing that a figure tells.
        computed = ("Error", told["reason"])
    elif told["verdict"] == "Aborted":
        return checks.skip("outcome: somebody or a step ended the run")
    elif record.get("capacity"):
        computed = of_search(record)
        if computed is None:
            return checks.skip("outcome: levels contradict each other")
    elif record.get("scalability"):
        return checks.skip("outcome: it rests on measurements that are not all kept")
    else:
        computed = judged(shown, record, is_probe=False)
    # Stress tests and benchmarks have several reasons of a kind, of which the record names the first in words.
    several = {"NotGraceful", "OverloadNotReached"}
    checks.same("outcome.verdict", told["verdict"], computed[0])
    if computed[1] not in several and not record.get("operations"):
        checks.same("outcome.reason", told["reason"], computed[1])
