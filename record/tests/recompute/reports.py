# SPDX-License-Identifier: Apache-2.0
"""What reports of a run show, against the figures that were computed from its record: page, Markdown, JUnit XML, table and result, as many
of them as lie beside it."""

import csv
import html.parser
import json
import pathlib
import xml.etree.ElementTree

import figures

# Figures of the page by their names there.
TILES = {
    "rate": ("requestsPerSecond",),
    "error-rate": ("errorRate",),
    "p50": ("latency", "p50"),
    "p95": ("latency", "p95"),
    "p99": ("latency", "p99"),
    "max": ("latency", "max"),
}
# Those of JUnit XML.
PROPERTIES = {
    "requests": ("requests",),
    "requestsPerSecond": ("requestsPerSecond",),
    "errorRate": ("errorRate",),
    "iterations": ("iterations",),
    "droppedIterations": ("droppedIterations",),
    "latencyP50": ("latency", "p50"),
    "latencyP95": ("latency", "p95"),
    "latencyP99": ("latency", "p99"),
}


class Page(html.parser.HTMLParser):
    """The texts of all elements that have an id."""

    VOID = {"meta", "link", "br", "input"}

    def __init__(self, text):
        super().__init__()
        self.open, self.texts = [], {}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(dict(attributes).get("id"))

    def handle_startendtag(self, tag, attributes):
        """Holds nothing."""

    def handle_endtag(self, tag):
        if tag not in self.VOID and self.open:
            self.open.pop()

    def handle_data(self, data):
        for name in filter(None, self.open):
            self.texts[name] = self.texts.get(name, "") + data


def at(summary, path):
    for part in path:
        summary = summary[part]
    return summary


def page(text, summary, record, checks):
    texts = Page(text).texts
    checks.same("page.requests", texts["figure-requests"], f"{summary['requests']:,}")
    for name, path in TILES.items():
        told = at(summary, path) if summary["requests"] else "–"
        checks.same(f"page.{name}", texts[f"figure-{name}"], told)
    checks.same("page.verdict", record["outcome"]["verdict"] in texts["verdict"], True)
    checks.same("page.sentence", texts["sentence"], record["outcome"]["message"])


def markdown(text, summary, record, checks):
    lines = text.splitlines()
    row = lines[next(index for index, line in enumerate(lines) if line.startswith("| requests |")) + 2]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    times = [summary["latency"][name] if summary["requests"] else "–" for name in ("p50", "p95", "p99", "max")]
    expected = [f"{summary['requests']:,}", summary["requestsPerSecond"], summary["errorRate"], *times]
    checks.same("markdown", cells[:7], expected)
    checks.same("markdown.verdict", record["outcome"]["verdict"] in lines[0], True)


def junit(text, summary, record, checks):
    suite = xml.etree.ElementTree.fromstring(text).find("testsuite")
    properties = {one.get("name"): one.get("value") for one in suite.find("properties")}
    for name, path in PROPERTIES.items():
        checks.same(f"junit.{name}", properties[name], str(at(summary, path)))
    passed = record["outcome"]["verdict"] == "Passed"
    cases = list(suite.iter("testcase"))
    wrong = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    checks.same("junit", not wrong, passed)
    shown = next(one for one in record["epochs"] if one["number"] == record["shownEpoch"])
    for threshold in shown.get("thresholds", []):
        name = f"{threshold['metric']} {threshold['condition']}"
        case = next(case for case in cases if case.get("name") == name)
        checks.same(f"junit.{name}", case not in wrong, threshold["passed"])


def table(text, epochs, checks):
    rows = list(csv.DictReader(text.splitlines()))
    for epoch in epochs:
        own = [row for row in rows if row["epoch"] == str(epoch["number"])]
        for name, metric in (("requests", "http_reqs"), ("started", "started_iterations"), ("sent_bytes", "data_sent")):
            checks.same(f"table.{name}", sum(int(row[name]) for row in own), figures.counter(epoch, metric))
        checks.same("table.failed", sum(int(row["failed"]) for row in own), figures.rate(epoch, "http_req_failed")[0])
        found = figures.trend(epoch, "http_req_duration")
        if found.count:
            checks.same("table.max_ms", max(float(row["max_ms"]) for row in own if row["max_ms"]), found.max())


def result(text, summary, record, checks):
    told = json.loads(text)
    checks.same("result.requests", told["summary"]["requests"], summary["requests"])
    checks.same("result.iterations", told["summary"]["iterations"], summary["iterations"])
    for name in ("verdict", "reason", "message"):
        checks.same(f"result.{name}", told[name], record["outcome"][name])


def check(path, record, checks):
    """Checks what lies in the directory of a record: names as those of `upsurge run --report-dir`, `course.csv` and `result.json`."""
    shown = next((one for one in record.get("epochs", []) if one["number"] == record.get("shownEpoch")), None)
    if shown is None:
        return
    counted = shown["measured"].get("counted") if "countedStage" in shown else figures.whole(shown)
    summary, folder = figures.summary(counted, is_total=True), pathlib.Path(path).parent
    kinds = {"report.html": page, "report.md": markdown, "junit.xml": junit, "result.json": result}
    for name, kind in kinds.items():
        if (folder / name).exists():
            kind((folder / name).read_text(encoding="utf-8"), summary, record, checks)
    if (folder / "course.csv").exists():
        table((folder / "course.csv").read_text(encoding="utf-8"), record["epochs"], checks)
