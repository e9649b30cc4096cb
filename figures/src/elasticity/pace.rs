// SPDX-License-Identifier: Apache-2.0
//! How fast an autoscaler may change replicas by its own policies, as Kubernetes applies them.
//!
//! At each look, every 15 s, each policy allows so much from the replicas that there were at the begin of its period, and
//! `selectPolicy` says which of them counts (`calculateScaleUpLimitWithScalingRules` and its like of `pkg/controller/podautoscaler`).
//! A first step comes at once. Nothing here knows of windows, metrics or pods: that is the [`Budget`](super::Budget)'s.

use std::time::Duration;

use serde_json::Value;

use crate::observation::Autoscaler;

/// Seconds between two looks of a HorizontalPodAutoscaler: Kubernetes' default, which no object tells.
const SYNC: u64 = 15;
/// Most looks that are followed. What takes longer takes days.
const MOST_LOOKS: u32 = 1_000;

/// Which way replicas change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// What is allowed within a period.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Policy {
    is_percent: bool,
    value: f64,
    period: u64,
}

/// The policies of one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Policies {
    way: Way,
    policies: Vec<Policy>,
    /// Whether the policy that changes least counts, instead of the one that changes most.
    is_least: bool,
    is_disabled: bool,
}

/// How long a change of replicas is spread over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Steps that it takes.
    pub steps: u32,
    /// From the first one to the last.
    pub length: Duration,
}

/// A change that counts against policies: when, and by how many replicas.
type Change = (u64, f64);

impl Policies {
    /// Those for scaling up; where none are told, Kubernetes' own.
    pub fn up(autoscaler: &Autoscaler) -> Self {
        let own = [(false, 4.0), (true, 100.0)];
        Self::of(Way::Up, &autoscaler.up_policies, autoscaler.up_select.as_deref(), &own)
    }

    /// Those for scaling down; where none are told, Kubernetes' own.
    pub fn down(autoscaler: &Autoscaler) -> Self {
        let told = autoscaler.down_policies.as_deref().unwrap_or_default();
        Self::of(Way::Down, told, autoscaler.down_select.as_deref(), &[(true, 100.0)])
    }

    fn of(way: Way, told: &[Value], select: Option<&str>, own: &[(bool, f64)]) -> Self {
        let mut policies: Vec<Policy> = told.iter().filter_map(Policy::read).collect();
        if policies.is_empty() {
            policies =
                own.iter().map(|(is_percent, value)| Policy::every_look(*is_percent, *value)).collect();
        }
        let (is_least, is_disabled) = (select == Some("Min"), select == Some("Disabled"));
        Self { way, policies, is_least, is_disabled }
    }

    /// Whether they forbid any change.
    pub fn is_disabled(&self) -> bool {
        self.is_disabled
    }

    /// How long they spread a change over; `None` if they forbid it, or it takes longer than can be told.
    pub fn pace(&self, from: u32, to: u32) -> Option<Pace> {
        let (mut at, mut replicas, goal) = (0, f64::from(from), f64::from(to));
        let (mut pace, mut changes) = (Pace::default(), Vec::<Change>::new());
        let longest = self.policies.iter().map(|policy| policy.period).max().unwrap_or_default();
        for _ in 0..MOST_LOOKS {
            let left = self.left(replicas, goal);
            if left <= 0.0 {
                return Some(pace);
            }
            if self.is_disabled {
                return None;
            }
            let step = self.left(replicas, self.allowed(replicas, at, &changes)).min(left);
            if step > 0.0 {
                replicas += if self.way == Way::Up { step } else { -step };
                changes.push((at, step));
                pace = Pace { steps: pace.steps + 1, length: Duration::from_secs(at) };
            }
            changes.retain(|(since, _)| since.saturating_add(longest) > at);
            at = self.next_look(at, &changes)?;
        }
        None
    }

    /// Replicas between two numbers of them, counted in the direction of the change.
    fn left(&self, from: f64, to: f64) -> f64 {
        if self.way == Way::Up { to - from } else { from - to }
    }

    /// What is allowed at a look.
    fn allowed(&self, replicas: f64, at: u64, changes: &[Change]) -> f64 {
        let limits = self.policies.iter().map(|policy| {
            let counts = |change: &&Change| change.0.saturating_add(policy.period) > at;
            let changed: f64 = changes.iter().filter(counts).map(|change| change.1).sum();
            match self.way {
                Way::Up if policy.is_percent => ((replicas - changed) * (1.0 + policy.value / 100.0)).ceil(),
                Way::Up => replicas - changed + policy.value,
                Way::Down if policy.is_percent => {
                    ((replicas + changed) * (1.0 - policy.value / 100.0)).trunc()
                }
                Way::Down => replicas + changed - policy.value,
            }
        });
        let is_highest = (self.way == Way::Up) != self.is_least;
        limits.reduce(if is_highest { f64::max } else { f64::min }).unwrap_or(replicas)
    }

    /// The next look at which a change doesn't count any more for some policy.
    fn next_look(&self, at: u64, changes: &[Change]) -> Option<u64> {
        let ends = |change: &Change| {
            let since = change.0;
            self.policies.iter().map(move |policy| since.saturating_add(policy.period))
        };
        let end = changes.iter().flat_map(ends).filter(|end| *end > at).min()?;
        Some(end.div_ceil(SYNC).saturating_mul(SYNC))
    }
}

impl Policy {
    fn read(policy: &Value) -> Option<Self> {
        let is_percent = policy.get("type")?.as_str()? == "Percent";
        let value = policy.get("value")?.as_u64().filter(|value| *value > 0)? as f64;
        let period = policy.get("periodSeconds")?.as_u64().filter(|period| *period > 0)?;
        Some(Self { is_percent, value, period })
    }

    const fn every_look(is_percent: bool, value: f64) -> Self {
        Self { is_percent, value, period: SYNC }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn pods(value: u32, period: u32) -> Value {
        json!({"type": "Pods", "value": value, "periodSeconds": period})
    }

    fn percent(value: u32, period: u32) -> Value {
        json!({"type": "Percent", "value": value, "periodSeconds": period})
    }

    fn found(pace: Option<Pace>) -> Option<(u32, u64)> {
        pace.map(|pace| (pace.steps, pace.length.as_secs()))
    }

    // By hand, look by look; the comments have the replicas.
    #[rstest]
    #[case::kubernetes_own(vec![], "Max", 1, 40, Some((4, 45)))] // 5, 10, 20, 40
    #[case::at_once(vec![], "Max", 1, 5, Some((1, 0)))]
    #[case::nothing_to_do(vec![], "Max", 5, 5, Some((0, 0)))]
    #[case::more_than_enough(vec![], "Max", 9, 5, Some((0, 0)))]
    #[case::one_by_one(vec![pods(1, 60)], "Max", 1, 4, Some((3, 120)))] // 2, 3 at 60 s, 4 at 120 s
    #[case::half_again(vec![percent(50, 30)], "Max", 2, 5, Some((2, 30)))] // 3, then 4.5 is 5
    #[case::a_period_between_two_looks(vec![pods(1, 20)], "Max", 1, 3, Some((2, 30)))]
    // 3 by pods, 6 at 15 s and 10 at 30 s by percent: pods count from 1 for a whole minute.
    #[case::the_most(vec![pods(2, 60), percent(100, 15)], "Max", 1, 10, Some((3, 30)))]
    // 2 by percent, 3 by pods at 15 s; 4 at 60 s, when the first step counts no more; 5 at 75 s.
    #[case::the_least(vec![pods(2, 60), percent(100, 15)], "Min", 1, 5, Some((4, 75)))]
    #[case::never(vec![], "Disabled", 1, 2, None)]
    #[case::never_needed(vec![], "Disabled", 2, 2, Some((0, 0)))]
    #[case::nonsense_is_none(vec![json!({"type": "Pods", "value": 0, "periodSeconds": 60}), json!(7)], "Max", 1, 5, Some((1, 0)))]
    #[case::beyond_what_can_be_told(vec![pods(1, 1_800)], "Max", 1, 2_000, None)]
    fn scaling_up_is_spread_by_policies(
        #[case] up_policies: Vec<Value>,
        #[case] select: &str,
        #[case] from: u32,
        #[case] to: u32,
        #[case] expected: Option<(u32, u64)>,
    ) {
        let autoscaler = Autoscaler { up_policies, up_select: Some(select.into()), ..Autoscaler::default() };
        assert_eq!(found(Policies::up(&autoscaler).pace(from, to)), expected);
    }

    #[rstest]
    #[case::kubernetes_own(vec![], "Max", 40, 1, Some((1, 0)))]
    #[case::one_by_one(vec![pods(1, 60)], "Max", 4, 1, Some((3, 120)))]
    #[case::halves(vec![percent(50, 60)], "Max", 9, 1, Some((3, 120)))] // 4.5 is 4, then 2, 1
    #[case::the_most(vec![pods(1, 60), percent(50, 60)], "Max", 8, 1, Some((3, 120)))] // 4, 2, 1
    #[case::the_least(vec![pods(1, 60), percent(50, 60)], "Min", 8, 5, Some((3, 120)))] // 7, 6, 5
    #[case::never(vec![], "Disabled", 2, 1, None)]
    fn scaling_down_is_spread_by_policies(
        #[case] down_policies: Vec<Value>,
        #[case] select: &str,
        #[case] from: u32,
        #[case] to: u32,
        #[case] expected: Option<(u32, u64)>,
    ) {
        let down_policies = Some(down_policies);
        let autoscaler =
            Autoscaler { down_policies, down_select: Some(select.into()), ..Autoscaler::default() };
        assert_eq!(found(Policies::down(&autoscaler).pace(from, to)), expected);
    }

    #[test]
    fn what_no_observer_told_is_as_kubernetes_has_it() {
        let untold = Autoscaler::default();
        assert_eq!(found(Policies::down(&untold).pace(7, 1)), Some((1, 0)));
        assert!(!Policies::up(&untold).is_disabled());
    }
}
