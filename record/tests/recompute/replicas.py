# SPDX-License-Identifier: Apache-2.0
"""Ready replicas at the start, most of them, and at the end, by the log of events: pods that are ready, are not asked to end, and to
which traffic goes."""

from words import instant


class Pods:
    """What is known of pods after each event."""

    def __init__(self):
        self.known, self.pods = set(), {}

    def see(self, event):
        kind = event["type"]
        if kind == "lost":
            self.known.discard(event["source"])
        elif kind == "listed":
            self.known.add(event["source"])
        elif kind == "pod" and event["step"] == "gone":
            self.pods.pop(event["pod"], None)
        elif kind == "pod":
            pod, step = self.pods.setdefault(event["pod"], {}), event["step"]
            changes = {
                "ready": {"ready": True},
                "notReady": {"ready": False},
                "serving": {"serving": True},
                "notServing": {"serving": False},
                "terminating": {"terminating": True},
            }
            pod |= changes.get(step, {})

    def serving(self):
        if not {"pods", "endpoints"} <= self.known:
            return None
        named = any("serving" in pod for pod in self.pods.values())
        up = (pod for pod in self.pods.values() if pod.get("ready") and not pod.get("terminating"))
        return sum(1 for pod in up if not named or pod.get("serving"))


def course(workload):
    """Instants with the number that holds from each on; None where nobody knows."""
    left_out = workload.get("leftOut", {})
    events = [(instant(event["seen"]), event) for event in workload["events"]]
    edges = [instant(left[end]) for left in left_out.values() for end in ("from", "to")]
    blank = left_out.get("pods")
    pods, place, steps = Pods(), 0, []
    for now in sorted({at for at, _ in events} | set(edges)):
        while place < len(events) and events[place][0] <= now:
            pods.see(events[place][1])
            place += 1
        is_blank = blank and instant(blank["from"]) <= now < instant(blank["to"])
        steps.append((now, None if is_blank else pods.serving()))
    return steps


def check(record, epoch, checks):
    """Of one workload the numbers stand beside the list of workloads; of several, each has its own in it."""
    told = record.get("autoscaling")
    if told is None:
        return
    workloads = record.get("workloads")
    if not workloads:
        return checks.skip("autoscaling: there is no log of events")
    each = told.get("workloads", [])
    if len(each) < 2:
        return compare("autoscaling", told, workloads[0], epoch, checks)
    logs = {workload["name"]: workload for workload in workloads}
    for index, own in enumerate(each):
        path = f"autoscaling.workloads[{index}]"
        if own["name"] in logs:
            compare(path, own, logs[own["name"]], epoch, checks)
        else:
            checks.skip(f"{path}: there is no log of its events")


def compare(path, told, workload, epoch, checks):
    start, end = instant(epoch["startTime"]), instant(workload["until"])
    numbers = [None]
    for at, number in course(workload):
        if at <= start:
            numbers[0] = number
        elif at <= end:
            numbers.append(number)
    # Where nobody saw any, none are told, or 0 as by earlier versions.
    known = [number for number in numbers if number is not None] or [0]
    first = known[0] if numbers[0] is None else numbers[0]
    last = known[-1] if numbers[-1] is None else numbers[-1]
    for name, number in (("start", first), ("peak", max(known)), ("end", last)):
        checks.same(f"{path}.{name}Replicas", told.get(f"{name}Replicas") or 0, number)
