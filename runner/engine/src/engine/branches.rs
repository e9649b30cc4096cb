// SPDX-License-Identifier: Apache-2.0
//! Steps that one user does side by side.

use std::{cell::Cell, time::Instant};

use futures::future::join_all;
use upsurge_core::template::Scope;
use upsurge_http::client::Connections;

use super::{
    iteration::{Ended, Iteration},
    user::{User, Variables},
};
use crate::program::Branches;

/// What the lanes take their branches from.
struct Next {
    branch: Cell<usize>,
    /// Where the branches' random numbers begin.
    seed: u64,
}

/// What became of a branch.
struct Outcome {
    branch: usize,
    variables: Variables,
    result: Result<(), Ended>,
    rested: bool,
}

impl Iteration<'_> {
    /// Goes through all branches, so many of them at a time as there are lanes; each lane has its own connections,
    /// which it keeps for the next iteration.
    pub(super) async fn parallel(&mut self, branches: &Branches) -> Result<(), Ended> {
        let lanes = branches.limit.min(branches.ranges.len());
        let connections = self.user.lend_connections(lanes);
        let next = Next { branch: Cell::new(0), seed: self.user.variables.random() };
        let this = &*self;
        let work = connections.into_iter().map(|connections| this.lane(branches, &next, connections));
        let mut outcomes = Vec::with_capacity(branches.ranges.len());
        let mut returned = Vec::with_capacity(lanes);
        for (connections, of_lane) in join_all(work).await {
            outcomes.extend(of_lane);
            returned.push(connections);
        }
        self.take_back(returned);
        outcomes.sort_by_key(|outcome| outcome.branch);
        let mut result = Ok(());
        for outcome in outcomes {
            self.user.variables.merge(outcome.variables);
            self.rested |= outcome.rested;
            result = result.and(outcome.result);
        }
        self.intended = Instant::now();
        result
    }

    /// Does one branch after the other, as long as there are any.
    async fn lane(
        &self,
        branches: &Branches,
        next: &Next,
        connections: Connections,
    ) -> (Connections, Vec<Outcome>) {
        let mut outcomes = Vec::new();
        let mut user = self.user.fork(connections);
        while let Some(range) = branches.ranges.get(next.branch.get()) {
            let branch = next.branch.replace(next.branch.get() + 1);
            user.variables = self.user.variables.fork(next.seed.wrapping_add(branch as u64));
            let mut iteration = self.branch(&mut user);
            // On the heap: branches may hold branches.
            let result = Box::pin(iteration.go(range.clone())).await;
            let rested = iteration.rested();
            let variables = std::mem::take(&mut user.variables);
            outcomes.push(Outcome { branch, variables, result, rested });
        }
        (user.connections, outcomes)
    }

    fn take_back(&mut self, mut lanes: Vec<Connections>) {
        // Bytes that belong to no request; those of the first lane are counted with the iteration.
        for lane in lanes.iter().skip(1) {
            let (sent, received) = lane.traffic.take();
            let stage = self.stage();
            self.context.recorder.borrow_mut().traffic(stage, self.scenario, sent, received);
        }
        if !lanes.is_empty() {
            self.user.connections = lanes.remove(0);
            self.user.keep_lanes(lanes);
        }
    }

    fn branch<'b>(&'b self, user: &'b mut User) -> Iteration<'b> {
        let mut branch = Iteration::new(self.context, user, self.scenario, self.stage, self.intended);
        (branch.strict, branch.paced) = (self.strict, self.paced);
        branch
    }
}
