// SPDX-License-Identifier: Apache-2.0
//! CPU and memory of the target's pods beside what they ask for and may use, with their ends; those nearest to a limit first.

use std::collections::BTreeMap;

use upsurge_crds::v1alpha1::{UsageFigures, UsageResult};

use super::{
    Page,
    parts::{self, Order, number, text},
};
use crate::{
    markup::Markup,
    story::{self, PodCourse},
    svg, words,
};

/// Columns of a course.
const STEPS: usize = 60;
/// Most pods that are listed.
const MOST_PODS: usize = 200;

pub(super) fn shows(page: &Page<'_>) -> bool {
    !page.record.usage.is_empty()
}

pub(super) fn write(page: &Page<'_>, html: &mut Markup) {
    let courses = story::usage(page.record);
    let (mut pods, whole): (Vec<&UsageResult>, Vec<&UsageResult>) =
        page.record.usage.iter().partition(|usage| usage.pod.is_some());
    for usage in whole {
        workload(usage, html);
    }
    pods.sort_by(|one, other| nearest(other).total_cmp(&nearest(one)));
    if pods.is_empty() {
        return;
    }
    let all = pods.len();
    pods.truncate(MOST_PODS);
    let caption = if pods.len() < all {
        format!("{} of {all} pods, those nearest to a limit first", pods.len())
    } else {
        format!("{}, those nearest to a limit first", words::counted(all as u64, "pod", "pods"))
    };
    let columns = [
        text("pod"),
        number("CPU, mean"),
        number("CPU, most"),
        number("of its limit"),
        text("CPU over time"),
        number("memory, mean"),
        number("memory, most"),
        number("of its limit"),
        text("memory over time"),
        number("restarts"),
        number("out of memory"),
    ];
    parts::table(html, &caption, Order::Sortable("table-pods"), &columns, |html| {
        for usage in pods {
            parts::row(html, |html| row(page, usage, &courses, html));
        }
    });
}

/// How near a pod came to one of its limits, in percent; below all of them where there is none.
fn nearest(usage: &UsageResult) -> f64 {
    let of_limit = |figures: &Option<UsageFigures>| parts::value(figures.as_ref()?.max_of_limit.as_ref()?);
    let ended = f64::from(usage.restarts) * 1e6;
    ended + of_limit(&usage.cpu).unwrap_or(-1.0).max(of_limit(&usage.memory).unwrap_or(-1.0))
}

fn workload(usage: &UsageResult, html: &mut Markup) {
    html.tag("h3").with(|html| parts::mention(html, &usage.workload));
    let figures = |name: &str, figures: &Option<UsageFigures>| {
        let figures = figures.as_ref()?;
        let limit = figures.max_of_limit.as_ref().map(|share| format!(", {share} of the limit"));
        let request = figures.max_of_request.as_ref().map(|share| format!(", {share} of what is asked for"));
        Some(format!(
            "{name}: {} on average, {} at most{}{}",
            figures.mean,
            figures.max,
            limit.unwrap_or_default(),
            request.unwrap_or_default()
        ))
    };
    let growth = usage.memory_growth_per_hour.as_ref().map(|growth| {
        format!("memory grew by {} per hour ({} to {})", growth.estimate, growth.low, growth.high)
    });
    let told: Vec<String> = [figures("CPU", &usage.cpu), figures("memory", &usage.memory), growth]
        .into_iter()
        .flatten()
        .collect();
    let pods = usage.pods.map(|count| words::counted(u64::from(count.unsigned_abs()), "pod", "pods"));
    html.tag("p").text(format_args!(
        "{}{}. {} ({} for lack of memory).",
        pods.map(|pods| format!("{pods}; ")).unwrap_or_default(),
        told.join("; "),
        words::counted(
            u64::from(usage.restarts.unsigned_abs()),
            "restart of a container",
            "restarts of containers"
        ),
        usage.oom_kills
    ));
    for gap in &usage.gaps {
        html.tag("p").class("note").text(format_args!("{gap}."));
    }
}

fn row(page: &Page<'_>, usage: &UsageResult, courses: &BTreeMap<(&str, &str), PodCourse>, html: &mut Markup) {
    let pod = usage.pod.as_deref().unwrap_or_default();
    let course = courses.get(&(usage.workload.as_str(), pod));
    parts::head(html, pod);
    let parts_of = [
        (&usage.cpu, course.map(|course| &course.cpu), "used"),
        (&usage.memory, course.map(|course| &course.memory), "highest"),
    ];
    for (figures, points, colour) in parts_of {
        let figures = figures.as_ref();
        parts::figure_if(html, figures.map(|figures| &figures.mean));
        parts::figure_if(html, figures.map(|figures| &figures.max));
        parts::figure_if(html, figures.and_then(|figures| figures.max_of_limit.as_ref()));
        html.tag("td").with(|html| {
            if let Some(points) = points {
                svg::spark(html, &svg::evenly(points, page.chart.to, STEPS), colour);
            }
        });
    }
    parts::count(html, i64::from(usage.restarts));
    parts::count(html, i64::from(usage.oom_kills));
}
