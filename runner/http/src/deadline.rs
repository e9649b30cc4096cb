// SPDX-License-Identifier: Apache-2.0
//! The longest time that something may take, without a new timer each time.
//!
//! Putting a timer into the runtime's wheel and taking it out again costs more than parsing a response, and even moving
//! it forward costs as much as looking at the clock twice. Requests follow each other, each with a later deadline than the one
//! before: the timer stays where it is, rings early, and is only then moved to the deadline of the time.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::{task::unconstrained, time::Sleep};

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
        // Without the budget of the task: a timer that is not looked at for lack of it would wake nobody.
        pin!(unconstrained(timer.as_mut())).poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_without_budget_is_woken_in_time() {
        let mut deadline = Deadline::default();
        while tokio::task::coop::has_budget_remaining() {
            tokio::task::consume_budget().await;
        }
        let (from, limit) = (Instant::now(), Duration::from_millis(50));
        let never = pin!(std::future::pending::<()>());
        let limited = deadline.limit(from, limit, never);
        let ended = tokio::time::timeout(Duration::from_secs(10), limited).await;
        assert_eq!(ended, Ok(None));
        assert!(
            from.elapsed() < Duration::from_secs(5),
            "only the other timer woke it: {:?}",
            from.elapsed()
        );
    }

    #[tokio::test]
    async fn each_task_is_woken_at_its_own_limit() {
        let mut deadline = Deadline::default();
        // Later, earlier and again later than the timer stands, in one task and in others.
        for milliseconds in [40, 80, 20, 60] {
            deadline = tokio::spawn(async move {
                let (from, limit) = (Instant::now(), Duration::from_millis(milliseconds));
                let ended = deadline.limit(from, limit, pin!(std::future::pending::<()>())).await;
                assert!(ended.is_none() && from.elapsed() >= limit);
                deadline.limit(from, Duration::from_secs(60), pin!(async {})).await;
                deadline
            })
            .await
            .unwrap();
        }
    }
}
