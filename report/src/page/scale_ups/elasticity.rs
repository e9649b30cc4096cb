// SPDX-License-Identifier: Apache-2.0
//! How well replicas followed the load: figures of the status, by what the load asked for and within the autoscaler's bounds.

use upsurge_crds::v1alpha1::{ProvisioningResult, WorkloadResult};

use crate::{
    markup::Markup,
    page::parts::{self, Order, number, text},
};

/// A figure of a status.
type Figure = fn(&ProvisioningResult) -> Option<&String>;

pub(super) fn write(workload: &WorkloadResult, html: &mut Markup) {
    let Some(elasticity) = &workload.elasticity else { return };
    if let Some(advice) = &elasticity.advice {
        html.tag("p").class("faint").text(advice);
    }
    let unclamped = elasticity.unclamped.as_ref();
    let clamped = elasticity.clamped.as_ref();
    if unclamped.is_none() && clamped.is_none() {
        return;
    }
    let rows: [(&str, Figure); 12] = [
        ("missing, as share of what was needed (θU)", |figures| figures.under_provisioned.as_ref()),
        ("too much, as share of what was needed (θO)", |figures| figures.over_provisioned.as_ref()),
        ("time with too few (τU)", |figures| figures.time_under.as_ref()),
        ("time with too many (τO)", |figures| figures.time_over.as_ref()),
        ("missing replicas on average", |figures| figures.missing_replicas.as_ref()),
        ("spare replicas on average", |figures| figures.spare_replicas.as_ref()),
        ("instability (υ)", |figures| figures.instability.as_ref()),
        ("jitter per minute", |figures| figures.jitter.as_ref()),
        ("overshoot", |figures| figures.overshoot.as_ref()),
        ("replica-seconds used", |figures| figures.replica_seconds.as_ref()),
        ("replica-seconds of an ideal autoscaler", |figures| figures.ideal_replica_seconds.as_ref()),
        ("cost (1 is ideal)", |figures| figures.cost.as_ref()),
    ];
    parts::folded(html, "How well replicas followed the load", |html| {
        let columns = [text("figure"), number("as the load asked"), number("within the autoscaler's bounds")];
        parts::table(html, "Replicas against what the load asked for", Order::Fixed, &columns, |html| {
            for (name, of) in rows {
                let (whole, bound) = (unclamped.and_then(of), clamped.and_then(of));
                if whole.is_some() || bound.is_some() {
                    parts::row(html, |html| {
                        parts::head(html, name);
                        parts::figure_if(html, whole);
                        parts::figure_if(html, bound);
                    });
                }
            }
        });
        let told = [
            ("Longest time until replicas had settled", elasticity.settling_time.clone()),
            ("Changes of direction", elasticity.direction_changes.map(|count| count.to_string())),
            (
                "Changes of direction without a change of the load before them",
                elasticity.flapping.map(|count| count.to_string()),
            ),
            ("Time in which a threshold was missed", elasticity.violations.clone()),
            ("Time that is not known and left out of these figures", elasticity.unknown.clone()),
        ];
        for (name, value) in told {
            if let Some(value) = value {
                html.tag("p").text(format_args!("{name}: {value}."));
            }
        }
    });
}
