// SPDX-License-Identifier: Apache-2.0
//! Functions of templates: values of random numbers, made-up values, encodings and digests.

#![allow(clippy::unwrap_used, reason = "tests say what they expect")]

use jiff::{Timestamp, civil::Date};
use rstest::rstest;
use serde_json::{Value, json};
use upsurge_core::template::{Names, Scope, Sequences, Template};

/// Values by slot, and numbers that follow from a seed.
struct Values(Vec<Option<Value>>, u64, Vec<u64>);

impl Scope for Values {
    fn variable(&self, slot: usize) -> Option<&Value> {
        self.0.get(slot)?.as_ref()
    }

    fn secret(&self, name: &str) -> Option<&str> {
        (name == "key").then_some("Jefe")
    }

    fn random(&mut self) -> u64 {
        self.1 = self.1.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.1 ^ (self.1 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn sequence(&mut self, index: usize) -> u64 {
        self.2[index] += 1;
        self.2[index] - 1
    }
}

fn values(seed: u64) -> Values {
    Values(vec![Some("Ada".into()), Some(json!({"tags": ["a", "b"]})), None], seed, vec![0; 4])
}

fn parse(text: &str) -> Template {
    let names = Names::new(["name", "user", "unset"]).with_secrets(["key".to_owned()]);
    Template::parse(text, &names).unwrap()
}

/// A thousand values of one call.
fn many(text: &str) -> Vec<Value> {
    let (template, mut scope) = (parse(text), values(7));
    (0..1000).map(|_| template.value(&mut scope)).collect()
}

#[rstest]
#[case::upper("{{ upper(name) }}", "ADA")]
#[case::lower("{{ lower('ÄB') }}", "äb")]
#[case::base64("{{ base64('foobar') }} {{ base64('f') }}", "Zm9vYmFy Zg==")]
#[case::base64_of_nothing("<{{ base64(unset) }}>", "<>")]
#[case::decode("{{ base64Decode('Zm9vYg==') }} {{ base64Decode('Zm9vYg') }}", "foob foob")]
#[case::decode_url_safe("{{ base64Decode('Pz8_') }}", "???")]
#[case::decode_nonsense("<{{ base64Decode('*') }}>", "<>")]
#[case::url_encode("{{ urlEncode('a b/c?d=é&e-._~') }}", "a%20b%2Fc%3Fd%3D%C3%A9%26e-._~")]
#[case::json_text("{{ json(name) }}", "\"Ada\"")]
#[case::json_list("{{ json(user.tags) }}", r#"["a","b"]"#)]
#[case::json_of_nothing("{{ json(unset) }}", "null")]
#[case::length(
    "{{ length('äö') }} {{ length(user.tags) }} {{ length(user) }} {{ length(unset) }}",
    "2 2 1 0"
)]
#[case::number("{{ sha256(12) }}", "6b51d431df5d7f141cbececcf79edf3dd861c3b4069f0b11661a3eefacbba918")]
// FIPS 180-2, appendix B.1.
#[case::sha256("{{ sha256('abc') }}", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
// RFC 1321, appendix A.5.
#[case::md5("{{ md5('abc') }}", "900150983cd24fb0d6963f7d28e17f72")]
// RFC 4231, test case 2.
#[case::hmac(
    "{{ hmacSha256('Jefe', 'what do ya want for nothing?') }}",
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
)]
#[case::hmac_with_secret(
    "{{ hmacSha256(secrets.key, 'what do ya want for nothing?') }}",
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
)]
#[case::call_in_call("{{ upper(pick('a', 'a')) }}", "A")]
#[case::digest_of_digest(
    "{{ base64(sha256('abc')) }}",
    "YmE3ODE2YmY4ZjAxY2ZlYTQxNDE0MGRlNWRhZTIyMjNiMDAzNjFhMzk2MTc3YTljYjQxMGZmNjFmMjAwMTVhZA=="
)]
#[case::concat("{{ concat(name, '-', 1, '-', upper(name), unset) }}", "Ada-1-ADA")]
#[case::signature(
    "{{ hmacSha256(secrets.key, concat('what do ya ', \"want for nothing?\")) }}",
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
)]
#[case::key_by_call(
    "{{ hmacSha256(concat(upper('j'), 'efe'), 'what do ya want for nothing?') }}",
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
)]
#[case::parentheses_in_quotes("{{ upper(concat('a)', \"(b,'\")) }}", "A)(B,'")]
#[case::brackets_in_calls("{{ upper(concat(user['tags'][1], user.tags[0])) }}", "BA")]
#[case::spaces("{{ upper ( lower( 'Q' ) ) }}", "Q")]
#[case::pick_of_a_calls_value("{{ pick(pick(user.tags[0])) }}", "a")]
#[case::eight_levels("{{ upper(lower(upper(lower(upper(lower(upper(lower('a')))))))) }}", "A")]
fn texts_are_changed(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(parse(text).render(&mut values(1)), expected);
}

#[test]
fn one_of_several_calls_is_picked_and_made() {
    let picked = many("{{ pick(name, upper(name), randomInt(7, 7), concat('x', pick('y', 'z'))) }}");
    let count = |value: Value| picked.iter().filter(|picked| **picked == value).count();
    let counts = [json!("Ada"), json!("ADA"), json!(7), json!("xy"), json!("xz")].map(count);
    assert_eq!(counts.iter().sum::<usize>(), 1000, "{counts:?}");
    assert!(counts[..3].iter().all(|count| (200..300).contains(count)), "{counts:?}");
    assert!(counts[3..].iter().all(|count| (80..170).contains(count)), "{counts:?}");
}

#[test]
fn sequences_of_the_same_numbers_are_one() {
    let sequences = Sequences::default();
    let (mut scope, names) = (values(1), Names::new(["name"]).with_sequences(&sequences));
    let parse = |text: &str| Template::parse(text, &names).unwrap();
    let first = parse("{{ sequence() }} {{ sequence(100, -10) }}");
    let second = parse("{{ concat('n', sequence(1)) }}");
    let drawn = [&first, &second, &first, &second].map(|template| template.render(&mut scope));
    assert_eq!(drawn, ["1 100", "n2", "3 90", "n4"]);
    assert_eq!(parse("{{ sequence(5) }}").value(&mut scope), json!(5));
    assert_eq!(sequences.count(), 3);
}

#[test]
fn random_floats_keep_to_their_range_and_decimals() {
    let numbers: Vec<f64> =
        many("{{ randomFloat(-1.5, 2, 2) }}").iter().map(|n| n.as_f64().unwrap()).collect();
    assert!(
        numbers.iter().all(|n| (-1.5..=2.0).contains(n) && ((n * 100.0).round() - n * 100.0).abs() < 1e-9)
    );
    assert!(numbers.iter().any(|n| *n < -1.0) && numbers.iter().any(|n| *n > 1.5));
    let fine: Vec<f64> = many("{{ randomFloat(0, 1) }}").iter().map(|n| n.as_f64().unwrap()).collect();
    assert!(fine.iter().all(|n| (0.0..=1.0).contains(n)));
    let mean = fine.iter().sum::<f64>() / 1000.0;
    assert!((0.4..0.6).contains(&mean), "{mean}");
}

#[test]
fn random_booleans_are_both() {
    let count = many("{{ randomBool() }}").iter().filter(|value| value.as_bool().unwrap()).count();
    assert!((400..600).contains(&count), "{count}");
}

#[test]
fn random_dates_keep_to_their_range() {
    let (from, to): (Date, Date) = ("2024-02-27".parse().unwrap(), "2024-03-01".parse().unwrap());
    let dates = many("{{ randomDate('2024-02-27', '2024-03-01') }}");
    let mut days: Vec<Date> = dates.iter().map(|date| date.as_str().unwrap().parse().unwrap()).collect();
    days.sort();
    days.dedup();
    assert_eq!((days.len(), days.first(), days.last()), (4, Some(&from), Some(&to)));
    let (from, to): (Timestamp, Timestamp) =
        ("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-01T02:00:00+01:00".parse().unwrap());
    for time in many("{{ randomDate('2026-01-01T00:00:00Z', '2026-01-01T02:00:00+01:00') }}") {
        let time: Timestamp = time.as_str().unwrap().parse().unwrap();
        assert!(from <= time && time <= to, "{time}");
    }
}

#[rstest]
#[case("{{ firstName() }}", r"^\w+$", 100)]
#[case("{{ lastName() }}", r"^\w+$", 100)]
#[case("{{ fullName() }}", r"^\w+ \w+$", 800)]
#[case("{{ city() }}", r"^[A-Z][\w ]+$", 100)]
#[case("{{ country() }}", r"^[A-Z][\w ]+$", 100)]
#[case("{{ phone() }}", r"^\+1-[2-9]\d\d-555-01\d\d$", 900)]
#[case("{{ company() }}", r"^\w+ \w+ \w+$", 900)]
#[case("{{ word() }}", r"^[a-z]+$", 100)]
#[case("{{ words(3) }}", r"^[a-z]+ [a-z]+ [a-z]+$", 900)]
#[case("{{ sentence() }}", r"^[A-Z][a-z]*( [a-z]+){5,11}\.$", 900)]
#[case("{{ paragraph() }}", r"^[A-Z][a-z ]+\.( [A-Z][a-z ]+\.){2,5}$", 900)]
fn made_up_values_look_right_differ_and_repeat(#[case] text: &str, #[case] form: &str, #[case] least: usize) {
    let form = regex::Regex::new(form).unwrap();
    let mut drawn: Vec<String> = many(text).iter().map(|value| value.as_str().unwrap().to_owned()).collect();
    assert_eq!(many(text), drawn, "the same seed gives the same values");
    for value in &drawn {
        assert!(form.is_match(value), "{value}");
    }
    drawn.sort();
    drawn.dedup();
    assert!(drawn.len() >= least, "only {} different values", drawn.len());
}

#[rstest]
#[case("randomFloat(2, 1)", "randomFloat takes two numbers, the lower one first")]
#[case("randomFloat(1, 2, 16)", "decimals (0 to 15)")]
#[case("randomFloat(-1e308, 1e308)", "randomFloat takes")]
#[case("randomBool(1)", "randomBool takes no arguments")]
#[case("randomDate('2026-02-30', '2026-03-01')", "randomDate takes two dates")]
#[case("randomDate('2026-03-02', '2026-03-01')", "the earlier one first")]
#[case("randomDate('2026-03-01', '2026-03-02T00:00:00Z')", "randomDate takes two dates")]
#[case("words(0)", "words takes a number from 1 to 1000")]
#[case("city('x')", "city takes no arguments")]
#[case("upper()", "upper takes one value")]
#[case("sha256('a', 'b')", "sha256 takes one value")]
#[case("hmacSha256('a')", "hmacSha256 takes a key and a value")]
#[case("hmacSha256(secrets.other, 'a')", "unknown secret \"other\"")]
#[case("upper(nmae)", "unknown variable \"nmae\"")]
#[case("upper(lower(nmae))", "unknown variable \"nmae\"")]
#[case("upper(lowr(name))", "unknown function \"lowr\"")]
#[case("upper(randomInt(2, 1))", "randomInt takes two whole numbers")]
#[case("upper(lower(name)", "can't be understood")]
#[case("upper(lower(name)))", "can't be understood")]
#[case("upper(name) lower(name)", "can't be understood")]
#[case("concat()", "concat takes values")]
#[case("pick()", "pick takes values")]
#[case("randomInt(1, length(name))", "randomInt takes two whole numbers")]
#[case(
    "upper(lower(upper(lower(upper(lower(upper(lower(upper(name)))))))))",
    "calls are nested more than 8 levels deep"
)]
#[case("sequence()", "sequence() is for the steps of scenarios only")]
#[case("sequence(1, 0)", "sequence takes a whole number to start with, and a step that is not 0")]
#[case("sequence(name)", "sequence takes a whole number")]
#[case("sha1('a')", "hmacSha256(key, x)")]
fn wrong_calls_are_explained(#[case] call: &str, #[case] expected: &str) {
    let names = Names::new(["name"]).with_secrets(["key".to_owned()]);
    let error = Template::parse(&format!("{{{{ {call} }}}}"), &names).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}
