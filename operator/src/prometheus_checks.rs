//! Prometheus checks: range queries over the load, judged by `upsurge_core::checks`.
//!
//! The server is asked when the load has ended. What the target exposed in the last moments is there only after
//! the server's next scrape, so stages much shorter than the scrape interval can't be judged well.

use std::{error::Error as _, time::Duration};

use futures::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use prometheus_http_query::{
    Client, Error,
    response::{Data, PromqlResult},
};
use tokio::time::sleep;
use tracing::debug;
use upsurge_core::{checks, plan::Timeline};
use upsurge_crds::v1alpha1::{PrometheusCheck, PrometheusCheckResult, PrometheusSpec};

/// Time that one answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Waits before the query is tried again.
const RETRIES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];
/// Queries that are under way at the same time.
const AT_ONCE: usize = 4;
/// Most values that are asked of one query.
const MOST_VALUES: i64 = 500;

/// Seconds since the Unix epoch, both included, and the step between values.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Window {
    start: i64,
    end: i64,
    step: f64,
}

/// Asks the server for each check, over its stage or the whole load, which lasted from `start` to `end`.
/// What can't be answered has a message that says why; that takes half a minute at most.
pub async fn run_checks(
    spec: &PrometheusSpec,
    timeline: &Timeline,
    start: Timestamp,
    end: Timestamp,
) -> Vec<PrometheusCheckResult> {
    let client = client(&spec.url);
    let answers = spec.checks.iter().map(|check| {
        let client = client.clone();
        async move {
            let answer = match (client, window(check, timeline, start, end)) {
                (Ok(client), Ok(window)) => ask(&client, &spec.url, check, window).await,
                (Err(message), _) | (_, Err(message)) => Err(message),
            };
            checks::judge(check, answer)
        }
    });
    stream::iter(answers.collect::<Vec<_>>()).buffered(AT_ONCE).collect().await
}

fn client(url: &str) -> Result<Client, String> {
    // An error means that the process has a provider already, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let wrong = |error: String| format!("spec.prometheus.url {url} can't be used: {error}");
    let http = reqwest::Client::builder().timeout(TIMEOUT).connect_timeout(TIMEOUT / 2);
    let http = http.build().map_err(|error| wrong(error.to_string()))?;
    Client::from(http, url).map_err(|error| wrong(error.to_string()))
}

/// The time that a check is about.
fn window(
    check: &PrometheusCheck,
    timeline: &Timeline,
    start: Timestamp,
    end: Timestamp,
) -> Result<Window, String> {
    let (from, to) = match &check.stage {
        None => (start, end),
        Some(name) => {
            let stage = timeline.stage(name).ok_or_else(|| format!("the load has no stage {name:?}"))?;
            let after =
                |time: Duration| start + SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
            (after(stage.start), after(stage.end()).min(end))
        }
    };
    // Prometheus counts in whole seconds here: stay within the time.
    let first = from.as_second() + i64::from(from.subsec_nanosecond() > 0);
    let last = to.as_second();
    if from > to {
        return Err(format!("the load ended before stage {:?}", check.stage.as_deref().unwrap_or_default()));
    }
    let last = last.max(first);
    let step = ((last - first) / MOST_VALUES + 1) as f64;
    Ok(Window { start: first, end: last, step })
}

async fn ask(
    client: &Client,
    url: &str,
    check: &PrometheusCheck,
    window: Window,
) -> Result<Vec<f64>, String> {
    let mut retries = RETRIES.into_iter();
    loop {
        let query = client.query_range(&check.query, window.start, window.end, window.step);
        let error = match query.timeout(TIMEOUT.as_secs() as i64).post().await {
            Ok(answer) => {
                return values(&answer).map_err(|message| format!("{message}; query: {}", check.query));
            }
            Err(error) => error,
        };
        debug!(url, check = check.name, %error, "Prometheus gave no answer");
        match retries.next().filter(|_| may_pass(&error)) {
            Some(wait) => sleep(wait).await,
            None => return Err(explain(url, check, &error)),
        }
    }
}

/// The values of the one series of an answer.
fn values(answer: &PromqlResult) -> Result<Vec<f64>, String> {
    match answer.data() {
        Data::Matrix(series) => match series.as_slice() {
            [] => Err("the query gave no series: correct it, or see to it that the metric is scraped".into()),
            [one] => Ok(one.samples().iter().map(|sample| sample.value()).collect()),
            many => Err(format!(
                "the query gave {} series instead of one, for example {:?}: aggregate them, as in sum(…) or max(…)",
                many.len(),
                many[0].metric()
            )),
        },
        Data::Vector(_) | Data::Scalar(_) => {
            Err("the server did not answer the query with a range of values".into())
        }
    }
}

/// Whether an error may be over in a moment.
fn may_pass(error: &Error) -> bool {
    match error {
        Error::Client(_) => true,
        Error::Prometheus(error) => {
            error.is_unavailable() || error.is_timeout() || error.is_canceled() || error.is_internal()
        }
        _ => false,
    }
}

fn explain(url: &str, check: &PrometheusCheck, error: &Error) -> String {
    match error {
        Error::Prometheus(error) => {
            format!("Prometheus at {url} refused the query: {error}; query: {}", check.query)
        }
        error => {
            let mut message = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                let cause_text = cause.to_string();
                if !message.contains(&cause_text) {
                    message = format!("{message}: {cause_text}");
                }
                source = cause.source();
            }
            format!(
                "Prometheus at {url} gave no answer: {message}; check spec.prometheus.url and that the operator may reach it"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use upsurge_core::plan::Plan;
    use upsurge_crds::v1alpha1::Load;

    use super::*;

    fn timeline() -> Timeline {
        let load: Load = serde_json::from_value(json!({
            "unit": "Users",
            "spike": {"baseline": 1, "peak": 5, "warmUp": "10s", "hold": "20s", "recovery": "10s"},
        }))
        .unwrap();
        Plan::compile(&load, &[]).unwrap().timeline
    }

    fn check(stage: Option<&str>) -> PrometheusCheck {
        PrometheusCheck {
            name: "db p95".into(),
            query: "up".into(),
            stage: stage.map(Into::into),
            aggregate: "avg".into(),
            condition: "< 1".into(),
        }
    }

    fn at(seconds: f64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs_f64(seconds)
    }

    #[test]
    fn a_check_is_about_the_whole_load_or_its_stage_in_whole_seconds_within_it() {
        let window = |stage, end| window(&check(stage), &timeline(), at(1_000.5), at(end));
        assert_eq!(window(None, 1_041.2), Ok(Window { start: 1_001, end: 1_041, step: 1.0 }));
        assert_eq!(window(Some("hold"), 1_041.2), Ok(Window { start: 1_011, end: 1_030, step: 1.0 }));
        assert_eq!(window(Some("hold"), 1_015.9), Ok(Window { start: 1_011, end: 1_015, step: 1.0 }));
        assert!(window(Some("recovery"), 1_015.9).unwrap_err().contains("ended before stage"));
        assert!(window(Some("no such"), 1_041.2).is_err());
    }

    #[test]
    fn long_loads_are_asked_for_in_wider_steps() {
        let window = window(&check(None), &timeline(), at(0.0), at(86_400.0)).unwrap();
        assert!((window.end - window.start) as f64 / window.step <= MOST_VALUES as f64);
    }
}
