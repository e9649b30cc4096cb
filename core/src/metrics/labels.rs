// SPDX-License-Identifier: Apache-2.0
//! Tags as labels: pairs of a name and a value, for everything that hands series on.

use super::{SeriesKey, names};

/// The tags of a series that it has, in a fixed order. A request's name is k6's `name`, and the kind of
/// an error is `error`. A tag of the test with such a name gives way: no label comes twice.
pub fn labels(key: &SeriesKey) -> Vec<(&str, String)> {
    let tags = &key.tags;
    let check = if key.metric == names::REQUEST_ERRORS { "error" } else { "check" };
    let method = tags.method.clone();
    let status = tags.status.map(|status| status.to_string());
    let expected = tags.expected_response.map(|expected| expected.to_string());
    let code = tags.error_code.map(|code| code.to_string());
    let fixed = [
        ("stage", tags.stage.clone()),
        ("scenario", tags.scenario.clone()),
        ("group", tags.group.clone()),
        ("name", tags.request.clone()),
        (check, tags.check.clone()),
        ("method", method),
        ("status", status),
        ("expected_response", expected),
        ("error_code", code),
    ];
    let mut labels: Vec<(&str, String)> =
        fixed.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    for (name, value) in &tags.custom {
        if !labels.iter().any(|(taken, _)| taken == name) {
            labels.push((name, value.clone()));
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Tags;

    #[test]
    fn tags_have_k6s_names() {
        let tags = Tags {
            request: Some("log in".into()),
            check: Some("timeout".into()),
            status: Some(503),
            expected_response: Some(false),
            error_code: Some(1503),
            custom: [("team", "shop"), ("name", "other")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..Tags::default()
        };
        let key = SeriesKey { metric: names::REQUEST_ERRORS.into(), tags };
        let expected = [
            ("name", "log in"),
            ("error", "timeout"),
            ("status", "503"),
            ("expected_response", "false"),
            ("error_code", "1503"),
            ("team", "shop"),
        ];
        assert_eq!(labels(&key), expected.map(|(name, value)| (name, value.to_owned())));
    }
}
