// SPDX-License-Identifier: Apache-2.0
//! What of a cause outlives the operator.

use rstest::rstest;

use super::*;

#[rstest]
#[case::asked_for(Cause::aborted(), EndCauseType::Aborted)]
#[case::breached(Cause::breach("rate < 1%: observed 7%"), EndCauseType::ThresholdBreached)]
#[case::broken(Cause::breakdown(reasons::RUNNER_OOM_KILLED, "runner 1"), EndCauseType::Breakdown)]
#[case::by_the_test(Cause::breakdown(reasons::ABORTED_BY_TEST, "sold out"), EndCauseType::AbortedByTest)]
fn the_cause_outlives_the_operator_whatever_the_status_says_to_people(
    #[case] cause: Cause,
    #[case] type_: EndCauseType,
) {
    assert_eq!(cause.type_(), type_);
    for phase in [Phase::Stopping, Phase::Collecting, Phase::Finished] {
        let status = LoadTestRunStatus {
            phase: Some(phase),
            reason: Some("Whatever".into()),
            message: Some("something else".into()),
            leader_term: Some(7),
            end_cause: Some(cause.recorded()),
            ..LoadTestRunStatus::default()
        };
        assert_eq!(Cause::of(&status), Some(cause.clone()));
        assert_eq!(Cause::of(&LoadTestRunStatus { end_cause: None, ..status }), None);
    }
}

#[rstest]
#[case(Cause::aborted())]
#[case(Cause::breach("rate < 1%: observed 7%"))]
#[case(Cause::breakdown(reasons::RUNNER_OOM_KILLED, "runner 1"))]
fn a_run_that_an_operator_without_the_field_stopped_is_taken_up(#[case] cause: Cause) {
    for phase in [Phase::Stopping, Phase::Collecting] {
        let status = LoadTestRunStatus {
            phase: Some(phase),
            reason: Some(cause.reason().into()),
            message: Some(cause.message().into()),
            ..LoadTestRunStatus::default()
        };
        assert_eq!(Cause::of(&status), Some(cause.clone()));
        let without = LoadTestRunStatus { reason: Some(format!("{phase:?}")), ..status };
        assert_eq!(Cause::of(&without), None);
    }
}

#[test]
fn a_cause_that_a_runner_wrote_is_bounded() {
    let cause = Cause::breakdown(reasons::RUNNER_FAILED, "ä".repeat(100_000));
    assert!(cause.message().len() <= 4_096 && cause.message().ends_with('…'), "{}", cause.message().len());
}
