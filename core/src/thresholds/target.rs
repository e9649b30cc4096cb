// SPDX-License-Identifier: Apache-2.0
//! The series that a threshold speaks of: a metric, and which of its series.

use std::fmt;

use upsurge_crds::v1alpha1::ThresholdSelector;

use crate::metrics::Selector;

/// A metric and a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Name of the metric.
    pub metric: String,
    /// Which of its series.
    pub selector: Selector,
}

/// Why a text names no series.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// A selector in braces is not closed, or something comes after it.
    #[error("{0:?} is no metric: write NAME or NAME{{tag:value}}")]
    Form(String),
    /// Part of a selector is no tag with a value.
    #[error("{part:?} in {text:?} is no tag with its value: write for example {{stage:hold}}")]
    Tag {
        /// The metric as written.
        text: String,
        /// The part that is wrong.
        part: String,
    },
    /// A tag has a value that it can't have.
    #[error("tag {tag} can't be {value:?}")]
    Value {
        /// The tag.
        tag: &'static str,
        /// Its value.
        value: String,
    },
    /// A tag is selected twice with different values.
    #[error("tag {0} is selected twice, with different values")]
    Twice(String),
}

impl Target {
    /// Reads a metric, which may have a selector in k6's form, and adds a selector.
    ///
    /// # Errors
    /// When the text is no metric with a selector, or both selectors contradict each other.
    pub fn new(text: &str, selector: Option<&ThresholdSelector>) -> Result<Self, TargetError> {
        let mut selector = selector.cloned().unwrap_or_default();
        let Some((metric, tags)) = text.split_once('{') else {
            return Ok(Self { metric: text.trim().into(), selector });
        };
        let tags = tags.trim_end().strip_suffix('}').ok_or_else(|| TargetError::Form(text.into()))?;
        for part in tags.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let wrong = || TargetError::Tag { text: text.into(), part: part.into() };
            let (tag, value) = part.split_once(':').ok_or_else(wrong)?;
            let (tag, value) = (unquoted(tag), unquoted(value));
            if tag.is_empty() {
                return Err(wrong());
            }
            select(&mut selector, tag, value)?;
        }
        Ok(Self { metric: metric.trim().into(), selector })
    }

    /// Whether it is only a part of the metric.
    pub fn is_part(&self) -> bool {
        self.selector != Selector::default()
    }
}

/// As `http_req_duration{stage:hold,request:log in}`.
impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Selector {
            stage,
            scenario,
            request,
            group,
            check,
            status,
            method,
            expected_response,
            error_code,
            tags,
        } = &self.selector;
        let named = [
            ("stage", stage.clone()),
            ("scenario", scenario.clone()),
            ("group", group.clone()),
            ("request", request.clone()),
            ("check", check.clone()),
            ("status", status.map(|status| status.to_string())),
            ("method", method.clone()),
            ("expected_response", expected_response.map(|expected| expected.to_string())),
            ("error_code", error_code.map(|code| code.to_string())),
        ];
        let named = named.into_iter().filter_map(|(tag, value)| Some(format!("{tag}:{}", value?)));
        let parts: Vec<String> =
            named.chain(tags.iter().map(|(tag, value)| format!("{tag}:{value}"))).collect();
        formatter.write_str(&self.metric)?;
        if parts.is_empty() { Ok(()) } else { write!(formatter, "{{{}}}", parts.join(",")) }
    }
}

/// Adds a tag under k6's name, or ours, to a selector. Names that are none of those are tags of the test.
fn select(selector: &mut Selector, tag: &str, value: &str) -> Result<(), TargetError> {
    let wrong = |tag| TargetError::Value { tag, value: value.into() };
    let text = match tag {
        "stage" => &mut selector.stage,
        "scenario" => &mut selector.scenario,
        "request" | "name" => &mut selector.request,
        "check" => &mut selector.check,
        "method" => &mut selector.method,
        "group" => {
            // k6 writes the path of a group; series belong to the innermost one.
            let innermost = value.rsplit("::").next().unwrap_or(value);
            return set(&mut selector.group, innermost.to_owned(), tag);
        }
        "status" => {
            let status = value.parse().ok().filter(|status| (0..=999).contains(status));
            return set(&mut selector.status, status.ok_or_else(|| wrong("status"))?, tag);
        }
        "error_code" => {
            let code = value.parse().ok().filter(|code| (1000..=1999).contains(code));
            return set(&mut selector.error_code, code.ok_or_else(|| wrong("error_code"))?, tag);
        }
        "expected_response" => {
            let expected = value.parse().map_err(|_| wrong("expected_response"))?;
            return set(&mut selector.expected_response, expected, tag);
        }
        _ => {
            return match selector.tags.insert(tag.into(), value.into()) {
                Some(other) if other != value => Err(TargetError::Twice(tag.into())),
                _ => Ok(()),
            };
        }
    };
    set(text, value.to_owned(), tag)
}

fn set<T: PartialEq>(place: &mut Option<T>, value: T, tag: &str) -> Result<(), TargetError> {
    match place {
        Some(other) if *other != value => Err(TargetError::Twice(tag.into())),
        _ => {
            *place = Some(value);
            Ok(())
        }
    }
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\'']).trim()
}
