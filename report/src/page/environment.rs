// SPDX-License-Identifier: Apache-2.0
//! Where the run was made and against what, and the spec as it was carried out: folded, as it is looked at when something is in doubt.

use upsurge_record::model::{Detail, WorkloadEnvironment};

use super::{
    Page,
    parts::{self, Order, number, text},
};
use crate::{markup::Markup, words};

/// Longest document that stands in a page, in characters; the record has all of it.
const LONGEST: usize = 100_000;

pub(super) fn write(page: &Page<'_>, html: &mut Markup) {
    let record = page.record;
    let environment = &record.environment;
    let generator = &environment.generator;
    let kubernetes = environment.kubernetes.as_ref();
    let processes = words::counted(u64::from(generator.processes), "process", "processes");
    let threads = generator.threads.map(|threads| format!(", {threads} threads each")).unwrap_or_default();
    let cpus = generator.cpus.map(|cpus| format!(", {cpus} CPUs each")).unwrap_or_default();
    let platform = generator.platform.as_ref().map(|platform| format!(", {platform}")).unwrap_or_default();
    let detail = match record.detail {
        Detail::Full => "complete",
        Detail::Thinned => "thinned so that it fits its place",
    };
    let rows = [
        ("target", Some(environment.target.clone())),
        ("load made by", Some(format!("{}: {processes}{threads}{cpus}{platform}", generator.kind))),
        ("Kubernetes", kubernetes.and_then(|kubernetes| kubernetes.version.clone())),
        ("Git revision", environment.git_revision.clone()),
        ("UID of the run", record.run.uid.clone()),
        (
            "record",
            Some(format!(
                "version {}, {detail}, by {} {}",
                record.version, record.made_by.name, record.made_by.version
            )),
        ),
    ];
    parts::table(html, "Environment", Order::Fixed, &[text("what"), text("value")], |html| {
        for (name, value) in rows {
            let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
            parts::row(html, |html| {
                parts::head(html, name);
                parts::cell(html, &value);
            });
        }
    });
    nodes(page, html);
    for workload in &environment.workloads {
        of_workload(workload, html);
    }
    parts::folded(html, "The spec as it was carried out", |html| {
        document(html, "Spec", &serde_saphyr::to_string(&record.test).unwrap_or_default());
    });
}

fn document(html: &mut Markup, label: &str, text: &str) {
    let cut = words::beginning(text, LONGEST);
    let pre = html.tag("pre").set("tabindex", 0).set("role", "region").set("aria-label", label);
    pre.text(cut.as_deref().unwrap_or(text));
    if cut.is_some() {
        html.tag("p").class("note").text("It goes on; the record has all of it.");
    }
}

fn nodes(page: &Page<'_>, html: &mut Markup) {
    let nodes = page.record.environment.kubernetes.iter().flat_map(|kubernetes| &kubernetes.nodes);
    let nodes: Vec<_> = nodes.collect();
    if nodes.is_empty() {
        return;
    }
    let count: u32 = nodes.iter().map(|node| node.count).sum();
    parts::folded(html, words::counted(u64::from(count), "node", "nodes"), |html| {
        let columns = [number("how many"), text("machine"), text("CPU"), text("memory")];
        parts::table(html, "Nodes", Order::Fixed, &columns, |html| {
            for node in nodes {
                parts::row(html, |html| {
                    parts::count(html, i64::from(node.count));
                    for text in [&node.instance_type, &node.cpu, &node.memory] {
                        parts::cell(html, text.as_deref().unwrap_or("–"));
                    }
                });
            }
        });
    });
}

fn of_workload(workload: &WorkloadEnvironment, html: &mut Markup) {
    let title = format!("{}/{}: images, resources, autoscaler", workload.kind, workload.name);
    parts::folded(html, &title, |html| {
        let value = serde_json::json!({
            "images": workload.images,
            "resources": workload.resources,
            "autoscaler": workload.autoscaler,
        });
        document(html, &title, &serde_saphyr::to_string(&value).unwrap_or_default());
    });
}
