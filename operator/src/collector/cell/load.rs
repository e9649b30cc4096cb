// SPDX-License-Identifier: Apache-2.0
//! What the session and the record of the target tell each other of the load: when it starts, turns back and ends, and whether the target has
//! come to rest before the next one.

use std::{sync::PoisonError, time::Duration};

use jiff::Timestamp;
use upsurge_core::{
    autoscaling,
    plan::{self, Turned},
};

use super::Cell;
use crate::collector::view::TurnedView;

impl Cell {
    /// Tells the record of the target when the load starts, in nanoseconds, where it turns back once a runner has said that it does, and
    /// when it is over after so long.
    pub(super) fn tell_load(&self, start: i64, turned: Option<&TurnedView>, over: Option<Duration>) {
        let Ok(start) = Timestamp::from_nanosecond(start.into()) else { return };
        self.record.fix_setups();
        // Figures of an autoscaler are of one load; of several, only how the target stood is of interest.
        if self.config.plan.test.target.workloads.is_empty() || self.config.whole.is_some() {
            return;
        }
        let valid = &self.config.valid;
        self.record.begin(&valid.timeline, start);
        if let Some(turned) = turned {
            self.record.turn(&turned.valid.timeline, start, turned.skip.from);
        }
        let valid = turned.map_or(valid, |turned| &turned.valid);
        if let Some(elapsed) = over {
            let carried_out = plan::carried_out(&valid.timeline, &valid.loads, elapsed).duration();
            self.record.end_load(start.saturating_add(carried_out).unwrap_or(Timestamp::MAX));
        }
    }

    /// The load that has turned back like this, made once.
    pub(super) fn turned(&self, turned: Option<Turned>) -> Option<TurnedView> {
        let turned = turned?;
        let mut known = self.turned.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_none_or(|known| known.turned.turn != turned.turn) {
            *known = TurnedView::of(turned, &self.config.valid);
        }
        known.as_ref().map(|known| TurnedView { turned, ..known.clone() })
    }

    /// Whether the target has come to rest, if the next load waits for nothing but that. Each runner asks many times; one is told.
    pub async fn rested(&self, runner: u32) -> Option<Result<(), String>> {
        let workloads = &self.config.plan.test.target.workloads;
        if runner != 0 || workloads.is_empty() {
            return None;
        }
        let before = self.lock().await.awaits_rest()?;
        let now = Timestamp::now();
        let mut each = workloads.iter().zip(self.record.each());
        Some(each.try_for_each(|(workload, record)| {
            autoscaling::rested(workload, record.workload().log(), before, now)
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kube::core::DynamicObject;
    use serde_json::json;
    use upsurge_core::validate::validate;
    use upsurge_figures::elasticity::Demand;
    use upsurge_observer::{Change, Seen, Setup};

    use super::*;
    use crate::{
        collector::{
            session::{Session, tests::plan},
            view::SessionConfig,
        },
        recording::{self, SharedRecord},
    };

    #[test]
    fn the_first_of_several_loads_settles_how_each_workload_was_set_up() {
        let mut plan = plan(1, false);
        plan.test.target.workloads =
            serde_json::from_value(json!([{"name": "quiet"}, {"name": "checkout"}])).unwrap();
        let valid = Arc::new(validate(&plan.test).unwrap());
        let plan = Arc::new(plan);
        let config = SessionConfig {
            plan: Arc::clone(&plan),
            valid,
            whole: Some(Arc::clone(&plan)),
            job: "checkout-1".into(),
            checkpoint: "checkout-1-checkpoint".into(),
            labels: Default::default(),
            owner: Default::default(),
            is_under_way: false,
        };
        let (session, changes) = (Session::new(&plan, None), tokio::sync::broadcast::channel(1).0);
        let record = SharedRecord::of(None, vec![Demand::None, Demand::None]);
        let cell = Cell::new(config, session, record, Arc::default(), Arc::default(), changes);
        // Nothing is seen of the workload that the test names first.
        let second = cell.record.each().nth(1).unwrap();
        let reference = plan.test.target.workloads[1].reference();
        let mut observer = second.observer(recording::target("shop", reference));
        let mut see = |image: &str| {
            let deployment: DynamicObject = serde_json::from_value(json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "checkout"},
                "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "main", "image": image}]}}},
            }))
            .unwrap();
            observer.see(Seen::Workload(Change::Listed(vec![deployment])), Timestamp::UNIX_EPOCH);
        };
        see("checkout:1");
        cell.tell_load(1_900_000_000_000_000_000, None, None);
        see("checkout:2");
        let setups = cell.record.setups();
        assert_eq!((setups.len(), &*setups[0]), (2, &Setup::default()));
        assert_eq!(setups[1].images["main"], "checkout:1");
        let recorded: usize = cell.record.each().map(|one| one.workload().bytes()).sum();
        assert!(cell.record.bytes() > recorded, "it counts as taken");
    }
}
