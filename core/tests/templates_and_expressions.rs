// SPDX-License-Identifier: Apache-2.0
//! Templates and expressions: what they give, and what is said of those that can't be.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say what they expect")]

use jiff::Timestamp;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use upsurge_core::{
    expression::Expression,
    template::{Columns, JsonTemplate, Names, Scope, Template, UsedColumns},
};

/// Values by slot, and numbers that count up from a seed.
struct Values {
    slots: Vec<Option<Value>>,
    seed: u64,
}

impl Scope for Values {
    fn variable(&self, slot: usize) -> Option<&Value> {
        self.slots.get(slot)?.as_ref()
    }

    fn secret(&self, name: &str) -> Option<&str> {
        (name == "password").then_some("hunter2")
    }

    fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 31)
    }

    fn now(&self) -> Timestamp {
        "2026-01-02T03:04:05.006Z".parse().unwrap()
    }
}

fn names() -> Names {
    Names::new(["name", "user", "list", "unset"]).with_secrets(["password".to_owned()])
}

fn values() -> Values {
    let user = json!({"address": [{"city": "Oslo"}], "x-id": 7});
    Values { slots: vec![Some("Ada".into()), Some(user), Some(json!(["a", "b"])), None], seed: 1 }
}

fn fill(text: &str) -> String {
    Template::parse(text, &names()).unwrap().render(&mut values())
}

#[rstest]
#[case::plain("no places", "no places")]
#[case::variable("Hello {{ name }}!", "Hello Ada!")]
#[case::tight("{{name}}{{name}}", "AdaAda")]
#[case::path("{{ user.address[0].city }}", "Oslo")]
#[case::hyphenated_field("{{ user.x-id }}/{{ user['x-id'] }}", "7/7")]
#[case::object("{{ user.address }}", r#"[{"city":"Oslo"}]"#)]
#[case::absent_part("<{{ user.address[4].city }}>", "<>")]
#[case::without_value("<{{ unset }}>", "<>")]
#[case::secret("{{ secrets.password }}", "hunter2")]
#[case::quoted("{{ '{{' }} and {{ \"}}\" }}", "{{ and }}")]
#[case::time("{{ now() }}", "2026-01-02T03:04:05.006Z")]
#[case::milliseconds("{{ timestamp() }}", "1767323045006")]
#[case::single_range("{{ randomInt(4, 4) }}", "4")]
#[case::pick_literal("{{ pick('x') }}", "x")]
fn a_template_is_filled_in(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(fill(text), expected);
}

#[rstest]
#[case::unknown_variable("{{ nmae }}", "unknown variable \"nmae\"; known here: list, name, unset, user")]
#[case::unknown_secret(
    "{{ secrets.pasword }}",
    "unknown secret \"pasword\": declare it in spec.secrets; declared: password"
)]
#[case::unknown_function("{{ rnd() }}", "unknown function \"rnd\"")]
#[case::wrong_arguments("{{ randomInt(5) }}", "randomInt takes two whole numbers")]
#[case::reversed_range("{{ randomInt(5, 1) }}", "randomInt takes two whole numbers, the lower one first")]
#[case::not_closed("a {{ name", "is not closed")]
#[case::empty("{{ }}", "can't be understood")]
#[case::sum("{{ 1 + 1 }}", "can't be understood")]
fn a_wrong_template_is_refused_with_a_reason(#[case] text: &str, #[case] reason: &str) {
    let error = Template::parse(text, &names()).unwrap_err().to_string();
    assert!(error.contains(reason), "{error}");
}

#[test]
fn functions_stay_within_what_they_promise() {
    let mut scope = values();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..500 {
        let number: i64 =
            Template::parse("{{ randomInt(-2, 2) }}", &names()).unwrap().render(&mut scope).parse().unwrap();
        assert!((-2..=2).contains(&number));
        seen.insert(number);
        let uuid = Template::parse("{{ uuid() }}", &names()).unwrap().render(&mut scope);
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
        assert!("89ab".contains(&uuid[19..20]), "{uuid}");
        let text = Template::parse("{{ randomString(25) }}", &names()).unwrap().render(&mut scope);
        assert!(text.len() == 25 && text.chars().all(|c| c.is_ascii_alphanumeric()));
        let element = Template::parse("{{ pick(list) }}", &names()).unwrap().render(&mut scope);
        assert!(["a", "b"].contains(&element.as_str()));
    }
    assert_eq!(seen.len(), 5, "all of -2..=2 come up");
}

#[test]
fn a_json_string_that_is_one_place_keeps_its_type() {
    let body = json!({"user": "{{ user }}", "id": "{{ randomInt(3, 3) }}", "text": "n{{ randomInt(3, 3) }}", "fixed": [1, null]});
    let template = JsonTemplate::parse(&body, &names()).unwrap();
    let expected = json!({"user": {"address": [{"city": "Oslo"}], "x-id": 7}, "id": 3, "text": "n3", "fixed": [1, null]});
    assert_eq!(template.render(&mut values()), expected);
}

#[rstest]
#[case::text("name == 'Ada'", true)]
#[case::without_value("unset != ''", false)]
#[case::number("user['x-id'] + 1 == 8", true)]
#[case::comparison_of_numbers("user['x-id'] > 6.5", true)]
#[case::list("list.exists(x, x == 'b') && size(list) == 2", true)]
#[case::membership("'a' in list", true)]
#[case::field("user.address[0].city.startsWith('O')", true)]
fn an_expression_is_evaluated(#[case] source: &str, #[case] expected: bool) {
    let values = values();
    let expression = Expression::compile(source, &names()).unwrap();
    assert_eq!(expression.evaluate(&values), Ok(expected));
}

#[rstest]
#[case::syntax("name ==", "not a CEL expression")]
#[case::variable("nmae == 'x'", "unknown variable \"nmae\"")]
#[case::bound_elsewhere("list.exists(x, x == 'b') && x == 'c'", "unknown variable \"x\"")]
#[case::function("upper(name) == 'ADA'", "unknown function \"upper\"")]
fn a_wrong_expression_is_refused_with_a_reason(#[case] source: &str, #[case] reason: &str) {
    let error = Expression::compile(source, &names()).unwrap_err().to_string();
    assert!(error.contains(reason), "{error}");
}

#[test]
fn an_expression_that_is_not_true_or_false_says_so() {
    let error = Expression::compile("1 + 1", &names()).unwrap().evaluate(&values()).unwrap_err();
    assert_eq!(error.to_string(), "\"1 + 1\" is int, not true or false");
}

/// Rows by columns; all of a row is not to be had.
struct Rows(Vec<Option<Value>>);

impl Scope for Rows {
    fn variable(&self, _: usize) -> Option<&Value> {
        None
    }

    fn cell(&self, slot: usize, column: usize) -> Option<Option<&Value>> {
        (slot == 7).then(|| self.0[column].as_ref())
    }

    fn secret(&self, _: &str) -> Option<&str> {
        None
    }

    fn random(&mut self) -> u64 {
        0
    }

    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

#[test]
fn columns_of_rows_are_numbered_once_for_templates_and_expressions() {
    let columns = Columns::default();
    columns.insert(7);
    let mut names = Names::default().with_data(&columns);
    names.insert("rows", 7);
    let template = Template::parse("{{ rows.b[1] }} {{ rows.a }} {{ upper(rows.c) }}", &names).unwrap();
    let expression = Expression::compile("rows.a == 'x' && size(rows.b) == 2", &names).unwrap();
    assert_eq!(columns.of(7), UsedColumns { names: ["b", "a", "c"].map(String::from).into(), whole: false });
    let mut rows = Rows(vec![Some(json!([1, 2])), Some("x".into()), None]);
    assert_eq!((template.render(&mut rows), expression.evaluate(&rows)), ("2 x ".into(), Ok(true)));
    // A row without the column is an object without the field.
    let missing = Expression::compile("rows.c == ''", &names).unwrap();
    assert!(missing.evaluate(&rows).unwrap_err().to_string().contains("can't be evaluated"));
    for whole in ["has(rows.d)", "size(rows) == 1", "rows['e'] == 1"] {
        let (columns, mut names) = (Columns::default(), Names::default());
        columns.insert(0);
        names.insert("rows", 0);
        Expression::compile(whole, &names.with_data(&columns)).unwrap();
        assert_eq!(columns.of(0), UsedColumns { names: Vec::new(), whole: true }, "{whole}");
    }
}

#[test]
fn an_expression_sees_a_variable_that_is_no_object_as_it_is() {
    let evaluate = |source: &str| Expression::compile(source, &names()).unwrap().evaluate(&values());
    assert_eq!(evaluate("user.address[0].city == 'Oslo' && user == user"), Ok(true));
    assert!(evaluate("name.first == 'Ada'").is_err());
    assert!(evaluate("unset.first == 'Ada'").is_err());
    assert!(evaluate("user.nothing == 1").is_err());
}

proptest! {
    #[test]
    fn no_text_makes_a_template_or_expression_panic(text in "\\PC{0,60}") {
        let _ = Template::parse(&format!("a{{{{{text}}}}}b"), &names());
        let _ = Template::parse(&text, &names());
        let _ = Expression::compile(&text, &names());
    }
}
