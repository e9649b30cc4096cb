// SPDX-License-Identifier: Apache-2.0
//! What the patterns of the schema stand for, in words and with examples: nobody wants to read a regular expression to
//! find out how to write ninety seconds.

use crate::{http::without_login, pod, thresholds::Condition};

/// The form of a text.
#[derive(Debug)]
pub(super) struct Form {
    /// The pattern in the schema.
    pattern: &'static str,
    /// What matches it.
    pub(super) what: &'static str,
    /// How to write it.
    how: &'static str,
    /// Texts that match.
    examples: [&'static str; 2],
}

/// Pattern of the condition of a threshold, whose grammar can say more.
const CONDITION: &str = r"^\s*(p\(\s*[0-9]+(\.[0-9]+)?\s*\)|avg|min|max|med|count|rate|value)\s*(<=?|>=?|===?|!=)\s*-?[0-9]+(\.[0-9]+)?\s*(us|ms|s|m|%)?\s*$";

/// Pattern of an amount of a resource, of which people know many spellings.
const AMOUNT: &str = r"^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})?$";

const FORMS: [Form; 19] = [
    Form {
        pattern: r"^([0-9]+(\.[0-9]+)?(us|ms|s|m|h|d))+$",
        what: "a duration",
        how: "write a number with a unit (us, ms, s, m, h or d)",
        examples: ["90s", "1h30m"],
    },
    Form {
        pattern: r"^(Auto|([0-9]+(\.[0-9]+)?(us|ms|s|m|h|d))+)$",
        what: "a duration or Auto",
        how: "write a number with a unit (us, ms, s, m, h or d), or Auto",
        examples: ["90s", "Auto"],
    },
    Form {
        pattern: CONDITION,
        what: "a condition",
        how: "write what is compared, an operator and a limit",
        examples: ["p(95) < 200ms", "rate < 1%"],
    },
    Form {
        pattern: r"^[A-Za-z_][A-Za-z0-9_]*(\{[^{}]*\})?$",
        what: "a metric",
        how: "write its name, and after it {tag:value} for a part of it",
        examples: ["http_req_duration", "http_req_duration{stage:hold}"],
    },
    Form {
        pattern: r"^[A-Za-z_][A-Za-z0-9_]*$",
        what: "a name here",
        how: "use letters, digits and _, and start with no digit",
        examples: ["order_id", "token2"],
    },
    Form {
        pattern: r"^[A-Za-z0-9_-]+$",
        what: "a name here",
        how: "use letters, digits, - and _",
        examples: ["ramp-up", "hold_2"],
    },
    Form {
        pattern: r"^[1-5][0-9]{2}(-[1-5][0-9]{2})?$",
        what: "a status code or a range of them",
        how: "write three digits, or two codes with - between them",
        examples: ["200", "200-299"],
    },
    Form {
        pattern: r"^[0-9]{1,12}(k|M|G|Ki|Mi|Gi)?$",
        what: "a number of bytes",
        how: "write a whole number, and a unit if needed (k, M, G, Ki, Mi or Gi)",
        examples: ["512", "64Mi"],
    },
    Form {
        pattern: r"^[0-9]+(\.[0-9]+)?%$",
        what: "a percentage",
        how: "write a number with %",
        examples: ["5%", "0.1%"],
    },
    Form {
        pattern: r"^(avg|min|max|last|p[0-9]{1,2}(\.[0-9]+)?)$",
        what: "an aggregation",
        how: "write avg, min, max, last, or p with a percentile",
        examples: ["avg", "p95"],
    },
    Form {
        pattern: r"^\s*(<=?|>=?|==|!=)\s*-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?\s*$",
        what: "a condition",
        how: "write an operator and a number",
        examples: ["< 0.1", ">= 5"],
    },
    Form {
        pattern: r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
        what: "the name of a header",
        how: "use letters, digits and -",
        examples: ["Authorization", "X-Scope-OrgID"],
    },
    Form {
        pattern: r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})?$",
        what: "a quantity",
        how: "write a number from 0 on, in quotes if it has a fraction",
        examples: ["2.5", "500m"],
    },
    Form {
        pattern: r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})?$",
        what: "a quantity",
        how: "write a number, in quotes if it has a fraction",
        examples: ["2.5", "-40"],
    },
    Form {
        pattern: AMOUNT,
        what: "a quantity",
        how: "write a number, with a unit if it needs one",
        examples: ["500m", "64Mi"],
    },
    Form {
        pattern: r"^https?://[^\s/]+",
        what: "a URL",
        how: "start with http:// or https:// and a host",
        examples: ["http://shop:8080", "https://shop.example"],
    },
    Form {
        pattern: r"^https?://[^\s/?#@]+([/?#]\S*)?$",
        what: "a URL here",
        how: "start with http:// or https:// and a host, without a login",
        examples: ["http://prometheus:9090/api/v1/write", "https://otel.example:4318"],
    },
    Form {
        pattern: r"^((s3|gs|az)://[^\s/?#@:]+|abfss://[^\s/?#@:]+@[^\s/?#@:]+)(/[^\s?#]*)?$",
        what: "the URL of an object store",
        how: "write s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX",
        examples: ["s3://load-tests/checkout", "az://load-tests"],
    },
    Form {
        pattern: r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$",
        what: "a folder here",
        how: "write names with / between them, of letters, digits, ., - and _",
        examples: ["records", "load-tests/checkout"],
    },
];

impl Form {
    /// The form that a pattern stands for.
    pub(super) fn of(pattern: &str) -> Option<&'static Self> {
        FORMS.iter().find(|form| form.pattern == pattern)
    }

    /// The examples in words.
    pub(super) fn examples(&self) -> String {
        let [one, other] = self.examples;
        format!("{one} or {other}")
    }

    /// What is wrong with a text that does not match, and how to write it.
    pub(super) fn complaint(&self, text: &str) -> String {
        if self.pattern == CONDITION
            && let Err(error) = Condition::parse(text)
        {
            return error.to_string();
        }
        if self.pattern == AMOUNT {
            return pod::complaint(text);
        }
        // It may be a URL, and that may hold a password.
        let text = without_login(text);
        format!("{text:?} is not {}: {}, for example {}", self.what, self.how, self.examples())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use regex::Regex;
    use serde_json::Value;

    use super::*;

    fn patterns(schema: &Value, found: &mut BTreeSet<String>) {
        match schema {
            Value::Object(words) => {
                found.extend(words.get("pattern").and_then(Value::as_str).map(String::from));
                words.values().for_each(|word| patterns(word, found));
            }
            Value::Array(items) => items.iter().for_each(|item| patterns(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_pattern_of_the_schema_has_a_form_and_no_form_is_without_one() {
        let mut found = BTreeSet::new();
        patterns(&upsurge_crds::schemas::LOAD_TEST, &mut found);
        let told = FORMS.iter().map(|form| form.pattern.to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(found, told, "write a form for a new pattern, and take away those that are gone");
    }

    #[test]
    fn examples_match_their_patterns() {
        for form in &FORMS {
            let regex = Regex::new(form.pattern).unwrap();
            for example in form.examples {
                assert!(regex.is_match(example), "{example:?} is no example of {}", form.pattern);
            }
        }
    }
}
