// SPDX-License-Identifier: Apache-2.0
//! Whose load was on a target at the same time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use upsurge_crds::internal::{TargetLeaseSpec, TargetUser};
pub use upsurge_crds::v1alpha1::Company;

use super::{Load, are_company};

/// Runs that a sentence names.
const NAMED: usize = 3;

/// The runs whose load was on the same target as that of a run, which lasted from one instant to the other. `loads` are
/// those of the other holders, by their UID, as far as they have begun.
pub fn company(
    leases: &[TargetLeaseSpec],
    uid: &str,
    (start, end): (Timestamp, Timestamp),
    loads: &BTreeMap<String, Load>,
) -> Vec<Company> {
    let mut found: BTreeMap<&str, Company> = BTreeMap::new();
    for lease in leases {
        let Some(me) = lease.holders.iter().find(|holder| holder.uid == uid) else { continue };
        let others = lease.holders.iter().filter(|other| other.uid != uid && are_company(me, other));
        let present = others.filter_map(|other: &TargetUser| {
            let Load { from, until } = loads.get(&other.uid)?;
            let until = until.as_ref().map_or(end, |until| until.0);
            Some((other.uid.as_str(), &other.namespace, &other.name, from.0, until))
        });
        let past = lease
            .past
            .iter()
            .filter(|past| !(me.part && past.part))
            .map(|past| (past.uid.as_str(), &past.namespace, &past.name, past.from.0, past.until.0));
        for (uid, namespace, name, from, until) in present.chain(past) {
            let (from, until) = (from.max(start), until.min(end));
            if from < until {
                found.entry(uid).or_insert_with(|| Company {
                    namespace: namespace.clone(),
                    name: name.clone(),
                    from: Time(from),
                    until: Time(until),
                });
            }
        }
    }
    let mut company: Vec<Company> = found.into_values().collect();
    company.sort_by(|one, other| {
        (one.from.0, &one.namespace, &one.name).cmp(&(other.from.0, &other.namespace, &other.name))
    });
    company
}

/// What a verdict says of it.
pub fn told(company: &[Company]) -> Option<String> {
    let shown: Vec<String> = company
        .iter()
        .take(NAMED)
        .map(|run| {
            let seconds = run.until.0.duration_since(run.from.0).as_secs_f64();
            format!("{}/{} for {seconds:.0} s", run.namespace, run.name)
        })
        .collect();
    let names = shown.join(", ");
    match company.len() {
        0 => None,
        1 => Some(format!("another run made load on the target at the same time: {names}")),
        many => {
            let more = many.checked_sub(NAMED).filter(|more| *more > 0);
            let more = more.map_or_else(String::new, |more| format!(" and {more} more"));
            Some(format!("{many} other runs made load on the target at the same time: {names}{more}"))
        }
    }
}
