// SPDX-License-Identifier: Apache-2.0
//! What all errors have in common: how they are told.

use std::{error::Error, time::Duration};

use upsurge_observer::plain;

/// Longest time for one reconciliation. An API server that is gone without a word leaves requests unanswered for ever; to be cut
/// off there is for a run like a killed operator.
pub const LONGEST_LOOK: Duration = Duration::from_secs(120);

/// Failures in a row after which a status says that something is being retried.
pub const TELLING_FAILURES: u32 = 3;

/// An error and its causes in one line, as people read it.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = next {
        let of_client = of_client(cause);
        let words = of_client.map_or_else(|| cause.to_string(), plain);
        // Some errors say what caused them themselves.
        if !text.ends_with(&words) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&words);
        }
        // What is below an answer of the API server is the same answer once more.
        next = cause.source().filter(|_| of_client.is_none());
    }
    text
}

/// The client's error, if that is what it is.
fn of_client<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a kube::Error> {
    let boxed = || error.downcast_ref::<Box<kube::Error>>().map(AsRef::as_ref);
    error.downcast_ref::<kube::Error>().or_else(boxed)
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("failed to apply Job base")]
    struct Outer(#[source] Box<kube::Error>);

    #[derive(Debug, thiserror::Error)]
    #[error("the checkpoint can't be read: {}", plain(.0))]
    struct Telling(#[source] kube::Error);

    #[test]
    fn what_the_api_server_said_is_told_once_and_in_words() {
        let error = || {
            let message = "quantities must match the regular expression".into();
            kube::Error::Api(Status { code: 500, message, ..Status::default() }.boxed())
        };
        let expected = "quantities must match the regular expression";
        assert_eq!(chain(&Outer(Box::new(error()))), format!("failed to apply Job base: {expected}"));
        assert_eq!(chain(&Telling(error())), format!("the checkpoint can't be read: {expected}"));
        assert_eq!(chain(&error()), expected);
    }
}
