// SPDX-License-Identifier: Apache-2.0
//! What a client of Kubernetes has to say of an error, in words that people can read: of what the API server said, its message.
//! The client's own words repeat it with all of the answer, as a programmer would print it.

use kube::{core::Status, runtime::watcher};

/// What went wrong with a request.
pub fn plain(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => of_status(status),
        error => error.to_string(),
    }
}

/// What went wrong with a watch.
pub(crate) fn of_watch(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error) => format!("the list can't be read: {}", plain(error)),
        watcher::Error::WatchStartFailed(error) => format!("the watch can't begin: {}", plain(error)),
        watcher::Error::WatchFailed(error) => format!("the watch has failed: {}", plain(error)),
        watcher::Error::WatchError(status) => format!("the watch has ended: {}", of_status(status)),
        watcher::Error::NoResourceVersion => error.to_string(),
    }
}

fn of_status(status: &Status) -> String {
    match (status.message.is_empty(), status.reason.is_empty()) {
        (false, _) => status.message.clone(),
        (true, false) => format!("the API server answered {} ({})", status.reason, status.code),
        (true, true) => format!("the API server answered with code {}", status.code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(message: &str, reason: &str) -> Box<Status> {
        Status { code: 500, message: message.into(), reason: reason.into(), ..Status::default() }.boxed()
    }

    #[test]
    fn an_answer_of_the_api_server_is_told_by_its_message_alone() {
        let told = |message, reason| plain(&kube::Error::Api(status(message, reason)));
        assert_eq!(told("quantities must match", "InternalError"), "quantities must match");
        assert_eq!(told("", "InternalError"), "the API server answered InternalError (500)");
        assert_eq!(told("", ""), "the API server answered with code 500");
        let watch = watcher::Error::WatchFailed(kube::Error::Api(status("no", "x")));
        assert_eq!(of_watch(&watch), "the watch has failed: no");
    }
}
