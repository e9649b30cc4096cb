// SPDX-License-Identifier: Apache-2.0
//! A limit on the time that an autoscaler takes: one that is written down, or its own.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::duration::{SPAN, TimeSpan, schema_of};

/// A span of time, or `Auto`: what the autoscaler's own settings make it take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeLimit {
    /// What the autoscaler's own settings make it take.
    Auto,
    /// So long and no longer.
    Within(TimeSpan),
}

/// How the first of them is written.
const AUTO: &str = "Auto";

impl TimeLimit {
    /// The span that is written down.
    pub const fn span(&self) -> Option<&TimeSpan> {
        match self {
            Self::Auto => None,
            Self::Within(span) => Some(span),
        }
    }
}

impl fmt::Display for TimeLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => formatter.write_str(AUTO),
            Self::Within(span) => write!(formatter, "{span}"),
        }
    }
}

impl Serialize for TimeLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == AUTO {
            return Ok(Self::Auto);
        }
        text.parse().map(Self::Within).map_err(|why: String| de::Error::custom(format!("{why}; or {AUTO}")))
    }
}

impl JsonSchema for TimeLimit {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TimeLimit".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema_of(&format!("({AUTO}|{SPAN})"))
    }
}

#[cfg(test)]
mod tests {
    use schemars::schema_for;
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn a_limit_is_a_span_or_auto_and_is_written_as_it_was_read() {
        for (text, limit) in
            [("Auto", TimeLimit::Auto), ("1m30s", TimeLimit::Within(TimeSpan::from_secs(90)))]
        {
            assert_eq!(from_value::<TimeLimit>(json!(text)).unwrap(), limit);
            assert_eq!(to_value(limit).unwrap(), json!(text));
        }
        assert_eq!(TimeLimit::Auto.span(), None);
    }

    #[test]
    fn its_schema_is_that_of_a_span_with_one_more_word() {
        let schema = |schema: Schema| to_value(schema).unwrap();
        let [limit, span] = [schema_for!(TimeLimit), schema_for!(TimeSpan)].map(schema);
        let pattern = span["pattern"].as_str().unwrap().replace('^', "^(Auto|").replace('$', ")$");
        assert_eq!((&limit["pattern"], &limit["maxLength"]), (&json!(pattern), &span["maxLength"]));
    }

    #[test]
    fn anything_else_is_refused_with_both_that_would_be_right() {
        for text in ["auto", "", "5", "Auto5s"] {
            let why = from_value::<TimeLimit>(json!(text)).unwrap_err().to_string();
            assert!(why.contains("90s") && why.ends_with("; or Auto"), "{why}");
        }
    }
}
