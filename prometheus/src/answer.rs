// SPDX-License-Identifier: Apache-2.0
//! From the body of an answer to points. Only what Prometheus itself says in its own form is believed.

use serde::Deserialize;

use crate::AskError;

/// Most characters of Prometheus' own words that are kept.
const LONGEST_WORDS: usize = 300;
/// Kinds of errors that Prometheus knows; others are not told on.
const KINDS: [&str; 8] = [
    "bad_data",
    "execution",
    "timeout",
    "canceled",
    "internal",
    "unavailable",
    "not_found",
    "too_many_requests",
];

#[derive(Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Answer {
    Success {
        data: Data,
    },
    Error {
        #[serde(rename = "errorType")]
        kind: String,
        error: String,
    },
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Matrix(Vec<Series>),
}

#[derive(Deserialize)]
struct Series {
    #[serde(default)]
    values: Vec<(f64, String)>,
}

/// A time in seconds since the Unix epoch, and the value then.
pub(crate) type Point = (f64, f64);

/// The points of the one series of an answer.
pub(crate) fn points(status: u16, body: &[u8]) -> Result<Vec<Point>, AskError> {
    let foreign = || match status {
        200 => AskError::Foreign,
        401 | 403 => AskError::Unauthorized(status),
        _ => AskError::Status(status),
    };
    match serde_json::from_slice(body).map_err(|_| foreign())? {
        Answer::Success { data: Data::Matrix(series) } if status == 200 => match series.as_slice() {
            [] => Err(AskError::NoSeries),
            [one] => {
                let points = one.values.iter();
                let value = |text: &str| text.parse::<f64>().map_err(|_| foreign());
                points.map(|(time, text)| value(text).map(|value| (*time, value))).collect()
            }
            many => Err(AskError::ManySeries(many.len())),
        },
        Answer::Success { .. } => Err(foreign()),
        Answer::Error { kind, error } => {
            let kind = KINDS.into_iter().find(|known| *known == kind).ok_or_else(foreign)?;
            let message = error.chars().filter(|c| !c.is_control()).take(LONGEST_WORDS).collect();
            Err(AskError::Query { kind, message })
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn values_of_one_series_are_taken() {
        let body = br#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"a":"b"},"values":[[1,"1"],[2.5,"NaN"],[3,"+Inf"],[4,"-2e3"]]}]}}"#;
        let points = points(200, body).unwrap();
        assert_eq!((points[0], points[2], points[3]), ((1.0, 1.0), (3.0, f64::INFINITY), (4.0, -2000.0)));
        assert!(points[1].0 == 2.5 && points[1].1.is_nan());
    }

    #[rstest]
    #[case::nothing(200, "", AskError::Foreign)]
    #[case::page(200, "<html>secret</html>", AskError::Foreign)]
    #[case::other_json(200, r#"{"kind":"SecretList"}"#, AskError::Foreign)]
    #[case::vector(
        200,
        r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#,
        AskError::Foreign
    )]
    #[case::no_number(
        200,
        r#"{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1,"secret"]]}]}}"#,
        AskError::Foreign
    )]
    #[case::made_up_kind(
        200,
        r#"{"status":"error","errorType":"secret","error":"secret"}"#,
        AskError::Foreign
    )]
    #[case::unauthorized(401, "secret", AskError::Unauthorized(401))]
    #[case::missing(404, "secret", AskError::Status(404))]
    #[case::broken(
        500,
        r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
        AskError::Status(500)
    )]
    #[case::none(
        200,
        r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
        AskError::NoSeries
    )]
    #[case::two(
        200,
        r#"{"status":"success","data":{"resultType":"matrix","result":[{"values":[]},{"values":[]}]}}"#,
        AskError::ManySeries(2)
    )]
    fn nothing_of_an_answer_that_is_not_prometheus_own_is_told(
        #[case] status: u16,
        #[case] body: &str,
        #[case] expected: AskError,
    ) {
        let error = points(status, body.as_bytes()).unwrap_err();
        assert_eq!(error, expected);
        assert!(!error.to_string().contains("secret"));
    }

    #[test]
    fn what_prometheus_says_is_kept_short() {
        let body =
            format!(r#"{{"status":"error","errorType":"bad_data","error":"line\n{}"}}"#, "x".repeat(5_000));
        let Err(AskError::Query { kind, message }) = points(400, body.as_bytes()) else { unreachable!() };
        assert_eq!((kind, message.chars().count()), ("bad_data", LONGEST_WORDS));
        assert!(!message.contains('\n'));
    }

    #[test]
    fn a_deep_answer_overflows_nothing() {
        let body = format!(r#"{{"status":"success","data":{}"#, "[".repeat(500_000));
        assert_eq!(points(200, body.as_bytes()), Err(AskError::Foreign));
    }
}
