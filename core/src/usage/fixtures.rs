// SPDX-License-Identifier: Apache-2.0
//! A pod that was measured, for tests of what is made of that.

use jiff::Timestamp;
use upsurge_figures::{
    observation::{Amount, ContainerUsage, Event, PodUsage, What},
    workload::Workload,
};

/// A second of these tests.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_900_000_000 + second).unwrap()
}

/// Notes that the one container of `checkout-1` used this, each ten seconds from the tenth on until then.
pub(crate) fn measure(workload: &mut Workload, until: i64, cpu: Amount, memory: Amount) {
    for second in (10..until).step_by(10) {
        let container = ContainerUsage { name: "main".into(), cpu, memory };
        let pod = PodUsage {
            pod: "checkout-1".into(),
            at: at(second),
            window: 10.0,
            containers: vec![container],
            is_seen: true,
        };
        workload.note(Event::live(at(second + 2), What::Usage { pods: vec![pod], omitted: 0 }));
    }
}
