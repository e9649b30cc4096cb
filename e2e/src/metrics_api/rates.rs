// SPDX-License-Identifier: Apache-2.0
//! Requests per second of each pod of a target, by what the pods themselves have counted.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use kube::ResourceExt;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::Served;
use crate::{
    Context,
    target::{Target, stats_of},
};

/// Time between two looks at the pods.
const LOOK: Duration = Duration::from_secs(1);
/// How long a pod may take to answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// Looks at the pods of a target, again and again.
pub(super) async fn measure(context: Context, target: Target, served: Arc<Mutex<Served>>) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before: BTreeMap<String, (Instant, u64)> = BTreeMap::new();
    loop {
        ticks.tick().await;
        let Ok(pods) = target.pods().await else { continue };
        let (mut counted, mut rates) = (BTreeMap::new(), BTreeMap::new());
        for pod in pods.iter().map(ResourceExt::name_any) {
            // One that does not answer yet, or not any more, has no rate.
            let Ok(Ok(stats)) = timeout(PATIENCE, stats_of(&context, &pod)).await else { continue };
            let now = Instant::now();
            if let Some((then, received)) = before.get(&pod) {
                let came = stats.received.saturating_sub(*received) as f64;
                let rate = came / now.duration_since(*then).as_secs_f64().max(0.001);
                rates.insert(pod.clone(), (rate * 1e3) as u64);
            }
            counted.insert(pod, (now, stats.received));
        }
        before = counted;
        if let Ok(mut served) = served.lock() {
            served.rates = rates;
        }
    }
}
