// SPDX-License-Identifier: Apache-2.0
//! Whose turn it is, when not all runs may go on at the same time.
//!
//! Namespaces take turns, and within one the oldest run is first. A run that does not fit yet holds up those behind
//! it in its own namespace and nobody else. No clock and no I/O: the caller says what there is.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Policy, Rule};

/// Most namespaces of which it is remembered when they were last served.
const MOST_SERVED: usize = 1_024;

/// A run that waits or is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// How many runners it has.
    pub runners: u32,
}

type Key = (String, String);

impl Entry {
    fn key(&self) -> Key {
        (self.namespace.clone(), self.name.clone())
    }
}

/// The answer to a run that wants to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It counts as under way from now on.
    Begin,
    /// It waits; for what, in words.
    Wait(String),
}

/// The runs that wait and those under way.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    waiting: BTreeMap<Key, Entry>,
    running: BTreeMap<Key, Entry>,
    /// When each namespace was last served, counted in turns.
    served: BTreeMap<String, u64>,
    turns: u64,
}

impl Queue {
    /// A run is under way, as its status says: begun by an earlier operator, perhaps.
    pub fn adopt(&mut self, entry: Entry) {
        self.waiting.remove(&entry.key());
        self.running.insert(entry.key(), entry);
    }

    /// A run has ended or is gone. The next ones, which may begin now, are to be asked again.
    pub fn leave(&mut self, namespace: &str, name: &str) -> bool {
        let key = (namespace.to_owned(), name.to_owned());
        let waited = self.waiting.remove(&key).is_some();
        self.running.remove(&key).is_some() || waited
    }

    /// The runs that wait, as namespace and name.
    pub fn waiting(&self) -> impl Iterator<Item = (&str, &str)> {
        self.waiting.keys().map(|(namespace, name)| (namespace.as_str(), name.as_str()))
    }

    /// Whether a run is under way or has been told to begin.
    pub fn is_running(&self, namespace: &str, name: &str) -> bool {
        self.running.contains_key(&(namespace.to_owned(), name.to_owned()))
    }

    /// A run wants to begin. `under_way` are all runs that are under way by their status, as namespace and name: after
    /// a restart not all of them have been adopted yet.
    pub fn ask(&mut self, entry: Entry, under_way: &[(String, String)], policy: &Policy) -> Turn {
        let key = entry.key();
        if self.running.contains_key(&key) {
            return Turn::Begin;
        }
        self.waiting.insert(key.clone(), entry);
        let unknown: Vec<&Key> = under_way.iter().filter(|key| !self.running.contains_key(*key)).collect();
        let (next, obstacles) = self.next(&unknown, policy);
        if next.contains(&key)
            && let Some(entry) = self.waiting.remove(&key)
        {
            self.turns += 1;
            self.note_served(&key.0);
            self.running.insert(key, entry);
            return Turn::Begin;
        }
        let obstacle = obstacles.get(&key.0).cloned().unwrap_or_else(|| "other namespaces are first".into());
        Turn::Wait(format!("waiting for its turn: {obstacle}{}", self.before(&key)))
    }

    fn note_served(&mut self, namespace: &str) {
        self.served.insert(namespace.to_owned(), self.turns);
        // Those who were served longest ago are as good as never served: they come first.
        while self.served.len() > MOST_SERVED {
            let oldest = self.served.iter().min_by_key(|(_, turn)| **turn).map(|(name, _)| name.clone());
            oldest.map(|name| self.served.remove(&name));
        }
    }

    /// The runs that may begin now, in turn, and why a namespace's others may not.
    fn next(&self, unknown: &[&Key], policy: &Policy) -> (BTreeSet<Key>, BTreeMap<String, String>) {
        let mut lines: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        for entry in self.waiting.values() {
            lines.entry(&entry.namespace).or_default().push(entry);
        }
        for line in lines.values_mut() {
            // The last one is first.
            line.sort_by(|one, other| (&other.created, &other.name).cmp(&(&one.created, &one.name)));
        }
        let mut used: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
        for entry in self.running.values() {
            let (runs, runners) = used.entry(&entry.namespace).or_default();
            (*runs, *runners) = (*runs + 1, runners.saturating_add(entry.runners));
        }
        for (namespace, _) in unknown {
            used.entry(namespace).or_default().0 += 1;
        }
        let mut all: u32 = used.values().map(|(runs, _)| runs).sum();
        let mut served: BTreeMap<&str, u64> =
            self.served.iter().map(|(namespace, turn)| (namespace.as_str(), *turn)).collect();
        let (mut turn, mut begin, mut obstacles) = (self.turns, BTreeSet::new(), BTreeMap::new());
        loop {
            let first =
                lines.iter().filter_map(|(namespace, line)| Some((*namespace, *line.last()?))).min_by_key(
                    |(namespace, entry)| (served.get(namespace).copied().unwrap_or(0), entry.created),
                );
            let Some((namespace, entry)) = first else { break };
            let own = used.get(namespace).copied().unwrap_or_default();
            let has_unknown = unknown.iter().any(|(other, _)| other == namespace);
            if let Some(obstacle) = obstacle(entry, own, all, has_unknown, policy) {
                obstacles.insert(namespace.to_owned(), obstacle);
                lines.remove(namespace);
                continue;
            }
            turn += 1;
            all += 1;
            served.insert(namespace, turn);
            used.insert(namespace, (own.0 + 1, own.1.saturating_add(entry.runners)));
            begin.insert(entry.key());
            if let Some(line) = lines.get_mut(namespace) {
                line.pop();
            }
        }
        (begin, obstacles)
    }

    /// Who of the same namespace is before a run. Of others nobody is told more than how many there are.
    fn before(&self, key: &Key) -> String {
        let Some(entry) = self.waiting.get(key) else { return String::new() };
        let own = self.waiting.values().filter(|other| {
            other.namespace == entry.namespace
                && (&other.created, &other.name) < (&entry.created, &entry.name)
        });
        let mut own: Vec<&Entry> = own.collect();
        own.sort_by_key(|other| (other.created, other.name.clone()));
        match own.as_slice() {
            [] => String::new(),
            [one] => format!("; behind run {}", one.name),
            [.., last] => format!("; behind run {} and {} others", last.name, own.len() - 1),
        }
    }
}

/// Why a run may not begin beside those that are under way.
fn obstacle(
    entry: &Entry,
    (runs, runners): (u32, u32),
    all: u32,
    has_unknown: bool,
    policy: &Policy,
) -> Option<String> {
    let rules = policy.rules(&entry.namespace);
    let reached = |rule: Option<&Rule<u32>>, now: u32| rule.filter(|rule| now >= rule.value).cloned();
    if let Some(rule) = reached(rules.max_runs.as_ref(), runs) {
        return Some(format!(
            "{} under way in this namespace, at most {} may be ({})",
            counted(runs, "run"),
            rule.value,
            rule.path
        ));
    }
    if let Some(rule) = &rules.max_runners {
        if has_unknown {
            return Some("the operator has just started and counts the runners".into());
        }
        if runners.saturating_add(entry.runners) > rule.value && runners > 0 {
            return Some(format!(
                "{} at work in this namespace and {} more wanted, at most {} may be ({})",
                counted(runners, "runner"),
                entry.runners,
                rule.value,
                rule.path
            ));
        }
    }
    let rule = reached(policy.max_runs(), all)?;
    let all = counted(all, "run");
    Some(format!("{all} under way in all namespaces, at most {} may be ({})", rule.value, rule.path))
}

fn counted(number: u32, what: &str) -> String {
    if number == 1 { format!("1 {what} is") } else { format!("{number} {what}s are") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(document: serde_json::Value) -> Policy {
        Policy::compile(&serde_json::from_value(document).unwrap()).unwrap()
    }

    fn entry(name: &str, created: i64, runners: u32) -> Entry {
        let (namespace, name) = name.split_once('/').unwrap();
        let created = Timestamp::from_second(created).unwrap();
        Entry { namespace: namespace.into(), name: name.into(), created, runners }
    }

    fn waits(turn: &Turn, words: &str) {
        assert!(matches!(turn, Turn::Wait(message) if message.contains(words)), "{turn:?} without {words:?}");
    }

    #[test]
    fn without_limits_everybody_begins_at_once() {
        let mut queue = Queue::default();
        for number in 0..50 {
            assert_eq!(
                queue.ask(entry(&format!("a/{number}"), number, 9), &[], &Policy::default()),
                Turn::Begin
            );
        }
    }

    #[test]
    fn namespaces_take_turns_and_the_oldest_of_each_is_first() {
        let policy = policy(json!({"maxRuns": 1}));
        let mut queue = Queue::default();
        assert_eq!(queue.ask(entry("a/0", 0, 1), &[], &policy), Turn::Begin);
        assert_eq!(queue.ask(entry("a/0", 0, 1), &[], &policy), Turn::Begin, "asked again");
        // One namespace asks for much, another one for little and later.
        let wanted = ["a/1", "a/2", "a/3", "a/4", "b/1", "b/2"];
        let entries: Vec<Entry> = (1..).zip(wanted).map(|(at, name)| entry(name, at, 1)).collect();
        let mut order = Vec::new();
        let mut under_way = ("a".to_owned(), "0".to_owned());
        for asked in &entries {
            waits(&queue.ask(asked.clone(), &[], &policy), "in all namespaces");
        }
        while order.len() < entries.len() {
            assert!(queue.leave(&under_way.0, &under_way.1));
            // Asked in any order, the same one begins.
            let begun: Vec<&Entry> = entries
                .iter()
                .rev()
                .filter(|entry| !order.contains(&format!("{}/{}", entry.namespace, entry.name)))
                .filter(|entry| queue.ask((*entry).clone(), &[], &policy) == Turn::Begin)
                .collect();
            assert_eq!(begun.len(), 1);
            under_way = begun[0].key();
            order.push(format!("{}/{}", under_way.0, under_way.1));
        }
        assert_eq!(order, ["b/1", "a/1", "b/2", "a/2", "a/3", "a/4"]);
    }

    #[test]
    fn a_namespace_at_its_limit_holds_up_nobody_else() {
        let policy = policy(json!({
            "rules": {"maxRuns": 1},
            "namespaces": [{"names": ["big-*"], "rules": {"maxRuns": 2}}],
        }));
        let mut queue = Queue::default();
        assert_eq!(queue.ask(entry("a/1", 1, 1), &[], &policy), Turn::Begin);
        let second = queue.ask(entry("a/2", 2, 1), &[], &policy);
        waits(&second, "at most 1 may be (policy.rules.maxRuns)");
        waits(&queue.ask(entry("a/3", 3, 1), &[], &policy), "; behind run 2");
        assert_eq!(queue.ask(entry("b/1", 4, 1), &[], &policy), Turn::Begin);
        assert_eq!(queue.ask(entry("big-1/1", 5, 1), &[], &policy), Turn::Begin);
        assert_eq!(queue.ask(entry("big-1/2", 6, 1), &[], &policy), Turn::Begin);
        waits(&queue.ask(entry("big-1/3", 7, 1), &[], &policy), "policy.namespaces[0].rules.maxRuns");
        assert!(queue.leave("a", "2"), "one that waits may leave");
        assert!(queue.leave("a", "1") && !queue.leave("a", "1"));
        assert_eq!(queue.ask(entry("a/3", 3, 1), &[], &policy), Turn::Begin);
    }

    #[test]
    fn runners_are_counted_over_the_runs_of_a_namespace_and_a_large_run_is_not_overtaken() {
        let policy = policy(json!({"rules": {"maxRunners": 10}}));
        let mut queue = Queue::default();
        assert_eq!(queue.ask(entry("a/1", 1, 6), &[], &policy), Turn::Begin);
        waits(&queue.ask(entry("a/2", 2, 5), &[], &policy), "6 runners are at work");
        waits(&queue.ask(entry("a/3", 3, 1), &[], &policy), "behind run 2");
        assert_eq!(queue.ask(entry("b/1", 4, 10), &[], &policy), Turn::Begin);
        queue.leave("a", "1");
        assert_eq!(queue.ask(entry("a/3", 3, 1), &[], &policy), Turn::Begin, "both fit now");
        assert_eq!(queue.ask(entry("a/2", 2, 5), &[], &policy), Turn::Begin);
    }

    #[test]
    fn of_namespaces_that_come_and_go_the_last_ones_are_remembered() {
        let (mut queue, policy) = (Queue::default(), policy(json!({"rules": {"maxRuns": 1}})));
        for number in 0..2 * MOST_SERVED {
            let namespace = format!("n{number}");
            assert_eq!(queue.ask(entry(&format!("{namespace}/1"), 1, 1), &[], &policy), Turn::Begin);
            queue.leave(&namespace, "1");
        }
        assert_eq!(queue.served.len(), MOST_SERVED);
        assert!(queue.served.contains_key(&format!("n{}", 2 * MOST_SERVED - 1)));
    }

    #[test]
    fn after_a_restart_runs_under_way_count_before_they_are_adopted() {
        let policy = policy(json!({"rules": {"maxRuns": 1, "maxRunners": 5}}));
        let under_way = [("a".to_owned(), "0".to_owned())];
        let mut queue = Queue::default();
        waits(&queue.ask(entry("a/1", 1, 1), &under_way, &policy), "1 run is under way");
        let two = self::policy(json!({"rules": {"maxRunners": 5}}));
        waits(&queue.ask(entry("a/1", 1, 1), &under_way, &two), "just started");
        queue.adopt(entry("a/0", 0, 4));
        assert_eq!(queue.ask(entry("a/1", 1, 1), &under_way, &two), Turn::Begin);
    }
}
