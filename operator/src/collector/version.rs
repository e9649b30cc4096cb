// SPDX-License-Identifier: Apache-2.0
//! Versions of the protocol that are not served: told from the first words, before the rest is read.

use upsurge_core::protocol::{Form, Introduction, Mismatch, RunPlan, is_served, served};

/// Who speaks a version that is not served of a run, and what to say about it. Words without a version are of the first one;
/// such that can't be understood at all are for others to refuse.
pub fn not_served(form: Form, words: &[u8], plan: &RunPlan) -> Option<(Introduction, String)> {
    let said = Introduction::read(form, words).ok()?;
    if is_served(plan, said.version) {
        return None;
    }
    let mismatch = Mismatch {
        image: plan.test.runner.image.clone(),
        spoken: said.version,
        operator: "this operator",
        served: served(plan),
    };
    Some((said, mismatch.to_string()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use upsurge_core::protocol::PROTOCOL_VERSION;

    use super::*;
    use crate::collector::session::tests::plan;

    #[rstest]
    #[case::absent(r#"{"runner": 0, "pod": "p"}"#.into(), true)]
    #[case::previous(format!(r#"{{"version": {}, "runner": 0, "pod": "p"}}"#, PROTOCOL_VERSION - 1), false)]
    #[case::present(format!(r#"{{"version": {PROTOCOL_VERSION}, "runner": 0, "pod": "p"}}"#), false)]
    #[case::next(format!(r#"{{"version": {}, "runner": 0, "pod": "p"}}"#, PROTOCOL_VERSION + 1), true)]
    #[case::zero(r#"{"version": 0, "runner": 0, "pod": "p"}"#.into(), true)]
    #[case::nonsense("nonsense".into(), false)]
    fn versions_beside_the_present_and_the_previous_one_are_told(#[case] words: String, #[case] told: bool) {
        assert_eq!(not_served(Form::Json, words.as_bytes(), &plan(1, false)).is_some(), told);
    }

    #[test]
    fn the_message_names_the_image_and_both_versions() {
        let mut plan = plan(1, false);
        plan.test.runner.image = Some("shop/runner:7".into());
        let (said, message) =
            not_served(Form::Json, br#"{"version": 9, "runner": 2, "pod": "p"}"#, &plan).unwrap();
        assert_eq!((said.runner, said.pod.as_str()), (2, "p"));
        assert!(message.starts_with("runner image shop/runner:7 speaks version 9 "), "{message}");
        assert!(message.contains("this operator serves versions 2 and 3: "), "{message}");
    }

    #[test]
    fn a_runner_of_the_version_before_has_no_part_in_a_run_that_asks_for_more_than_it_knows() {
        let words = br#"{"version": 2, "runner": 0, "pod": "p"}"#;
        assert!(not_served(Form::Json, words, &plan(1, false)).is_none());
        let mut verified = plan(1, false);
        verified.test.verify =
            serde_json::from_value(serde_json::json!([{"request": {"url": "/"}}])).unwrap();
        for plan in [RunPlan { more: true, ..plan(1, false) }, verified] {
            let (_, message) = not_served(Form::Json, words, &plan).unwrap();
            assert!(message.contains("speaks version 2 "), "{message}");
            assert!(message.contains("this operator serves version 3 only: "), "{message}");
            let present = format!(r#"{{"version": {PROTOCOL_VERSION}, "runner": 0, "pod": "p"}}"#);
            assert!(not_served(Form::Json, present.as_bytes(), &plan).is_none());
        }
    }
}
