// SPDX-License-Identifier: Apache-2.0
//! Asks a Prometheus server for the values of checks, over a stage or the whole load, and for the course of series.
//!
//! The server may be anybody's: an answer has a limit on its size, all questions together one on their time, redirects
//! are not followed, no proxy is used, and nothing of an answer that is not Prometheus' own is told on. Used by the
//! operator for the servers of the platform, and by runner 0 for the one that a test names. What the values mean is
//! judged by [`upsurge_core::checks`], and what series tell is in [`upsurge_core::series`].
//!
//! What the target exposed in the last moments is there only after the server's next scrape, so stages much shorter
//! than the scrape interval can't be judged well.

mod answer;
mod client;
mod error;
pub mod guard;
mod resolver;
mod window;

use std::time::Duration;

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout_at};
use upsurge_core::{plan::Timeline, series::Course};
use upsurge_crds::v1alpha1::{PrometheusCheck, PrometheusSeries};

use self::{answer::Point, window::Window};

pub use self::{
    client::{Client, Server, headers},
    error::{AskError, SetupError},
};

/// Time that all checks together may take, and at the same time all series.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// Waits before a query is tried again.
const RETRIES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];
/// Queries that are under way at the same time.
const AT_ONCE: usize = 4;

/// Asks for the values of each check, over its stage or the whole load, which lasted from `start` to `end`. There is
/// one answer for each check, in their order, after [`DEADLINE`] at the latest.
pub async fn ask(
    client: &Client,
    checks: &[PrometheusCheck],
    timeline: &Timeline,
    start: Timestamp,
    end: Timestamp,
) -> Vec<Result<Vec<f64>, AskError>> {
    let questions =
        checks.iter().map(|check| (check.query.as_str(), window::of(check, timeline, start, end)));
    let answers = all(client, questions.collect()).await;
    let values = |points: Vec<Point>| -> Vec<f64> { points.into_iter().map(|(_, value)| value).collect() };
    answers.into_iter().map(|answer| answer.map(values)).collect()
}

/// Asks for the course of each series over the whole load, which lasted from `start` to `end`. There is one answer for each
/// series, in their order, after [`DEADLINE`] at the latest.
pub async fn ask_series(
    client: &Client,
    list: &[PrometheusSeries],
    start: Timestamp,
    end: Timestamp,
) -> Vec<Result<Course, AskError>> {
    let window = window::whole(start, end);
    let questions = list.iter().map(|series| (series.query.as_str(), Ok(window)));
    let answers = all(client, questions.collect()).await;
    let course = |points: Vec<Point>| Course::of([window.start, window.end], window.step, points);
    answers.into_iter().map(|answer| answer.map(course)).collect()
}

/// Asks all questions, a few at the same time.
async fn all(client: &Client, questions: Vec<Question<'_>>) -> Vec<Result<Vec<Point>, AskError>> {
    let deadline = Instant::now() + DEADLINE;
    let answers = questions.into_iter().map(|(query, window)| async move {
        let window = window?;
        if Instant::now() >= deadline {
            return Err(AskError::Deadline(DEADLINE));
        }
        let answer = timeout_at(deadline, retry(client, query, window)).await;
        answer.unwrap_or(Err(AskError::Deadline(DEADLINE)))
    });
    // Collected first: a stream over borrowed iterators can't be sent between threads.
    stream::iter(answers.collect::<Vec<_>>()).buffered(AT_ONCE).collect().await
}

/// A query, and the time that it is about, if there is one.
type Question<'a> = (&'a str, Result<Window, AskError>);

async fn retry(client: &Client, query: &str, window: Window) -> Result<Vec<Point>, AskError> {
    let mut retries = RETRIES.into_iter();
    loop {
        let error = match client.query_range(query, window).await {
            Ok(points) => return Ok(points),
            Err(error) => error,
        };
        tracing::debug!(query, %error, "Prometheus gave no answer");
        match retries.next().filter(|_| error.may_pass()) {
            Some(wait) => sleep(wait).await,
            None => return Err(error),
        }
    }
}
