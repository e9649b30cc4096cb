// SPDX-License-Identifier: Apache-2.0
//! What was told of one pod.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use upsurge_figures::observation::{Life, PodState};

/// Most ends of containers of which it is known that they were told.
const MOST_ENDS: usize = 64;

/// What each step of a life is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Created,
    Node,
    Image,
    Started,
    Ready,
    Serving,
    Terminating,
    Stopped,
}

/// What was told of a pod.
#[derive(Clone, Debug, Default)]
pub struct ToldPod {
    steps: BTreeMap<Step, (Life, Option<Timestamp>)>,
    ends: BTreeSet<(Option<Timestamp>, String, i32)>,
}

impl ToldPod {
    /// What was told of the same step before.
    pub fn before(&self, life: &Life) -> Option<(Life, Option<Timestamp>)> {
        self.steps.get(&step(life)?).cloned()
    }

    /// Whether a pod that was created then is another one.
    pub fn is_another(&self, created: Option<Timestamp>) -> bool {
        let told = self.steps.get(&Step::Created).and_then(|(_, at)| *at);
        told.zip(created).is_some_and(|(told, created)| told != created)
    }

    /// Whether a step is news.
    pub fn is_news(&self, life: &Life, stamped: Option<Timestamp>) -> bool {
        let before = step(life).and_then(|step| self.steps.get(&step));
        match (life, before.map(|(life, _)| life)) {
            // Of a pod that was never told of there is nothing to end.
            (Life::Gone, _) => !self.steps.is_empty(),
            (Life::Ended { reason, exit_code, .. }, _) => {
                !self.ends.contains(&(stamped, reason.clone(), *exit_code))
            }
            (Life::Created | Life::Terminating | Life::Stopped | Life::ImagePullFailed { .. }, before) => {
                before.is_none()
            }
            // Who told of it before may not have known the node.
            (Life::Scheduled { .. }, Some(Life::Scheduled { .. })) => false,
            // Every pod begins so.
            (Life::NotReady, before) => before == Some(&Life::Ready),
            (Life::NotServing, before) => before != Some(&Life::NotServing),
            (life, Some(before)) if life == before => {
                // The same once more: what was between, nobody saw.
                let at = self.before(life).and_then(|(_, at)| at);
                stamped.is_some() && at.is_some() && stamped != at
            }
            _ => true,
        }
    }

    /// It is known to be in a state, whatever was told before. What agrees with that keeps its stamp.
    pub fn correct(&mut self, state: &PodState) {
        let was_ready = self.steps.get(&Step::Ready).is_some_and(|(life, _)| *life == Life::Ready);
        let unschedulable = state.unschedulable.clone().map(|message| Life::Unschedulable { message });
        let node = unschedulable.or(state.started.map(|_| Life::SCHEDULED));
        let image_pull = state.image_pull.clone().map(|message| Life::ImagePullFailed { message });
        let ready = if state.ready { Some(Life::Ready) } else { was_ready.then_some(Life::NotReady) };
        let serving = state.endpoint.map(|serves| if serves { Life::Serving } else { Life::NotServing });
        let steps = [
            Some(Life::Created),
            node,
            state.started.map(|_| Life::Started),
            image_pull,
            ready,
            serving,
            state.terminating.then_some(Life::Terminating),
        ];
        for life in steps.into_iter().flatten() {
            // The state does not say on which node it is.
            let is_placed =
                |before: &Life| matches!((before, &life), (Life::Scheduled { .. }, Life::Scheduled { .. }));
            if self.before(&life).is_none_or(|(before, _)| before != life && !is_placed(&before)) {
                self.note(&life, None);
            }
        }
    }

    /// It was told.
    pub fn note(&mut self, life: &Life, stamped: Option<Timestamp>) {
        if let Life::Ended { reason, exit_code, .. } = life {
            self.ends.insert((stamped, reason.clone(), *exit_code));
            if self.ends.len() > MOST_ENDS {
                self.ends.pop_first();
            }
        }
        if *life == Life::Started {
            // The next failure is another one.
            self.steps.remove(&Step::Image);
        }
        if let Some(step) = step(life) {
            self.steps.insert(step, (life.clone(), stamped));
        }
    }
}

fn step(life: &Life) -> Option<Step> {
    Some(match life {
        Life::Created => Step::Created,
        Life::Unschedulable { .. } | Life::Scheduled { .. } => Step::Node,
        Life::ImagePullFailed { .. } => Step::Image,
        Life::Started => Step::Started,
        Life::Ready | Life::NotReady => Step::Ready,
        Life::Serving | Life::NotServing => Step::Serving,
        Life::Terminating => Step::Terminating,
        Life::Stopped => Step::Stopped,
        Life::Ended { .. } | Life::Gone => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Option<Timestamp> {
        Some(Timestamp::from_second(1_900_000_000 + second).unwrap())
    }

    /// Whether each of these is news after those before it.
    fn news(steps: &[(Life, Option<Timestamp>)]) -> Vec<bool> {
        let mut told = ToldPod::default();
        let mut tell = |(life, stamped): &(Life, Option<Timestamp>)| {
            let news = told.is_news(life, *stamped);
            if news {
                told.note(life, *stamped);
            }
            news
        };
        steps.iter().map(&mut tell).collect()
    }

    #[test]
    fn a_pod_is_not_ready_any_more_only_after_it_was() {
        let steps = [
            (Life::Created, at(0)),
            (Life::NotReady, at(0)),
            (Life::Ready, at(5)),
            (Life::Ready, at(5)),
            (Life::NotReady, at(9)),
            (Life::Ready, at(12)),
            (Life::Ready, at(20)),
        ];
        assert_eq!(
            news(&steps),
            [true, false, true, false, true, true, true],
            "the last: nobody saw it unready"
        );
    }

    #[test]
    fn each_end_of_a_container_is_told_once_and_its_new_start_too() {
        let ended = |code| Life::Ended { reason: "Error".into(), exit_code: code, restarts: 1 };
        let steps = [
            (Life::Started, at(0)),
            (ended(1), at(5)),
            (Life::Started, at(6)),
            (ended(1), at(5)),
            (ended(137), at(5)),
            (ended(1), at(8)),
        ];
        assert_eq!(news(&steps), [true, true, true, false, true, true]);
    }

    #[test]
    fn a_failing_image_is_told_once_however_its_words_change() {
        let failed = |message: &str| (Life::ImagePullFailed { message: message.into() }, None);
        let steps =
            [failed("ErrImagePull"), failed("ImagePullBackOff"), (Life::Started, at(0)), failed("again")];
        assert_eq!(news(&steps), [true, false, true, true]);
    }
}
