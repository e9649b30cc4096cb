//! Keeps a status far below what the API server stores, whatever a test is made of. Pure.

use upsurge_crds::v1alpha1::{LoadTestRunStatus, RunnerResult};

/// Most entries of the lists that grow with the test.
const MOST_REQUESTS: usize = 100;
const MOST_EXPECTATIONS: usize = 100;
const MOST_RUNNERS: usize = 100;
const MOST_REPLICA_POINTS: usize = 200;
const MOST_SCALE_EVENTS: usize = 100;
const MOST_PROBLEMS: usize = 20;
/// Longest text in bytes.
const LONGEST_MESSAGE: usize = 8_192;
const LONGEST_DETAIL: usize = 500;
/// Largest status in bytes of JSON; conditions, which repeat the message, come on top.
const LARGEST: usize = 200 * 1_024;

/// The status within its bounds. What is left out is what tells least: the end of long lists, and the middle of the timeline.
pub fn bounded(mut status: LoadTestRunStatus) -> LoadTestRunStatus {
    if let Some(message) = &mut status.message {
        cut(message, LONGEST_MESSAGE);
    }
    status.requests.truncate(MOST_REQUESTS);
    status.expectations.truncate(MOST_EXPECTATIONS);
    status.runners = telling(status.runners);
    for threshold in &mut status.thresholds {
        [&mut threshold.metric, &mut threshold.observed]
            .into_iter()
            .for_each(|text| cut(text, LONGEST_DETAIL));
        threshold.detail.iter_mut().for_each(|detail| cut(detail, LONGEST_DETAIL));
    }
    for check in &mut status.checks {
        check.message.iter_mut().for_each(|message| cut(message, LONGEST_DETAIL));
    }
    problems(&mut status.warnings);
    if let Some(autoscaling) = &mut status.autoscaling {
        thin(&mut autoscaling.timeline, MOST_REPLICA_POINTS);
        thin(&mut autoscaling.scale_ups, MOST_SCALE_EVENTS);
        thin(&mut autoscaling.scale_downs, MOST_SCALE_EVENTS);
        problems(&mut autoscaling.problems);
    }
    if let Some(generator) = &mut status.generator {
        problems(&mut generator.problems);
        problems(&mut generator.warnings);
    }
    shrink(status)
}

/// Halves the lists until the whole is small enough.
fn shrink(mut status: LoadTestRunStatus) -> LoadTestRunStatus {
    for _ in 0..8 {
        if serde_json::to_string(&status).is_ok_and(|text| text.len() <= LARGEST) {
            break;
        }
        status.requests.truncate(status.requests.len() / 2);
        status.expectations.truncate(status.expectations.len() / 2);
        status.runners.truncate(status.runners.len() / 2);
        if let Some(autoscaling) = &mut status.autoscaling {
            let half = autoscaling.timeline.len() / 2;
            thin(&mut autoscaling.timeline, half);
        }
    }
    status
}

/// Those runners first that did not end well, then by index.
fn telling(mut runners: Vec<RunnerResult>) -> Vec<RunnerResult> {
    for runner in &mut runners {
        runner.message.iter_mut().for_each(|message| cut(message, LONGEST_DETAIL));
    }
    if runners.len() > MOST_RUNNERS {
        runners.sort_by_key(|runner| {
            (matches!(runner.state.as_str(), "Completed" | "Running" | "Waiting"), runner.index)
        });
        runners.truncate(MOST_RUNNERS);
        runners.sort_by_key(|runner| runner.index);
    }
    runners
}

fn problems(list: &mut Vec<String>) {
    list.truncate(MOST_PROBLEMS);
    list.iter_mut().for_each(|problem| cut(problem, LONGEST_DETAIL));
}

/// Leaves out items evenly, but never the first and the last.
fn thin<T>(list: &mut Vec<T>, most: usize) {
    let (length, most) = (list.len(), most.max(2));
    if length <= most {
        return;
    }
    let mut index = 0;
    let mut kept = 0;
    list.retain(|_| {
        // The item that the next kept one stands for.
        let keep = index == kept * (length - 1) / (most - 1);
        kept += usize::from(keep);
        index += 1;
        keep
    });
}

fn cut(text: &mut String, longest: usize) {
    if text.len() > longest {
        text.truncate(text.floor_char_boundary(longest - '…'.len_utf8()));
        text.push('…');
    }
}

#[cfg(test)]
mod tests;
