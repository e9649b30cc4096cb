// SPDX-License-Identifier: Apache-2.0
//! What an autoscaler's own settings make it take: the limit of an expectation that is `Auto`, and whether one that is written
//! down can hold at all.

use std::time::Duration;

use upsurge_crds::v1alpha1::TimeSpan;
use upsurge_figures::{
    elasticity::{Budget, Demand, Pace, Policies, REACTION, in_seconds},
    latency::{Part, Summary},
    observation::Autoscaler,
};

use super::course::{climb, descent};
use crate::plan::Timeline;

/// Parts of a scale-up that its pods take.
const OF_PODS: [Part; 5] =
    [Part::Creation, Part::Scheduling, Part::Starting, Part::Readiness, Part::Endpoints];
/// The kind of autoscaler that scales to zero by rules of its own.
const KEDA: &str = "ScaledObject";

/// What a budget is made of.
pub(super) struct Settings<'a> {
    pub(super) autoscaler: Option<&'a Autoscaler>,
    pub(super) timeline: &'a Timeline,
    pub(super) demand: &'a Demand,
    /// How long the parts of scale-ups were seen to take.
    pub(super) latency: &'a Summary,
    /// Ready replicas at the start, and most of them.
    pub(super) at_start: Option<i32>,
    pub(super) peak: Option<i32>,
    /// Replicas that the load asked for.
    pub(super) needed: Option<i32>,
}

/// Pods that scale-ups asked for, and of how many of them it is known how long they took to be ready.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pods {
    all: u32,
    seen: u32,
}

impl Pods {
    /// Why nobody can tell how long pods take, if that is so: of none of them it is known.
    pub(super) fn unseen(self) -> Option<String> {
        let Self { all, seen } = self;
        (all > 0 && seen == 0).then(|| {
            format!(
                "nobody saw any of the new pods ({all}) become ready, so Auto can't tell how long they take: write a time instead"
            )
        })
    }

    /// Those that a budget does not count.
    fn left_out(self) -> String {
        match self.all.saturating_sub(self.seen) {
            0 => String::new(),
            left => format!("; {left} of {} new pods left out, as nobody saw them become ready", self.all),
        }
    }
}

impl Settings<'_> {
    /// The pods of which a scale-up's budget is made.
    pub(super) fn pods(&self) -> Pods {
        let seen = self.latency.parts.get(&Part::Readiness).map_or(0, |part| part.known);
        Pods { all: self.latency.pods, seen }
    }

    /// What a scale-up from the start to the needed replicas may take from the rise of the load on, or why nobody can tell.
    pub(super) fn up(&self) -> Result<Budget, String> {
        let autoscaler = self.autoscaler()?;
        let [from, to] = seen(self.at_start, self.needed)?;
        let of_pod = |part: &Part| self.latency.parts.get(part).map_or(0.0, |part| part.seconds.p95);
        let pods: f64 = OF_PODS.iter().map(of_pod).sum();
        Ok(Budget {
            load: in_seconds(climb(self.timeline, self.demand, to)),
            window: Duration::from_secs(autoscaler.up_window.into()),
            pace: paced(autoscaler, &Policies::up(autoscaler), [from, to], "up")?,
            pods: in_seconds(Duration::try_from_secs_f64(pods).unwrap_or_default()),
        })
    }

    /// What a scale-down from the most replicas to those of the start may take from the fall of the load on, or why nobody can tell.
    pub(super) fn down(&self) -> Result<Budget, String> {
        let autoscaler = self.autoscaler()?;
        let [from, to] = seen(self.peak, self.at_start)?;
        Ok(Budget {
            load: in_seconds(descent(self.timeline, self.demand, to)),
            window: Duration::from_secs(autoscaler.down_window.into()),
            pace: paced(autoscaler, &Policies::down(autoscaler), [from, to], "down")?,
            pods: Duration::ZERO,
        })
    }

    fn autoscaler(&self) -> Result<&Autoscaler, String> {
        let autoscaler = self
            .autoscaler
            .ok_or("no autoscaler was seen, whose settings would tell how long it may take")?;
        if autoscaler.kind == KEDA && self.at_start == Some(0) {
            return Err(format!(
                "{KEDA}/{} takes the workload from zero and back by its pollingInterval and cooldownPeriod, which Auto does \
                 not know: write a time instead",
                autoscaler.name
            ));
        }
        Ok(autoscaler)
    }
}

/// The limit that a budget makes, with all that it is made of.
pub(super) fn in_words(budget: &Budget, pods: Pods) -> String {
    let span = |part: Duration| TimeSpan(part).to_string();
    let steps = format!("between {} steps of its policies", budget.pace.steps);
    let parts = [
        (budget.load, "until the load asks for that many"),
        (budget.window, "of its stabilization window"),
        (budget.pace.length, steps.as_str()),
        (REACTION, "to see a change of the load and act on it"),
        (budget.pods, "until new pods serve"),
    ];
    let told = parts.into_iter().filter(|(part, _)| !part.is_zero());
    let told: Vec<String> = told.map(|(part, what)| format!("{} {what}", span(part))).collect();
    format!("{} ({}{})", span(budget.longest()), told.join(" + "), pods.left_out())
}

fn paced(
    autoscaler: &Autoscaler,
    policies: &Policies,
    [from, to]: [u32; 2],
    way: &str,
) -> Result<Pace, String> {
    let Autoscaler { kind, name, .. } = autoscaler;
    policies.pace(from, to).ok_or_else(|| match policies.is_disabled() {
        true => format!(
            "{kind}/{name} never scales {way}, as its selectPolicy for that is Disabled: leave the expectation out, or write a time"
        ),
        false => format!(
            "the policies of {kind}/{name} for scaling {way} from {from} to {to} replicas take longer than Auto can tell: write a \
             time instead"
        ),
    })
}

fn seen(from: Option<i32>, to: Option<i32>) -> Result<[u32; 2], String> {
    let (from, to) = from.zip(to).ok_or("nobody saw how many replicas there were")?;
    Ok([from, to].map(|replicas| u32::try_from(replicas).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};
    use upsurge_crds::v1alpha1::Load;
    use upsurge_figures::latency::{PartSummary, Quantiles};

    use super::*;
    use crate::plan::Plan;

    /// A minute at 10, half a minute up to 40, two minutes there, 15 s down to 10, and a minute at that.
    fn spike() -> Timeline {
        let load: Load = serde_json::from_value(json!({"unit": "IterationsPerSecond", "spike": {
            "baseline": 10, "peak": 40, "warmUp": "1m", "rampUp": "30s", "hold": "2m", "rampDown": "15s", "recovery": "1m"
        }}))
        .unwrap();
        Plan::compile(&load, &["a"]).unwrap().timeline
    }

    /// Pods took 4.2 s until they ran, and 15.3 s until they were ready.
    fn latency() -> Summary {
        let took = |seconds: f64| PartSummary {
            seconds: Quantiles { p50: 1.0, p95: seconds, max: 99.0 },
            known: 3,
            unknown: 0,
        };
        let parts = [(Part::Decision, 500.0), (Part::Starting, 4.2), (Part::Readiness, 15.3)];
        Summary { parts: parts.map(|(part, seconds)| (part, took(seconds))).into(), largest: None, pods: 3 }
    }

    fn told(autoscaler: &Value, capacity: Option<f64>, replicas: [i32; 3]) -> [Result<String, String>; 2] {
        let own: Autoscaler = serde_json::from_value(autoscaler.clone()).unwrap();
        let demand = capacity.map_or(Demand::None, |capacity| Demand::declared(capacity).unwrap());
        let [at_start, peak, needed] = replicas.map(Some);
        let settings = Settings {
            autoscaler: Some(&own),
            timeline: &spike(),
            demand: &demand,
            latency: &latency(),
            at_start,
            peak,
            needed,
        };
        [(settings.up(), settings.pods()), (settings.down(), Pods::default())]
            .map(|(budget, pods)| budget.map(|budget| in_words(&budget, pods)))
    }

    fn hpa(more: Value) -> Value {
        let mut own = json!({"kind": "HorizontalPodAutoscaler", "name": "shop", "min": 1, "max": 9, "upWindow": 0, "downWindow": 300});
        own.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        own
    }

    // By hand, from the formula: ramp + window + what policies spread + 100 s + pods (4.2 s + 15.3 s, so 20 s).
    #[rstest]
    #[case::kubernetes_own(
        hpa(json!({})), Some(10.0), [1, 4, 4],
        // The fourth replica is asked for beyond 30, two thirds up the ramp; just one again at its end.
        "2m20s (20s until the load asks for that many + 1m40s to see a change of the load and act on it + 20s until new pods serve)",
        "6m55s (15s until the load asks for that many + 5m of its stabilization window + 1m40s to see a change of the load and act on it)"
    )]
    #[case::slow_by_its_behavior(
        hpa(json!({
            "upWindow": 60, "downWindow": 0, "upPolicies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
            "downPolicies": [{"type": "Percent", "value": 50, "periodSeconds": 30}]
        })), Some(10.0), [1, 4, 4],
        // One, two, three more, a minute apart; from four to two at once, and to one after half a minute.
        "5m20s (20s until the load asks for that many + 1m of its stabilization window + 2m between 3 steps of its policies + \
         1m40s to see a change of the load and act on it + 20s until new pods serve)",
        "2m25s (15s until the load asks for that many + 30s between 2 steps of its policies + 1m40s to see a change of the load \
         and act on it)"
    )]
    #[case::of_which_nobody_knows_what_a_replica_serves(
        hpa(json!({})), None, [1, 4, 4],
        // Until the peak, and until the load ends.
        "2m30s (30s until the load asks for that many + 1m40s to see a change of the load and act on it + 20s until new pods serve)",
        "7m55s (1m15s until the load asks for that many + 5m of its stabilization window + 1m40s to see a change of the load and act on it)"
    )]
    #[case::there_are_enough(
        hpa(json!({})), Some(50.0), [2, 2, 1],
        "2m (1m40s to see a change of the load and act on it + 20s until new pods serve)",
        "6m40s (5m of its stabilization window + 1m40s to see a change of the load and act on it)"
    )]
    fn a_budget_is_told_by_its_parts(
        #[case] autoscaler: Value,
        #[case] capacity: Option<f64>,
        #[case] replicas: [i32; 3],
        #[case] up: &str,
        #[case] down: &str,
    ) {
        assert_eq!(told(&autoscaler, capacity, replicas), [Ok(up.to_owned()), Ok(down.to_owned())]);
    }

    #[rstest]
    #[case::up_is_disabled(hpa(json!({"upSelect": "Disabled"})), [1, 4, 4], Some("never scales up"), None)]
    #[case::down_is_disabled(hpa(json!({"downSelect": "Disabled"})), [1, 4, 4], None, Some("never scales down"))]
    #[case::both_are_and_neither_is_needed(
        hpa(json!({"upSelect": "Disabled", "downSelect": "Disabled"})), [4, 4, 4], None, None
    )]
    #[case::from_zero_by_keda(hpa(json!({"kind": "ScaledObject"})), [0, 4, 4], Some("cooldownPeriod"), Some("cooldownPeriod"))]
    #[case::from_one_by_keda(hpa(json!({"kind": "ScaledObject"})), [1, 4, 4], None, None)]
    #[case::for_days(
        hpa(json!({"upPolicies": [{"type": "Pods", "value": 1, "periodSeconds": 1800}]})), [1, 1, 5_000],
        Some("from 1 to 5000 replicas take longer than Auto can tell"), None
    )]
    fn what_makes_no_budget_says_why(
        #[case] autoscaler: Value,
        #[case] replicas: [i32; 3],
        #[case] up: Option<&str>,
        #[case] down: Option<&str>,
    ) {
        let found = told(&autoscaler, Some(10.0), replicas);
        for (found, expected) in found.iter().zip([up, down]) {
            let why = found.as_ref().err();
            assert_eq!(why.is_some(), expected.is_some(), "{found:?}");
            assert!(why.is_none_or(|why| why.contains(expected.unwrap())), "{found:?}");
        }
    }

    #[test]
    fn without_an_autoscaler_or_the_replicas_at_the_start_there_is_none() {
        let own: Autoscaler = serde_json::from_value(hpa(json!({}))).unwrap();
        for (autoscaler, at_start, why) in
            [(None, Some(1), "no autoscaler was seen"), (Some(&own), None, "nobody saw how many replicas")]
        {
            let settings = Settings {
                autoscaler,
                timeline: &spike(),
                demand: &Demand::None,
                latency: &latency(),
                at_start,
                peak: Some(1),
                needed: Some(2),
            };
            assert!(settings.up().unwrap_err().starts_with(why));
            assert_eq!(settings.up(), settings.down());
        }
    }
}
