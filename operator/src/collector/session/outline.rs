// SPDX-License-Identifier: Apache-2.0
//! What of a session is worth a look of the controllers.

use upsurge_core::protocol::Readiness;

use super::Session;

/// What of a runner a controller should look at when it changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    t0: Option<i64>,
    is_over: bool,
    readiness: Option<Readiness>,
    started: bool,
    ended: bool,
}

impl Session {
    /// What of a runner a controller should look at when it changes.
    pub fn outline(&self, runner: u32) -> Outline {
        let index = runner as usize;
        let presence = self.presence.get(index);
        let known = self.state.runners.get(index);
        Outline {
            t0: self.start.given(),
            is_over: self.is_over(),
            readiness: presence.and_then(|presence| presence.readiness.clone()),
            started: known.is_some_and(|runner| runner.started_at.is_some()),
            ended: presence.is_some_and(|presence| presence.end_durable),
        }
    }
}
