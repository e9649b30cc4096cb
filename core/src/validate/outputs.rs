// SPDX-License-Identifier: Apache-2.0
//! What must be right about `spec.outputs` and can't be said by a schema alone.

use std::time::Duration;

use http::Uri;
use upsurge_crds::v1alpha1::{OutputSpec, TimeSpan};

use super::check_names;
use crate::field_error::Errors;

/// Shortest and longest time between two pushes.
const INTERVALS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

pub(super) fn check(outputs: &[OutputSpec], errors: &mut Errors) {
    check_names("output", "spec.outputs", outputs.iter().map(|output| &output.name), errors);
    for (index, output) in outputs.iter().enumerate() {
        check_output(output, &format!("spec.outputs[{index}]"), errors);
    }
}

fn check_output(output: &OutputSpec, path: &str, errors: &mut Errors) {
    let [shortest, longest] = INTERVALS;
    if !(shortest..=longest).contains(&output.interval.0) {
        errors.add(
            format_args!("{path}.interval"),
            format_args!(
                "must be from {} to {}, not {}",
                TimeSpan(shortest),
                TimeSpan(longest),
                output.interval
            ),
        );
    }
    let (Some((field, url, headers)), false) =
        (output.destination(), output.prometheus_remote_write.is_some() && output.otlp.is_some())
    else {
        errors.add(path, "needs exactly one of prometheusRemoteWrite and otlp");
        return;
    };
    let member = field.split('.').next().unwrap_or_default();
    check_names(
        "header",
        &format!("{path}.{member}.headers"),
        headers.iter().map(|header| &header.name),
        errors,
    );
    let why = match url.parse::<Uri>() {
        Err(error) => error.to_string(),
        Ok(uri) if uri.host().is_none_or(str::is_empty) => "it needs a host".into(),
        Ok(uri) if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) => {
            "a login must not stand in it: put it into a Secret, and send it in a header".into()
        }
        Ok(_) => return,
    };
    // Without the URL, which may hold a password.
    errors.add(format_args!("{path}.{field}"), format_args!("can't be used: {why}"));
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn wrong(outputs: Value) -> Vec<String> {
        let outputs: Vec<OutputSpec> = serde_json::from_value(outputs).unwrap();
        let mut errors = Errors::default();
        check(&outputs, &mut errors);
        errors.into_list().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn outputs_that_make_sense_are_taken() {
        let header =
            json!({"name": "Authorization", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}});
        assert_eq!(
            wrong(json!([
                {"name": "a", "prometheusRemoteWrite": {"url": "https://p.example:9090/api/v1/write?x=1", "headers": [header]}},
                {"name": "b", "otlp": {"endpoint": "http://[fd00::1]:4318"}, "interval": "1m"},
            ])),
            Vec::<String>::new()
        );
    }

    #[rstest]
    #[case(json!([{"name": "a"}]), "spec.outputs[0]: needs exactly one of prometheusRemoteWrite and otlp")]
    #[case(json!([{"name": "a", "otlp": {"endpoint": "http://o"}, "prometheusRemoteWrite": {"url": "http://p"}}]), "exactly one")]
    #[case(json!([{"name": "a", "otlp": {"endpoint": "http://o"}}, {"name": "a", "otlp": {"endpoint": "http://p"}}]), "spec.outputs[1].name")]
    #[case(json!([{"name": "a", "otlp": {"endpoint": "http://o"}, "interval": "500ms"}]), "spec.outputs[0].interval: must be from 1s to 1m, not 500ms")]
    #[case(json!([{"name": "a", "otlp": {"endpoint": "http://o"}, "interval": "61s"}]), "spec.outputs[0].interval")]
    #[case(json!([{"name": "a", "otlp": {"endpoint": "http://me:s3cret@o"}}]), "spec.outputs[0].otlp.endpoint: can't be used: a login")]
    #[case(json!([{"name": "a", "prometheusRemoteWrite": {"url": "http://p:99999999"}}]), "spec.outputs[0].prometheusRemoteWrite.url: can't be used")]
    fn what_makes_no_sense_is_named(#[case] outputs: Value, #[case] words: &str) {
        let wrong = wrong(outputs).join("; ");
        assert!(wrong.contains(words) && !wrong.contains("s3cret"), "{wrong}");
    }
}
