// SPDX-License-Identifier: Apache-2.0
//! What each request of a smoke test did.

use upsurge_core::{report::printable, results::milliseconds};
use upsurge_engine::{Traced, TracedRequest};

/// A line for each request, below it one for each check and capture; nothing of other tests.
pub(super) fn shown(steps: &[Traced]) -> String {
    let mut text = String::new();
    let mut scenario = None;
    for step in steps {
        let own = match step {
            Traced::Request(request) => &request.scenario,
            Traced::Iteration { scenario, .. } => scenario,
        };
        if scenario != Some(own) {
            text += &format!("scenario {own}\n");
            scenario = Some(own);
        }
        match step {
            Traced::Request(request) => one(request, &mut text),
            Traced::Iteration { ended, duration, .. } => {
                let took = milliseconds(duration.as_secs_f64() * 1e3);
                match ended {
                    Some(why) => text += &format!("  ✗ ended before its last step, after {took}: {why}\n\n"),
                    None => text += &format!("  came to its end in {took}\n\n"),
                }
                scenario = None;
            }
        }
    }
    printable(text)
}

fn one(request: &TracedRequest, text: &mut String) {
    let TracedRequest { name, status, problem, failed, duration, checks, captures, .. } = request;
    let answer = match (status, problem) {
        (Some(status), _) => status.to_string(),
        (None, Some(problem)) => problem.clone(),
        (None, None) => "no answer".into(),
    };
    let took = milliseconds(duration.as_secs_f64() * 1e3);
    *text += &format!("  {} {name}: {answer}, {took}\n", sign(!failed));
    for (check, passed) in checks {
        *text += &format!("      {} {check}\n", sign(*passed));
    }
    for (name, value) in captures {
        let shown = value.as_deref().unwrap_or("nothing found");
        *text += &format!("      {} {name} = {shown}\n", sign(value.is_some()));
    }
}

const fn sign(good: bool) -> char {
    if good { '✓' } else { '✗' }
}
