// SPDX-License-Identifier: Apache-2.0
//! Asking the Prometheus server that the test names for its series, once the load has ended. Checks are not asked for here: they decide
//! verdicts, and from where this runs, the server need not be reached. What can't be had of a series is a warning.

use std::{env, sync::Arc};

use jiff::Timestamp;
use upsurge_core::{
    protocol::PROMETHEUS_HEADER_ENV_PREFIX,
    series::{SeriesAnswer, gap, result},
    validate::Valid,
};
use upsurge_crds::{
    LoadTestSpec,
    v1alpha1::{PrometheusSeriesResult, PrometheusSpec},
};
use upsurge_prometheus::{Client, Server, ask_series};

use super::result::Ended;

/// Values of the headers of `spec.prometheus`, as far as the environment has them: they are secret.
pub(super) fn secrets(test: &LoadTestSpec) -> Vec<String> {
    let headers = test.prometheus.iter().flat_map(|spec| 0..spec.headers.len());
    let values = headers.filter_map(|index| env::var(variable(index)).ok());
    values.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
}

/// Asks for the series, if there are some, and the load was not cut short: what each of them was.
pub(super) async fn ask(test: &LoadTestSpec, valid: &Valid, ended: &Ended) -> Vec<SeriesAnswer> {
    let Some(spec) = asked(test).filter(|_| !ended.is_cut_short()) else { return Vec::new() };
    let client = match client(spec, valid) {
        Ok(client) => client,
        Err(why) => return unanswered(test, &why),
    };
    let end = ended.started.saturating_add(ended.elapsed).unwrap_or(Timestamp::MAX);
    let answers = ask_series(&client, &spec.series, ended.started, end).await;
    let answers = answers.into_iter().map(|answer| match answer {
        Ok(course) => SeriesAnswer::Course(course),
        Err(error) => SeriesAnswer::Problem(told(&error.to_string())),
    });
    answers.collect()
}

/// That there is an answer to none of them, and why.
pub(super) fn unanswered(test: &LoadTestSpec, why: &str) -> Vec<SeriesAnswer> {
    let series = asked(test).into_iter().flat_map(|spec| &spec.series);
    series.map(|_| SeriesAnswer::Problem(told(why))).collect()
}

/// The figures of each, in the order of the test.
pub(super) fn figures(test: &LoadTestSpec, answers: &[SeriesAnswer]) -> Vec<PrometheusSeriesResult> {
    let series = asked(test).into_iter().flat_map(|spec| &spec.series);
    series.zip(answers).map(|(series, answer)| result(series, answer)).collect()
}

/// What is not known of them.
pub(super) fn gaps(test: &LoadTestSpec, answers: &[SeriesAnswer]) -> Vec<String> {
    figures(test, answers).iter().filter_map(gap).collect()
}

/// What is asked of a server that can be asked from here.
fn asked(test: &LoadTestSpec) -> Option<&PrometheusSpec> {
    test.prometheus.as_ref().filter(|spec| spec.url.is_some())
}

fn client(spec: &PrometheusSpec, valid: &Valid) -> Result<Client, String> {
    let mut headers = Vec::with_capacity(spec.headers.len());
    for (index, header) in spec.headers.iter().enumerate() {
        let variable = variable(index);
        let value = env::var(&variable).map_err(|_| {
            format!("header {} has no value here: set the environment variable {variable} to it", header.name)
        })?;
        headers.push((header.name.clone(), value));
    }
    let url = spec.url.clone().unwrap_or_default();
    let reach = Arc::new(valid.http.reach.clone());
    Client::new(&Server { url, headers, authorities: None, reach }).map_err(|error| error.to_string())
}

fn variable(index: usize) -> String {
    format!("{PROMETHEUS_HEADER_ENV_PREFIX}{index}")
}

fn told(why: &str) -> String {
    format!("Prometheus at spec.prometheus.url: {why}")
}
