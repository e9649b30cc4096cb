// SPDX-License-Identifier: Apache-2.0
//! Two operators at once, of which one may have lost its lease and not know it, an API server with optimistic locks, and
//! runs that begin, end and are deleted at any time.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::*;
use super::at;

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Waiting,
    AtWork,
    Over,
}

/// What an operator has read and decided to write, and has not written yet.
#[derive(Clone, Debug)]
struct Write {
    target: String,
    read: Option<u64>,
    next: Option<TargetLeaseSpec>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// An operator looks at a run and decides.
    Look { operator: usize, run: usize },
    /// It writes what it decided.
    Commit { operator: usize },
    /// It dies before that.
    Crash { operator: usize },
    /// A run ends, or is deleted.
    End { run: usize },
    /// An operator clears up after a run.
    Leave { operator: usize, run: usize },
}

#[derive(Clone, Debug)]
struct Run {
    user: TargetUser,
    claims: Vec<Claim>,
    state: State,
}

struct World {
    runs: Vec<Run>,
    leases: BTreeMap<String, (u64, TargetLeaseSpec)>,
    writes: [Option<Write>; 2],
    version: u64,
}

impl World {
    fn new(runs: Vec<Run>) -> Self {
        Self { runs, leases: BTreeMap::new(), writes: [None, None], version: 0 }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Look { operator, run } => self.look(operator, run % self.runs.len()),
            Step::Commit { operator } => self.commit(operator),
            Step::Crash { operator } => self.writes[operator] = None,
            Step::End { run } => {
                let run = run % self.runs.len();
                self.runs[run].state = State::Over;
            }
            Step::Leave { operator, run } => self.leave(operator, run % self.runs.len()),
        }
        self.check();
    }

    /// Those of whom it is known that they are over. Nobody who is at work is ever among them.
    fn gone(&self) -> Gone {
        let over = self.runs.iter().filter(|run| run.state == State::Over);
        over.map(|run| (run.user.uid.clone(), None)).collect()
    }

    fn look(&mut self, operator: usize, index: usize) {
        let run = self.runs[index].clone();
        if run.state != State::Waiting {
            return;
        }
        for claim in &run.claims {
            let found = self.leases.get(&claim.target);
            let read = found.map(|(version, _)| *version);
            let me = TargetUser { part: claim.part, ..run.user.clone() };
            let lease = found.map(|(_, lease)| lease);
            let next = match standing(&claim.target, lease, &me, &self.gone()) {
                Standing::Held => continue,
                Standing::Free(lease) => Some(lease),
                Standing::Busy(busy) => busy.line,
            };
            if let Some(next) = next {
                self.writes[operator] = Some(Write { target: claim.target.clone(), read, next: Some(next) });
            }
            return;
        }
        self.runs[index].state = State::AtWork;
    }

    fn leave(&mut self, operator: usize, index: usize) {
        let run = &self.runs[index];
        if run.state != State::Over {
            return;
        }
        for claim in &run.claims {
            let Some((version, lease)) = self.leases.get(&claim.target) else { continue };
            let next = match left(lease, &run.user.uid, None) {
                Left::Unchanged => continue,
                Left::Lease(lease) => Some(lease),
                Left::Idle => None,
            };
            self.writes[operator] = Some(Write { target: claim.target.clone(), read: Some(*version), next });
            return;
        }
    }

    /// The API server takes only what rests on the present version.
    fn commit(&mut self, operator: usize) {
        let Some(Write { target, read, next }) = self.writes[operator].take() else { return };
        if self.leases.get(&target).map(|(version, _)| *version) != read {
            return;
        }
        self.version += 1;
        match next {
            Some(lease) => drop(self.leases.insert(target, (self.version, lease))),
            None => drop(self.leases.remove(&target)),
        }
    }

    /// No two runs are at work that must not be, and leases are within their bounds.
    fn check(&self) {
        let at_work: Vec<&Run> = self.runs.iter().filter(|run| run.state == State::AtWork).collect();
        for (number, one) in at_work.iter().enumerate() {
            for other in at_work.iter().skip(number + 1) {
                for (mine, theirs) in
                    one.claims.iter().flat_map(|mine| other.claims.iter().map(move |theirs| (mine, theirs)))
                {
                    let of = |run: &Run, claim: &Claim| TargetUser { part: claim.part, ..run.user.clone() };
                    assert!(
                        mine.target != theirs.target || fit(&of(one, mine), &of(other, theirs)),
                        "{} and {} are both on {}: {:?}",
                        one.user.name,
                        other.user.name,
                        mine.target,
                        self.leases
                    );
                }
            }
        }
    }

    /// From here on all goes its way: each run that waits comes to work, and leaves again.
    fn finish(&mut self) {
        for _ in 0..10 * self.runs.len() {
            for run in 0..self.runs.len() {
                for _ in 0..8 {
                    self.step(Step::Look { operator: 0, run });
                    self.step(Step::Commit { operator: 0 });
                }
            }
            for run in 0..self.runs.len() {
                if self.runs[run].state == State::AtWork {
                    self.step(Step::End { run });
                }
                for _ in 0..4 {
                    self.step(Step::Leave { operator: 0, run });
                    self.step(Step::Commit { operator: 0 });
                }
            }
        }
        let waiting: Vec<&Run> = self.runs.iter().filter(|run| run.state == State::Waiting).collect();
        assert!(waiting.is_empty(), "{waiting:?} wait for ever: {:?}", self.leases);
        assert!(self.leases.is_empty(), "left behind: {:?}", self.leases);
    }
}

/// Runs that want a workload and the address before it, another workload at the same address, or the address alone.
fn run() -> impl Strategy<Value = (i64, bool, usize)> {
    (0_i64..4, any::<bool>(), 0_usize..4)
}

fn runs(drawn: Vec<(i64, bool, usize)>) -> Vec<Run> {
    let claim = |target: &str, part| Claim { target: target.into(), part };
    let made = drawn.into_iter().enumerate().map(|(number, (created, shares, wanted))| Run {
        user: TargetUser {
            namespace: format!("namespace-{}", number % 2),
            name: format!("run-{number}"),
            uid: format!("uid-{number}"),
            created: at(created),
            since: at(created),
            sharing: if shares { Sharing::Shared } else { Sharing::Exclusive },
            part: false,
        },
        claims: match wanted {
            0 => vec![claim("a workload", false), claim("http://", true)],
            1 => vec![claim("b workload", false), claim("http://", true)],
            2 => vec![claim("a workload", false), claim("b workload", false), claim("http://", true)],
            _ => vec![claim("http://", false)],
        },
        state: State::Waiting,
    });
    made.collect()
}

fn step() -> impl Strategy<Value = Step> {
    let (operator, run) = (0_usize..2, 0_usize..6);
    prop_oneof![
        6 => (operator.clone(), run.clone()).prop_map(|(operator, run)| Step::Look { operator, run }),
        6 => operator.clone().prop_map(|operator| Step::Commit { operator }),
        1 => operator.clone().prop_map(|operator| Step::Crash { operator }),
        1 => run.clone().prop_map(|run| Step::End { run }),
        2 => (operator, run).prop_map(|(operator, run)| Step::Leave { operator, run }),
    ]
}

proptest! {
    #[test]
    fn never_two_exclusive_runs_at_work_and_nobody_waits_for_ever(
        drawn in prop::collection::vec(run(), 2..6),
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut world = World::new(runs(drawn));
        for step in steps {
            world.step(step);
        }
        world.writes = [None, None];
        world.finish();
    }

    #[test]
    fn whoever_is_in_line_begins_by_age(ages in prop::collection::vec(0_i64..100, 2..8)) {
        let all = runs(ages.into_iter().map(|age| (age, false, 3)).collect());
        let mut world = World::new(all);
        let mut order: Vec<usize> = (1..world.runs.len()).collect();
        order.sort_by(|one, other| rank(&world.runs[*one].user).cmp(&rank(&world.runs[*other].user)));
        let look = |world: &mut World, run| {
            for _ in 0..3 {
                world.step(Step::Look { operator: 0, run });
                world.step(Step::Commit { operator: 0 });
            }
        };
        let mut begun = 0;
        look(&mut world, begun);
        (1..world.runs.len()).for_each(|run| look(&mut world, run));
        for next in order {
            world.step(Step::End { run: begun });
            (0..world.runs.len()).for_each(|run| look(&mut world, run));
            prop_assert_eq!(world.runs[next].state, State::AtWork);
            begun = next;
        }
    }
}
