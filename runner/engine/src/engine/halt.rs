// SPDX-License-Identifier: Apache-2.0
//! The end of a whole run at the wish of one of its users.

use tokio::sync::watch;

/// Says to all cores that the run is to end, and how. The first reason counts.
#[derive(Debug)]
pub(crate) struct Halt {
    /// Why all is to be cut off.
    reason: watch::Sender<Option<String>>,
    /// No iteration is to start any more.
    enough: watch::Sender<bool>,
}

impl Default for Halt {
    fn default() -> Self {
        Self { reason: watch::Sender::new(None), enough: watch::Sender::new(false) }
    }
}

impl Halt {
    /// Asks for the end of all that is under way.
    pub(crate) fn ask(&self, reason: &str) {
        self.reason.send_if_modified(|known| {
            let first = known.is_none();
            if first {
                *known = Some(reason.to_owned());
            }
            first
        });
    }

    /// Why the run is to end, if it is.
    pub(crate) fn reason(&self) -> Option<String> {
        self.reason.borrow().clone()
    }

    /// Waits until somebody asks for the end.
    pub(crate) async fn wait(&self) {
        // An error would mean that the sender is gone; it is borrowed here.
        let _ = self.reason.subscribe().wait_for(Option::is_some).await;
    }

    /// Asks that no iteration starts any more.
    pub(crate) fn ask_to_stop(&self) {
        self.enough.send_replace(true);
    }

    /// Waits until somebody asks that no iteration starts any more.
    pub(crate) async fn wait_to_stop(&self) {
        let _ = self.enough.subscribe().wait_for(|enough| *enough).await;
    }
}
