// SPDX-License-Identifier: Apache-2.0
//! Words of the API that have changed before its first release.
//!
//! There are no aliases. But who uses an old word is told the new one ([`now`]), and a run that was made before the change
//! goes on: its copy of the test is brought up to date before it is read ([`brought_up_to_date`]). Pure.

mod old;

use serde_json::Value;

pub use self::old::{brought_up_to_date, is_old};

/// A change of a word, or of the shape of what stands there. Paths begin below `spec`; `[]` is any entry of a list, and
/// a path that begins with `…` is that of a field of a step, wherever that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A field has another name or place.
    Field {
        /// Where it was.
        was: &'static str,
        /// Where it is.
        is: &'static str,
    },
    /// The field has the same name, and its value another shape.
    Shape {
        /// Where it is.
        of: &'static str,
        /// What is written there now.
        is: &'static str,
    },
    /// The value of a field has another name.
    Value {
        /// Where it is.
        of: &'static str,
        /// What it was called.
        was: &'static str,
        /// What it is called.
        is: &'static str,
    },
}

use Change::{Field, Shape, Value as Word};

/// Every change.
pub const CHANGES: &[Change] = &[
    Field { was: "target.baseUrl", is: "target.baseURL" },
    Field { was: "target.workload", is: "target.workloads" },
    Field { was: "autoscaling.expect", is: "target.workloads[].expect" },
    Field { was: "autoscaling.capacityPerReplica", is: "target.workloads[].capacityPerReplica" },
    Field { was: "http.insecureSkipTlsVerify", is: "http.insecureSkipTLSVerify" },
    Field { was: "http.blockIps", is: "http.blockIPs" },
    Field { was: "http.localIps", is: "http.localIPs" },
    Word { of: "http.version", was: "Http1", is: "HTTP1" },
    Word { of: "http.version", was: "Http2", is: "HTTP2" },
    Field { was: "load.startLevel", is: "load.stages[].duration" },
    Field { was: "load.maxUsers", is: "load.arrivals.maxUsers" },
    Field { was: "load.seed", is: "load.arrivals.seed" },
    Field { was: "load.whenBusy", is: "load.arrivals.whenBusy" },
    Field { was: "load.queueLimit", is: "load.arrivals.queueLimit" },
    Shape { of: "load.arrivals", is: "{spread: Poisson}" },
    Shape { of: "load.executors", is: "a list: [{name: browse, constantVUs: {vus: 10, duration: 5m}}]" },
    Field { was: "load.executors[].executor", is: "load.executors[].constantVUs" },
    Word { of: "thresholds[].selector.stage", was: "forenoon", is: "mid-morning" },
    Word { of: "thresholds[].selector.stage", was: "late", is: "late-evening" },
    Field { was: "historyLimit", is: "history" },
    Field { was: "…request.capture[].attribute", is: "…request.capture[].selector.attribute" },
    Shape { of: "…request.capture[].selector", is: "{css: \"input[name=csrf]\", attribute: value}" },
    Field { was: "…request.expect[].attribute", is: "…request.expect[].selector.attribute" },
    Shape { of: "…request.expect[].selector", is: "{css: h1.title}" },
    Word { of: "…generated.kind", was: "Json", is: "JSON" },
];

/// What is said of fields that have not just another name or place.
const IN_WORDS: [(&str, &str); 4] = [
    ("target.workload", "workload is now workloads, a list: [{name: checkout}]"),
    ("load.startLevel", "startLevel is gone: write a first stage {duration: 0s, target: …}"),
    (
        "load.executors[].executor",
        "executor is now the name of a field: constantVUs, rampingVUs, sharedIterations, perVUIterations, constantArrivalRate or rampingArrivalRate",
    ),
    ("historyLimit", "historyLimit is now history: {passed: {count: 5}, notPassed: {count: 10}}"),
];

/// What is now written instead of what was found at a path from the root, as in `spec.target.baseUrl`; `None` if no word
/// there has changed.
pub fn now(path: &str, found: &Value) -> Option<String> {
    let place = pattern(path);
    CHANGES.iter().find_map(|change| match *change {
        Field { was, is } if matches(was, &place) => Some(renamed(was, is)),
        // What has the new shape is not what is wrong.
        Shape { of, is } if matches(of, &place) && was_shaped(of, found) => {
            Some(format!("{} is now {is}", last(of)))
        }
        Word { of, was, is } if matches(of, &place) && found.as_str() == Some(was) => {
            Some(format!("{was} is now {is}"))
        }
        _ => None,
    })
}

fn renamed(was: &str, is: &'static str) -> String {
    match IN_WORDS.iter().find(|(of, _)| *of == was) {
        Some((_, words)) => (*words).to_owned(),
        None => format!("{} is now {}", last(was), relative(was, is)),
    }
}

/// The new path as seen from where the old field was.
fn relative(was: &str, is: &'static str) -> String {
    let parent = was.rsplit_once('.').map_or("", |(parent, _)| parent);
    match is.strip_prefix(parent).and_then(|rest| rest.strip_prefix('.')) {
        Some(rest) => rest.to_owned(),
        None if parent.is_empty() => is.to_owned(),
        None => format!("spec.{is}"),
    }
}

fn last(path: &str) -> &str {
    path.rsplit_once('.').map_or(path, |(_, last)| last)
}

/// What a field of another shape was: a text, or with executors an object.
fn was_shaped(of: &str, found: &Value) -> bool {
    if of == "load.executors" { found.is_object() } else { found.is_string() }
}

/// A path with all its indices taken out, from below `spec`.
fn pattern(path: &str) -> String {
    let mut place = String::with_capacity(path.len());
    let mut within = false;
    for character in path.strip_prefix("spec.").unwrap_or(path).chars() {
        match character {
            '[' => within = true,
            ']' => within = false,
            _ if within => continue,
            _ => {}
        }
        place.push(character);
    }
    place
}

fn matches(change: &str, place: &str) -> bool {
    match change.strip_prefix('…') {
        Some(end) => {
            let before = place.strip_suffix(end);
            before.is_some_and(|before| before.ends_with('.') && before.contains('['))
        }
        None => change == place,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_uses_an_old_word_is_told_the_new_one() {
        for (path, found, said) in [
            ("spec.target.baseUrl", json!("http://a"), "baseUrl is now baseURL"),
            ("spec.target.workload", json!({}), "workload is now workloads, a list: [{name: checkout}]"),
            ("spec.autoscaling.expect", json!({}), "expect is now spec.target.workloads[].expect"),
            ("spec.load.maxUsers", json!(3), "maxUsers is now arrivals.maxUsers"),
            ("spec.load.arrivals", json!("Poisson"), "arrivals is now {spread: Poisson}"),
            ("spec.http.version", json!("Http2"), "Http2 is now HTTP2"),
            (
                "spec.scenarios[0].steps[3].if.then[1].request.capture[0].attribute",
                json!("href"),
                "attribute is now selector.attribute",
            ),
            ("spec.before[0].request.generated.kind", json!("Json"), "Json is now JSON"),
            ("spec.before[0].request.multipart[1].generated.kind", json!("Json"), "Json is now JSON"),
            (
                "spec.load.startLevel",
                json!(3),
                "startLevel is gone: write a first stage {duration: 0s, target: …}",
            ),
        ] {
            assert_eq!(now(path, &found).as_deref(), Some(said), "{path}");
        }
    }

    #[test]
    fn nothing_is_said_of_what_has_not_changed() {
        for (path, found) in [
            ("spec.target.baseURL", json!("http://a")),
            ("spec.http.version", json!("HTTP2")),
            ("spec.load.arrivals", json!({"sprad": "Poisson"})),
            ("spec.before[0].request.capture[0].selector", json!({"css": 1})),
            ("spec.tags.attribute", json!("x")),
        ] {
            assert_eq!(now(path, &found), None, "{path}");
        }
    }
}
