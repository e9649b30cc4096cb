// SPDX-License-Identifier: Apache-2.0
//! The checks and series of a run: a server of the platform is asked from here, one that the test names by its runner 0; checks
//! are judged here, by `upsurge_core::checks`.
//!
//! What a runner answers is the word of a tenant's image. It decides the tenant's own verdict and nothing else; what
//! it leaves out is an answer that did not come.

use std::{fs, sync::Arc};

use jiff::Timestamp;
use upsurge_core::{
    checks,
    http::Reach,
    plan::Timeline,
    policy::{Policy, PrometheusServer},
    protocol::CheckAnswer,
    series::SeriesAnswer,
};
use upsurge_crds::v1alpha1::{PrometheusCheck, PrometheusCheckResult, PrometheusSeries, PrometheusSpec};
use upsurge_prometheus::{Client, Server, ask, ask_series};

/// Largest file of a server that is read.
const LARGEST_FILE: u64 = 1 << 20;

/// What a server said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// To each check, judged.
    pub checks: Vec<PrometheusCheckResult>,
    /// To each series.
    pub series: Vec<SeriesAnswer>,
}

/// Why there is no answer of a runner.
const NO_WORD: &str =
    "runner 0, which asks the server at spec.prometheus.url, was gone or did not answer in time";

/// Asks a server of the policy for each check and series, over a load that lasted from `start` to `end`. What can't be answered
/// has a message that says why; that takes half a minute at most.
pub async fn ask_server(
    policy: &Policy,
    name: &str,
    spec: &PrometheusSpec,
    timeline: &Timeline,
    start: Timestamp,
    end: Timestamp,
) -> Answers {
    let said = |why: String| format!("Prometheus server {name}: {why}");
    let client = match policy.server(name) {
        Some(server) => client(server),
        None => Err(format!("the platform's policy does not have it any more; {}", policy.whom_to_ask())),
    };
    let client = match client {
        Ok(client) => client,
        Err(why) => {
            let judged = |check| checks::judge(check, Err(said(why.clone())));
            return Answers {
                checks: spec.checks.iter().map(judged).collect(),
                series: spec.series.iter().map(|_| SeriesAnswer::Problem(said(why.clone()))).collect(),
            };
        }
    };
    let (answers, courses) = tokio::join!(
        ask(&client, &spec.checks, timeline, start, end),
        ask_series(&client, &spec.series, start, end)
    );
    let judged = answers.into_iter().zip(&spec.checks).map(|(answer, check)| {
        let values = answer.map_err(|error| said(error.to_string()));
        checks::judge(check, values.and_then(|values| checks::observe(check, &values)))
    });
    let series = courses.into_iter().map(|answer| match answer {
        Ok(course) => SeriesAnswer::Course(course),
        Err(error) => SeriesAnswer::Problem(said(error.to_string())),
    });
    Answers { checks: judged.collect(), series: series.collect() }
}

fn client(server: &PrometheusServer) -> Result<Client, String> {
    // Paths are not for those to know who read a status.
    let read = |path: &Option<String>, what: &str| {
        let Some(path) = path else { return Ok(None) };
        let metadata = fs::metadata(path).map_err(|error| (error, what));
        match metadata.and_then(|file| {
            if file.len() > LARGEST_FILE {
                Ok(None)
            } else {
                fs::read(path).map(Some).map_err(|error| (error, what))
            }
        }) {
            Ok(Some(content)) => Ok(Some(content)),
            Ok(None) => Err(format!("its {what} file is too large")),
            Err((error, what)) => {
                tracing::warn!(%error, path, "failed to read a file of a Prometheus server");
                Err(format!("its {what} file can't be read by the operator"))
            }
        }
    };
    let authorities = read(&server.ca_file, "CA")?;
    let token = read(&server.bearer_token_file, "token")?;
    let token = token.map(|token| String::from_utf8_lossy(&token).trim().to_owned());
    let headers = token.map(|token| ("Authorization".to_owned(), format!("Bearer {token}")));
    let server = Server {
        url: server.url.clone(),
        headers: headers.into_iter().collect(),
        authorities,
        // The platform team knows its own servers.
        reach: Arc::new(Reach::default()),
    };
    Client::new(&server).map_err(|error| error.to_string())
}

/// Judges what runner 0 answered.
pub fn answered(list: &[PrometheusCheck], answers: Option<&[CheckAnswer]>) -> Vec<PrometheusCheckResult> {
    let judged = list.iter().enumerate().map(|(index, check)| {
        let observed = match answers.map(|answers| answers.get(index)) {
            Some(Some(CheckAnswer::Value(text))) => {
                text.parse::<f64>().map_err(|_| "runner 0 answered with what is no number".to_owned())
            }
            Some(Some(CheckAnswer::Problem(problem))) => Err(problem.clone()),
            Some(None) => Err("runner 0 left this check out of its answer".to_owned()),
            None => Err(NO_WORD.to_owned()),
        };
        checks::judge(check, observed)
    });
    judged.collect()
}

/// What runner 0 said to series, one answer for each; `has_answered` unless nothing came of it.
pub fn answered_series(
    list: &[PrometheusSeries],
    answers: &[SeriesAnswer],
    has_answered: bool,
) -> Vec<SeriesAnswer> {
    let left_out = if has_answered { "runner 0 left this series out of its answer" } else { NO_WORD };
    let missing = || SeriesAnswer::Problem(left_out.to_owned());
    (0..list.len()).map(|index| answers.get(index).cloned().unwrap_or_else(missing)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(name: &str) -> PrometheusCheck {
        serde_json::from_value(json!({"name": name, "query": "up", "condition": "< 2"})).unwrap()
    }

    #[test]
    fn a_runners_answers_are_judged_here_and_only_for_the_checks_that_there_are() {
        let list = ["one", "two", "three", "four"].map(check);
        let answers = [
            CheckAnswer::Value("1.5".into()),
            CheckAnswer::Value("lots".into()),
            CheckAnswer::Problem("no series".into()),
        ];
        let results = answered(&list, Some(&answers));
        let told: Vec<_> = results.iter().map(|result| (result.name.as_str(), result.passed)).collect();
        assert_eq!(told, [("one", true), ("two", false), ("three", false), ("four", false)]);
        assert_eq!(results[0].observed.as_deref(), Some("1.5"));
        assert!(results[1].message.as_ref().unwrap().contains("no number"));
        assert_eq!(results[2].message.as_deref(), Some("no series"));
        assert!(results[3].message.as_ref().unwrap().contains("left this check out"));
        assert!(answered(&list, None)[0].message.as_ref().unwrap().contains("did not answer in time"));
        let series: Vec<PrometheusSeries> = ["one", "two"]
            .map(|name| serde_json::from_value(json!({"name": name, "query": "up"})).unwrap())
            .into();
        let problem = SeriesAnswer::Problem("no series".into());
        let told = answered_series(&series, std::slice::from_ref(&problem), true);
        assert_eq!(told[0], problem);
        assert!(matches!(&told[1], SeriesAnswer::Problem(why) if why.contains("left this series out")));
        let told = answered_series(&series, &[], false);
        assert!(
            matches!(&told[..], [SeriesAnswer::Problem(why), _] if why.contains("did not answer in time"))
        );
        for value in ["inf", "NaN"] {
            assert!(!answered(&list[..1], Some(&[CheckAnswer::Value(value.into())]))[0].passed);
        }
    }
}
