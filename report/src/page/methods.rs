// SPDX-License-Identifier: Apache-2.0
//! How each figure is computed, one click away.

use super::{Page, parts};
use crate::markup::Markup;

/// Figures and how they are computed.
const METHODS: [(&str, &str); 16] = [
    (
        "Requests per second",
        "Requests finished, divided by the seconds of load: of a stage, those of the stage. Watching after the load is not counted.",
    ),
    (
        "Failed",
        "Requests that failed, those without an answer included, divided by all that could fail. A request fails as the test says: by \
         default with a status of 400 or more, or without a whole answer.",
    ),
    (
        "Latency",
        "Service time: sending, waiting and receiving. Percentiles come from the merged histograms of all runners, right to 0.1 %, and are \
         never averages of percentiles. With waiting: counted from the instant at which the request should have been sent, so that it \
         holds what users would have waited.",
    ),
    (
        "Charts",
        "A point for each second. Where the record has joined several seconds, counts are added, percentiles are those of all requests together, and \
         p99 is that of the worst second. Where there are more points than a chart can show, each column keeps its lowest and highest value.",
    ),
    (
        "Map of latency",
        "Requests by stretches of 10 s or more and ranges of latency. Strengths of colour go by the logarithm of the count.",
    ),
    ("Margin", "How far the observed figure is from the limit, as a share of the limit."),
    (
        "Decision",
        "From the rise of the load until the workload was asked for more replicas. This is the first part of a scale-up; each \
         part starts where the one before it ended. All are those of the pod that was last to serve.",
    ),
    ("Creation", "Until the pod was created."),
    ("Scheduling", "Until it had a node."),
    ("Start", "Until its last container was started: images, volumes, init containers."),
    (
        "Readiness",
        "Until it was ready: its program's own start, and its readiness probe. Between two stamps of Kubernetes it is right to a second.",
    ),
    (
        "In endpoints, recovery",
        "Until an EndpointSlice had it as ready, and from there until all thresholds were met again.",
    ),
    (
        "Needed replicas",
        "The planned load divided by capacityPerReplica, rounded up. Missing and spare replicas (θ, τ) are integrals over the time in which \
         both are known; unknown time is in none of them.",
    ),
    (
        "Efficiency, contention, coherency",
        "Requests per second of each replica, divided by those of each of the fewest. Contention α and coherency β are those of the Universal \
         Scalability Law, N ÷ (1 + α(N−1) + βN(N−1)), fitted to all measurements that passed; 95 % intervals are by Fieller's theorem.",
    ),
    (
        "What limited",
        "While more replicas were needed than served, the first of these that was in force: broken metrics, no node, quota, image, the \
         autoscaler's bounds and policies, readiness. The limit of a run is the one in force longest.",
    ),
    (
        "Growth per hour",
        "Slope of a robust line (Huber) through medians of stretches of time, with a 95 % confidence interval that allows for \
         correlated values.",
    ),
];

pub(super) fn write(page: &Page<'_>, html: &mut Markup) {
    html.tag("p").text(
        "All figures come from the record of this run and from nothing else; upsurge report --verify computes them once more.",
    );
    parts::folded(html, "Figure by figure", |html| {
        html.tag("dl").with(|html| {
            for (figure, how) in METHODS {
                html.tag("dt").with(|html| {
                    html.tag("strong").text(figure);
                });
                html.tag("dd").text(how);
            }
        });
    });
    let made = &page.record.made_by;
    html.tag("p").class("faint").text(format_args!(
        "Made from the record by Upsurge ({} {}). Charts by uPlot, MIT licence.",
        made.name, made.version
    ));
}
