// SPDX-License-Identifier: Apache-2.0
//! What was told so far, by which facts become events: only what is different is news.
//!
//! It is the same whether it was built by telling or read from a log, so an observer that goes on after a restart tells what
//! changed while it was away, and nothing twice. Also here: which stamps are of the change that is told. An object keeps the time of
//! the last change of a condition's *status*; a message that changes later must not carry it.

mod pod;

use std::collections::BTreeMap;

use jiff::Timestamp;
use upsurge_figures::observation::{Autoscaler, Event, Life, Source, Tracker, What};

use self::pod::ToldPod;
use crate::{
    fact::Fact,
    sources::autoscalers::{FALLBACK, ONLY_ONE, PAUSED},
};

/// Conditions that are told of whatever else there is: figures and doubts rest on them.
const OWN: [&str; 6] = ["ScalingActive", "AbleToScale", "ScalingLimited", ONLY_ONE, PAUSED, FALLBACK];
/// Most other conditions that are told; of more, those that come first. Who may write the status of an autoscaler may invent as many
/// as they like.
const MOST_OTHERS: usize = 20;

/// Looking at something, at an instant.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// When, by the observer's clock.
    pub now: Timestamp,
    /// Whether it was found by listing rather than brought as it happened.
    pub found: bool,
}

/// What facts of one kind are about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    Autoscaler,
    Scaling,
    Condition(String),
    Asked,
    Existing,
    Revision,
    Rollout,
    Quota,
}

/// What was told.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Of each source, why it can't be seen, or nothing if it can.
    sources: BTreeMap<Source, Option<String>>,
    facts: BTreeMap<Topic, Fact>,
    pods: BTreeMap<String, ToldPod>,
}

impl Told {
    /// What a log has told.
    pub fn of(events: &[Event]) -> Self {
        let mut told = Self::default();
        for event in events {
            told.note(&Fact { what: event.what.clone(), stamped: event.stamped });
        }
        told
    }

    /// With the pods as they are known to be, whatever the log that was read had no room for: one that is left out here would
    /// never be told to have gone.
    #[must_use]
    pub fn knowing(mut self, known: &Tracker) -> Self {
        let mut told = std::mem::take(&mut self.pods);
        for (name, state) in known.last_pods() {
            let mut pod = told.remove(name).unwrap_or_default();
            pod.correct(state);
            self.pods.insert(name.to_owned(), pod);
        }
        self
    }

    /// Tells a fact, if it is news.
    pub fn tell(&mut self, mut fact: Fact, look: Look) -> Option<Event> {
        // As a log would: what was read from one must compare with what is seen.
        fact.what.shorten();
        let before = self.before(&fact.what);
        if !self.is_news(&fact, before.as_ref()) {
            return None;
        }
        // Of an earlier change: then nothing says when this one was.
        let is_stale =
            before.is_some_and(|before| before.stamped == fact.stamped && before.what != fact.what);
        self.note(&fact);
        let event = Event { seen: look.now, stamped: None, found: look.found, what: fact.what };
        Some(match fact.stamped.filter(|_| !is_stale) {
            Some(at) => event.stamped(at),
            None => event,
        })
    }

    /// Whether a source can be seen, as it was told last; `None` if it was never told of.
    pub fn sees(&self, source: Source) -> Option<bool> {
        self.sources.get(&source).map(Option::is_none)
    }

    /// The autoscaler that was told last.
    pub fn autoscaler(&self) -> Option<&Autoscaler> {
        match &self.facts.get(&Topic::Autoscaler)?.what {
            What::Autoscaler(autoscaler) => Some(autoscaler),
            _ => None,
        }
    }

    /// Whether a condition of the autoscaler was told.
    pub fn knows_condition(&self, name: &str) -> bool {
        self.facts.contains_key(&Topic::Condition(name.to_owned()))
    }

    /// Whether it was told what the autoscaler wants.
    pub fn knows_scaling(&self) -> bool {
        self.facts.contains_key(&Topic::Scaling)
    }

    /// Whether fewer pods exist than are asked for, as it was told last.
    pub fn is_short(&self) -> bool {
        let replicas = |topic| match self.facts.get(&topic).map(|fact| &fact.what) {
            Some(What::Asked { replicas } | What::Existing { replicas }) => Some(*replicas),
            _ => None,
        };
        replicas(Topic::Asked)
            .zip(replicas(Topic::Existing))
            .is_some_and(|(asked, existing)| existing < asked)
    }

    /// The pods that were told of and have not gone.
    pub fn pods(&self) -> impl Iterator<Item = &str> {
        self.pods.keys().map(String::as_str)
    }

    /// Whether it was told that traffic goes to a pod.
    pub fn is_serving(&self, pod: &str) -> bool {
        let told = self.pods.get(pod).and_then(|told| told.before(&Life::Serving));
        told.is_some_and(|(life, _)| life == Life::Serving)
    }

    /// Whether the pod of that name is another one than that which was told of.
    pub fn is_another(&self, pod: &str, created: Option<Timestamp>) -> bool {
        self.pods.get(pod).is_some_and(|told| told.is_another(created))
    }

    fn before(&self, what: &What) -> Option<Fact> {
        match what {
            What::Pod { pod, life } => {
                let (life, stamped) = self.pods.get(pod)?.before(life)?;
                Some(Fact { what: What::Pod { pod: pod.clone(), life }, stamped })
            }
            what => self.facts.get(&topic(what)?).cloned(),
        }
    }

    fn is_news(&self, fact: &Fact, before: Option<&Fact>) -> bool {
        match (&fact.what, before.map(|before| &before.what)) {
            (What::AutoscalerGone, _) => self.autoscaler().is_some(),
            (What::Listed { source }, _) => self.sees(*source) != Some(true),
            (What::Lost { source, message }, _) => {
                self.sources.get(source).is_none_or(|told| told.as_ref() != Some(message))
            }
            // The runners' part, which is told elsewhere.
            (What::Load { .. } | What::Thresholds { .. }, _) => false,
            (What::Pod { pod, life }, _) => {
                let none = ToldPod::default();
                self.pods.get(pod).unwrap_or(&none).is_news(life, fact.stamped)
            }
            (What::Condition(now), None) => self.has_room(&now.condition),
            // Messages of conditions change with each look of the autoscaler.
            (What::Condition(now), Some(What::Condition(before))) => {
                (&now.status, &now.reason) != (&before.status, &before.reason)
            }
            // Two objects tell of the same refusal in different words; the next one is later.
            (What::QuotaExceeded { .. }, Some(_)) => before.and_then(|before| before.stamped) < fact.stamped,
            (now, before) => Some(now) != before,
        }
    }

    /// Whether one more condition may be told.
    fn has_room(&self, name: &str) -> bool {
        let is_other =
            |topic: &&Topic| matches!(topic, Topic::Condition(told) if !OWN.contains(&told.as_str()));
        OWN.contains(&name) || self.facts.keys().filter(is_other).count() < MOST_OTHERS
    }

    fn note(&mut self, fact: &Fact) {
        match &fact.what {
            What::Load { .. } | What::Thresholds { .. } | What::Usage { .. } => {}
            What::Listed { source } => drop(self.sources.insert(*source, None)),
            What::Lost { source, message } => drop(self.sources.insert(*source, Some(message.clone()))),
            What::AutoscalerGone => self.facts.retain(|topic, _| !topic.is_of_autoscaler()),
            What::Pod { pod, life: Life::Gone } => drop(self.pods.remove(pod)),
            What::Pod { pod, life } => self.pods.entry(pod.clone()).or_default().note(life, fact.stamped),
            what => {
                if let Some(topic) = topic(what) {
                    self.facts.insert(topic, fact.clone());
                }
            }
        }
    }
}

impl Topic {
    fn is_of_autoscaler(&self) -> bool {
        matches!(self, Self::Autoscaler | Self::Scaling | Self::Condition(_))
    }
}

fn topic(what: &What) -> Option<Topic> {
    Some(match what {
        What::Autoscaler(_) => Topic::Autoscaler,
        What::Scaling(_) => Topic::Scaling,
        What::Condition(condition) => Topic::Condition(condition.condition.clone()),
        What::Asked { .. } => Topic::Asked,
        What::Existing { .. } => Topic::Existing,
        What::Revision { .. } => Topic::Revision,
        What::Rollout { .. } => Topic::Rollout,
        What::QuotaExceeded { .. } => Topic::Quota,
        What::Load { .. }
        | What::Thresholds { .. }
        | What::AutoscalerGone
        | What::Pod { .. }
        | What::Usage { .. }
        | What::Lost { .. }
        | What::Listed { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use upsurge_figures::observation::Condition;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + second).unwrap()
    }

    fn live(second: i64) -> Look {
        Look { now: at(second), found: false }
    }

    fn limited(status: &str, reason: &str, message: &str, since: i64) -> Fact {
        let condition = Condition {
            condition: "ScalingLimited".into(),
            status: status.into(),
            reason: reason.into(),
            message: message.into(),
        };
        Fact { what: What::Condition(condition), stamped: Some(at(since)) }
    }

    #[test]
    fn only_what_is_different_is_told() {
        let mut told = Told::default();
        let asked = |replicas| Fact::of(What::Asked { replicas });
        assert!(told.tell(asked(2), live(0)).is_some());
        assert!(told.tell(asked(2), live(1)).is_none());
        assert!(told.tell(asked(3), live(2)).is_some());
        assert!(told.tell(asked(2), live(3)).is_some());
        assert!(told.tell(Fact::of(What::AutoscalerGone), live(4)).is_none(), "there never was one");
    }

    #[test]
    fn a_stamp_of_an_earlier_change_is_not_told() {
        let mut told = Told::default();
        let first = told.tell(limited("True", "TooManyReplicas", "", 10), live(11)).unwrap();
        assert_eq!(first.stamped, Some(at(10)));
        assert!(told.tell(limited("True", "TooManyReplicas", "other words", 10), live(12)).is_none());
        let reason = told.tell(limited("True", "ScaleUpLimit", "", 10), live(40)).unwrap();
        assert_eq!(reason.stamped, None, "the status is as it was, so its time is of the first reason");
        let status = told.tell(limited("False", "DesiredWithinRange", "", 60), live(61)).unwrap();
        assert_eq!(status.stamped, Some(at(60)));
    }

    #[test]
    fn it_is_the_same_read_from_a_log() {
        let facts = || {
            [
                limited("True", "TooManyReplicas", "", 10),
                Fact::of(What::Asked { replicas: 3 }),
                Fact { stamped: Some(at(1)), ..Fact::pod("a", Life::Created) },
                Fact { stamped: Some(at(5)), ..Fact::pod("a", Life::Ready) },
                Fact::of(What::Listed { source: Source::Pods }),
            ]
        };
        let mut told = Told::default();
        let events: Vec<Event> = facts().into_iter().filter_map(|fact| told.tell(fact, live(20))).collect();
        assert_eq!(events.len(), facts().len());
        let mut read = Told::of(&events);
        assert!(facts().into_iter().all(|fact| read.tell(fact, live(30)).is_none()));
        assert!(read.is_another("a", Some(at(2))) && !read.is_another("a", Some(at(1))));
    }

    #[test]
    fn a_text_that_a_log_has_shortened_is_no_news() {
        let revision = || Fact::of(What::Revision { revision: "7".repeat(5_000) });
        let mut log = upsurge_figures::observation::Log::default();
        log.push(Told::default().tell(revision(), live(0)).unwrap());
        assert!(Told::of(log.events()).tell(revision(), live(9)).is_none());
    }

    #[test]
    fn conditions_of_ever_new_names_fill_neither_memory_nor_log() {
        let mut told = Told::default();
        let condition = |name: &str| {
            let condition =
                Condition { condition: name.into(), status: "True".into(), ..Condition::default() };
            Fact::of(What::Condition(condition))
        };
        let invented =
            (0..1_000).filter_map(|number| told.tell(condition(&format!("Invented{number}")), live(number)));
        assert_eq!(invented.count(), MOST_OTHERS);
        assert!(
            told.tell(condition("ScalingActive"), live(2_000)).is_some(),
            "what verdicts rest on has room of its own"
        );
        assert_eq!(told.facts.len(), MOST_OTHERS + 1);
    }

    #[test]
    fn why_a_source_is_lost_is_told_once() {
        let mut told = Told::default();
        let lost = |message: &str| Fact::of(What::Lost { source: Source::Pods, message: message.into() });
        assert_eq!(told.sees(Source::Pods), None);
        assert!(told.tell(lost("reset"), live(0)).is_some());
        assert!(told.tell(lost("reset"), live(1)).is_none());
        assert!(told.tell(lost("forbidden"), live(2)).is_some(), "why it stays lost");
        assert_eq!(told.sees(Source::Pods), Some(false));
    }
}
