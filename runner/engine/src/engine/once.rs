// SPDX-License-Identifier: Apache-2.0
//! Steps that a user does once: before its first iteration of a scenario, and when it ends.
//!
//! They are carried out as those of an iteration are, but strictly: the first thing that goes wrong ends them.
//! What the first ones captured, and the cookies they got, are there again at the begin of each iteration.

use std::{rc::Rc, time::Instant};

use serde_json::Value;
use upsurge_core::template::Scope as _;

use super::{
    context::Context,
    cookies::Cookies,
    iteration::Iteration,
    user::{User, Variables},
    work::{Present, RestOfTraffic, StageOf},
};
use crate::program::{Once, Phase};

/// What stays with a user of the steps that it did once, by scenario. Without any, a pointer that is null.
#[derive(Debug, Default)]
#[allow(clippy::box_collection, reason = "most users have none, and each byte counts")]
pub(crate) struct Stays(Option<Box<Vec<Option<Stay>>>>);

/// What stays with a user of the start of a scenario.
#[derive(Debug)]
struct Stay {
    values: Vec<(usize, Option<Value>)>,
    cookies: Cookies,
}

impl Stays {
    /// Whether no scenario has begun.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Forgets everything: who comes again begins anew.
    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    fn get(&self, scenario: usize) -> Option<&Stay> {
        self.0.as_ref()?.get(scenario)?.as_ref()
    }

    fn keep(&mut self, scenario: usize, stay: Stay) {
        let stays = self.0.get_or_insert_default();
        if stays.len() <= scenario {
            stays.resize_with(scenario + 1, || None);
        }
        if let Some(place) = stays.get_mut(scenario) {
            *place = Some(stay);
        }
    }

    /// Gives variables, and cookies if they are wanted, what they had after the start of a scenario.
    pub(super) fn restore(&self, scenario: usize, variables: &mut Variables, cookies: Option<&mut Cookies>) {
        let Some(stay) = self.get(scenario) else { return };
        for (slot, value) in &stay.values {
            variables.restore(*slot, value.clone());
        }
        if let Some(cookies) = cookies {
            *cookies = stay.cookies.copied();
        }
    }
}

/// What a user has still to do before its first iteration of a scenario.
pub(super) fn due<'a>(context: &'a Context, user: &User, scenario: usize) -> Option<&'a Once> {
    let once = context.program.scenarios.get(scenario)?.once.as_deref()?;
    user.stays.get(scenario).is_none().then_some(once)
}

/// Begins a scenario for good; tells whether that went well.
pub(super) async fn start(
    context: &Context,
    user: &mut User,
    once: &Once,
    scenario: usize,
    stage: StageOf,
) -> bool {
    if !carry_out(context, user, &once.start, scenario, stage).await {
        return false;
    }
    let values = once.kept.iter().map(|slot| (*slot, user.variables.variable(*slot).cloned()));
    let stay = Stay { values: values.collect(), cookies: user.cookies.copied() };
    user.stays.keep(scenario, stay);
    true
}

/// Ends all scenarios that a user began.
pub(super) async fn stop(context: &Rc<Context>, user: &mut User, stage: StageOf) {
    if user.stays.is_empty() {
        return;
    }
    // On the heap: few tests have such steps, and each user would keep the place.
    Box::pin(async {
        let _present = Present::new(context);
        for (scenario, journey) in context.program.scenarios.iter().enumerate() {
            if let Some(once) = journey.once.as_deref()
                && user.stays.get(scenario).is_some()
            {
                let now = stage.at(context, Instant::now());
                let _rest = RestOfTraffic::new(context, user, now, scenario);
                user.restore(&context.program, scenario);
                carry_out(context, user, &once.stop, scenario, stage).await;
            }
        }
        user.stays.clear();
    })
    .await;
}

async fn carry_out(
    context: &Context,
    user: &mut User,
    phase: &Phase,
    scenario: usize,
    stage: StageOf,
) -> bool {
    let begun = Instant::now();
    let mut iteration = Iteration::new(context, user, scenario, stage, begun).strictly();
    let Err(ended) = iteration.go(phase.range.clone()).await else { return true };
    context.recorder.borrow_mut().condition_failed(stage.at(context, Instant::now()), phase.check);
    if let Some(trace) = &context.trace {
        trace.iteration(&context.program, scenario, Some(&ended.message), begun.elapsed());
    }
    if context.may_log_line() {
        let check = context.program.conditions.get(phase.check).map_or("", |check| check.check.as_str());
        tracing::warn!(steps = check, "a user failed: {}", ended.message);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_without_such_steps_keeps_the_place_of_a_pointer() {
        assert_eq!(size_of::<Stays>(), size_of::<usize>());
        assert!(Stays::default().is_empty());
    }
}
