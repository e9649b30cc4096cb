// SPDX-License-Identifier: Apache-2.0
//! Whatever happens, and whoever looks away meanwhile: what is told to be known is so.

use proptest::prelude::*;

use super::*;

const NAMES: [&str; 3] = ["a", "b", "c"];

/// Something that happens to the cluster, or to whoever observes it.
#[derive(Clone, Debug)]
enum Step {
    Asks(u32),
    /// A pod is created anew; one of its name goes before.
    Creates(usize),
    Readies(usize),
    Fails(usize),
    Deletes(usize),
    Routes(usize, bool),
    /// A watch breaks, and what happens is not brought.
    Breaks(Watched),
    /// It lists again.
    Lists(Watched),
    /// The observer is another one now, which has the log up to here.
    Restarts,
}

fn step() -> impl Strategy<Value = Step> {
    let pod = 0..NAMES.len();
    let watched = prop::sample::select(vec![Watched::Workload, Watched::Pods, Watched::Slices]);
    prop_oneof![
        2 => (0..4_u32).prop_map(Step::Asks),
        3 => pod.clone().prop_map(Step::Creates),
        3 => pod.clone().prop_map(Step::Readies),
        1 => pod.clone().prop_map(Step::Fails),
        2 => pod.clone().prop_map(Step::Deletes),
        3 => (pod, any::<bool>()).prop_map(|(pod, ready)| Step::Routes(pod, ready)),
        1 => watched.clone().prop_map(Step::Breaks),
        2 => watched.prop_map(Step::Lists),
        1 => Just(Step::Restarts),
    ]
}

/// A pod as it is.
#[derive(Clone, Copy, Debug)]
struct Truth {
    created: i64,
    ready: Option<i64>,
    routed: Option<bool>,
}

#[derive(Default)]
struct World {
    now: i64,
    asked: u32,
    pods: BTreeMap<&'static str, Truth>,
    /// What can be seen.
    seen: BTreeSet<Watched>,
}

impl World {
    fn workload(&self) -> serde_json::Value {
        deployment(self.asked, self.pods.len() as u32, "1")
    }

    fn pod(name: &str, truth: Truth) -> serde_json::Value {
        let made = pod(name, truth.created);
        truth.ready.map_or(made.json.clone(), |since| made.ready(since).json)
    }

    fn slice(&self) -> serde_json::Value {
        let routed: Vec<_> = self.pods.iter().filter(|(_, truth)| truth.routed.is_some()).collect();
        let named: Vec<_> = routed.iter().map(|(name, truth)| (**name, truth.routed == Some(true))).collect();
        let mut slice = slice(&named);
        for (endpoint, (name, truth)) in slice["endpoints"].as_array_mut().unwrap().iter_mut().zip(routed) {
            endpoint["targetRef"]["uid"] = json!(format!("{name}-{}", truth.created));
        }
        slice
    }

    fn listing(&self, watched: Watched) -> Seen {
        match watched {
            Watched::Workload => Seen::Workload(listed(&[self.workload()])),
            Watched::Pods => {
                let all: Vec<_> = self.pods.iter().map(|(name, truth)| Self::pod(name, *truth)).collect();
                Seen::Pods(listed(&all))
            }
            _ => Seen::Slices(listed(&[self.slice()])),
        }
    }

    /// What a step brings by those watches that are not broken.
    fn take(&mut self, step: &Step) -> Vec<Seen> {
        let now = self.now;
        let mut brought = Vec::new();
        match step {
            Step::Asks(replicas) => self.asked = *replicas,
            Step::Creates(index) => {
                let name = NAMES[*index];
                brought.extend(self.delete(name));
                let truth = Truth { created: now, ready: None, routed: None };
                self.pods.insert(name, truth);
                brought.push(Seen::Pods(applied(&Self::pod(name, truth))));
            }
            Step::Readies(index) | Step::Fails(index) => {
                if let Some(truth) = self.pods.get_mut(NAMES[*index]) {
                    let is_ready = matches!(step, Step::Readies(_));
                    truth.ready = is_ready.then(|| truth.ready.unwrap_or(now));
                    brought.push(Seen::Pods(applied(&Self::pod(NAMES[*index], *truth))));
                }
            }
            Step::Deletes(index) => brought.extend(self.delete(NAMES[*index])),
            Step::Routes(index, ready) => {
                if let Some(truth) = self.pods.get_mut(NAMES[*index]) {
                    truth.routed = Some(*ready);
                }
            }
            Step::Breaks(_) | Step::Lists(_) | Step::Restarts => return Vec::new(),
        }
        brought.push(Seen::Workload(applied(&self.workload())));
        brought.push(Seen::Slices(applied(&self.slice())));
        brought.retain(|shown| self.seen.contains(&shown.watched()));
        brought
    }

    fn delete(&mut self, name: &'static str) -> Option<Seen> {
        let truth = self.pods.remove(name)?;
        Some(Seen::Pods(deleted(&Self::pod(name, truth))))
    }

    /// What is to be known; of what can't be seen, nothing.
    fn levels(&self) -> Levels {
        let sees = |watched| self.seen.contains(&watched);
        let ready = self.pods.values().filter(|pod| pod.ready.is_some());
        let named = self.pods.values().any(|pod| pod.routed.is_some());
        let serving = ready.clone().filter(|pod| !named || pod.routed == Some(true)).count() as u32;
        Levels {
            asked: sees(Watched::Workload).then_some(self.asked),
            existing: sees(Watched::Workload).then_some(self.pods.len() as u32),
            ready: sees(Watched::Pods).then_some(ready.count() as u32),
            serving: (sees(Watched::Pods) && sees(Watched::Slices)).then_some(serving),
            ..Levels::default()
        }
    }
}

proptest! {
    #[test]
    fn what_is_told_to_be_known_is_so(steps in prop::collection::vec(step(), 1..60)) {
        let (mut world, mut cluster) = (World::default(), Cluster::new());
        for step in steps {
            world.now += 2;
            for shown in world.take(&step) {
                cluster.live(world.now, shown);
            }
            match &step {
                Step::Breaks(watched) if world.seen.remove(watched) => {
                    let why = || "reset".to_owned();
                    cluster.live(world.now, match watched {
                        Watched::Workload => Seen::Workload(Change::Lost(why())),
                        Watched::Pods => Seen::Pods(Change::Lost(why())),
                        _ => Seen::Slices(Change::Lost(why())),
                    });
                }
                Step::Lists(watched) => {
                    world.seen.insert(*watched);
                    cluster.live(world.now, world.listing(*watched));
                }
                Step::Restarts => {
                    world.seen.clear();
                    cluster = restarts::after(cluster, world.now);
                }
                _ => {}
            }
            prop_assert_eq!(cluster.levels(), world.levels(), "after {:?}", step);
        }
    }
}
