//! The longest time that something may take, without a new timer each time.
//!
//! Putting a timer into the runtime's wheel and taking it out again costs more than parsing a response.
//! Requests follow each other, each with a later deadline than the one before, and moving a timer
//! forward is nearly free: the wheel looks at it only when the old time has come.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
    time::{Duration, Instant},
};

use tokio::time::Sleep;

/// A timer that is used again and again; made when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct Deadline(Option<Pin<Box<Sleep>>>);

impl Deadline {
    /// Waits for a future, which stands where the caller has it, until `limit` has passed since `from`; `None` when it was not ready by then.
    pub(crate) async fn limit<F: Future>(
        &mut self,
        from: Instant,
        limit: Duration,
        mut future: Pin<&mut F>,
    ) -> Option<F::Output> {
        let mut armed = false;
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            // A limit beyond what a clock can tell is none.
            let Some(until) = from.checked_add(limit) else { return Poll::Pending };
            let timer = self.0.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until.into())));
            if !armed {
                armed = true;
                timer.as_mut().reset(until.into());
            }
            timer.as_mut().poll(context).map(|()| None)
        })
        .await
    }
}
