//! The longest time that something may take, without a new timer each time.
//!
//! Putting a timer into the runtime's wheel and taking it out again costs more than parsing a response, and even moving
//! it forward costs as much as looking at the clock twice. Requests follow each other, each with a later deadline than the one
//! before: the timer stays where it is, rings early, and is only then moved to the deadline of the time.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::time::Sleep;

/// A timer that is used again and again; made when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct Deadline {
    timer: Option<Pin<Box<Sleep>>>,
    /// Whom the timer wakes. It holds on to that task until it has rung: no other one can have its address.
    wakes: usize,
}

impl Deadline {
    /// Waits for a future, which stands where the caller has it, until `limit` has passed since `from`; `None` when it
    /// was not ready by then.
    pub(crate) async fn limit<F: Future>(
        &mut self,
        from: Instant,
        limit: Duration,
        mut future: Pin<&mut F>,
    ) -> Option<F::Output> {
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            match from.checked_add(limit) {
                Some(until) => self.poll_until(until, context).map(|()| None),
                // A limit beyond what a clock can tell is none.
                None => Poll::Pending,
            }
        })
        .await
    }

    fn poll_until(&mut self, until: Instant, context: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until.into())));
        let wakes = context.waker().data().addr();
        let rings_in_time = !timer.is_elapsed() && timer.deadline() <= until.into();
        if rings_in_time && self.wakes == wakes {
            return Poll::Pending;
        }
        self.wakes = wakes;
        timer.as_mut().reset(until.into());
        timer.as_mut().poll(context)
    }
}
