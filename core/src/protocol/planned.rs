// SPDX-License-Identifier: Apache-2.0
//! The test of a plan, as the run that it is of has it.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use upsurge_crds::{LoadTestSpec, read::Unreadable, v1alpha1::Snapshot};

/// A test that runners are given. One of a run from before the words of the API changed is sent as it was written: its
/// runners are of that release, too.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedTest {
    spec: LoadTestSpec,
    /// In old words.
    written: Option<Snapshot>,
}

impl PlannedTest {
    /// A test that was read from a copy, with the thresholds that were added to it since.
    pub fn of(spec: LoadTestSpec, copy: &Snapshot) -> Self {
        let written = copy.is_old().then(|| copy.with_thresholds(&spec.thresholds));
        Self { spec, written }
    }

    /// The test.
    pub fn into_spec(self) -> LoadTestSpec {
        self.spec
    }
}

impl From<LoadTestSpec> for PlannedTest {
    fn from(spec: LoadTestSpec) -> Self {
        Self { spec, written: None }
    }
}

impl Deref for PlannedTest {
    type Target = LoadTestSpec;

    fn deref(&self) -> &LoadTestSpec {
        &self.spec
    }
}

impl DerefMut for PlannedTest {
    fn deref_mut(&mut self) -> &mut LoadTestSpec {
        &mut self.spec
    }
}

impl Serialize for PlannedTest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.written {
            Some(written) => written.serialize(serializer),
            None => self.spec.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for PlannedTest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let copy = Snapshot::deserialize(deserializer)?;
        let spec = copy.read().map_err(|Unreadable { path, message }| match path.as_str() {
            "" => de::Error::custom(message),
            path => de::Error::custom(format_args!("{path}: {message}")),
        })?;
        Ok(Self::of(spec, &copy))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn copy(base: &str) -> (Value, Snapshot) {
        let raw = json!({
            "target": {base: "http://shop"},
            "scenarios": [{"name": "main", "steps": [{"request": {"url": "/"}}]}],
            "load": {"constant": {"level": 1, "duration": "1s"}},
        });
        (raw.clone(), serde_json::from_value(raw).unwrap())
    }

    #[test]
    fn a_test_in_old_words_is_sent_in_them_and_read_all_the_same() {
        let (raw, old) = copy("baseUrl");
        let mut spec = old.read().unwrap();
        let sent = serde_json::to_value(PlannedTest::of(spec.clone(), &old)).unwrap();
        assert_eq!(sent, raw);
        spec.thresholds =
            serde_json::from_value(json!([{"metric": "http_reqs", "condition": "count > 0"}])).unwrap();
        let sent = serde_json::to_value(PlannedTest::of(spec.clone(), &old)).unwrap();
        assert_eq!(
            (&sent["target"], &sent["thresholds"][0]["metric"]),
            (&raw["target"], &json!("http_reqs"))
        );
        let read: PlannedTest = serde_json::from_value(sent).unwrap();
        assert_eq!(read.into_spec(), spec);
    }

    #[test]
    fn a_test_in_todays_words_is_sent_as_it_is_meant() {
        let (_, new) = copy("baseURL");
        let planned = PlannedTest::of(new.read().unwrap(), &new);
        let sent = serde_json::to_value(&planned).unwrap();
        assert_eq!(sent["target"]["baseURL"], "http://shop");
        assert_eq!(serde_json::from_value::<PlannedTest>(sent).unwrap(), planned);
        let (mut wrong, _) = copy("baseURL");
        wrong["load"]["constant"]["level"] = json!([]);
        let error = serde_json::from_value::<PlannedTest>(wrong).unwrap_err().to_string();
        assert!(error.starts_with("load.constant.level: "), "{error}");
    }
}
