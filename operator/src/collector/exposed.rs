// SPDX-License-Identifier: Apache-2.0
//! Runners that speak where everybody in between can read, although their Job tells them how to check the collector: an
//! image of a release that knew no TLS. Their run ends, and says so.

use super::{admission::Admitted, line::Transport};

/// What to say to somebody who speaks in that way. Runners of a Job that was made before there was TLS may.
pub fn objection(admitted: &Admitted, transport: Transport) -> Option<String> {
    if transport == Transport::Tls || !admitted.is_told_authorities {
        return None;
    }
    let image = admitted.cell.config.plan.test.runner.image.as_deref();
    let runner = image.map_or_else(|| "the runner image".to_owned(), |image| format!("runner image {image}"));
    Some(format!(
        "{runner} speaks to the operator without TLS, as those of earlier releases do: leave spec.runner.image out, or \
         use the image of the operator's release"
    ))
}
