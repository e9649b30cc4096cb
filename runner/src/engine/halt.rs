//! The end of a whole run at the wish of one of its users.

use tokio::sync::watch;

/// Says to all cores that the run is to end, and why. The first reason counts.
#[derive(Debug)]
pub(crate) struct Halt(watch::Sender<Option<String>>);

impl Default for Halt {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Halt {
    /// Asks for the end.
    pub(crate) fn ask(&self, reason: &str) {
        self.0.send_if_modified(|known| {
            let first = known.is_none();
            if first {
                *known = Some(reason.to_owned());
            }
            first
        });
    }

    /// Why the run is to end, if it is.
    pub(crate) fn reason(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// Waits until somebody asks for the end.
    pub(crate) async fn wait(&self) {
        // An error would mean that the sender is gone; it is borrowed here.
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
    }
}
