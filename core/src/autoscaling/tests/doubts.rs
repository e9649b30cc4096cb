// SPDX-License-Identifier: Apache-2.0
//! Why what was observed can't carry a verdict.

use super::*;

fn doubted(record: &Record, spec: &Workload) -> Vec<(&'static str, String)> {
    let (_, doubts) = looked_at(record, &spike(), 80.0, spec);
    doubts.into_iter().map(|doubt| (doubt.reason, doubt.message)).collect()
}

#[test]
fn an_autoscaler_that_is_blind_for_long_can_not_be_judged() {
    let spec = expecting(None, Some(2), None, None);
    let blind = |second: f64| {
        let mut record = good();
        note(
            &mut record,
            second,
            condition("ScalingActive", "False", "FailedGetResourceMetric", "no metrics known"),
        );
        record
    };
    assert_eq!(
        doubted(&blind(5.0), &spec),
        [(
            "MetricsUnavailable",
            "HorizontalPodAutoscaler/checkout could not read its metrics for 25 s of the 30 s until the load fell \
             (FailedGetResourceMetric: no metrics known); see to the metrics API and run the test again"
                .to_owned()
        )]
    );
    assert_eq!(doubted(&blind(5.0), &Workload::from("checkout")), [], "nothing was expected of it");
    let problems = analysed(&blind(5.0), 80.0, &spec).problems;
    assert_eq!(
        problems,
        ["ScalingActive=False from 5 s to 80 s of the run: FailedGetResourceMetric: no metrics known"]
    );
    let mut mended = blind(5.0);
    note(&mut mended, 10.0, condition("ScalingActive", "True", "ValidMetricFound", ""));
    assert_eq!(doubted(&mended, &spec), [], "5 s of 30 s are a hiccup");
    let mut resting = good();
    note(
        &mut resting,
        5.0,
        condition(
            "ScalingActive",
            "False",
            "ScalingDisabled",
            "scaling is disabled since the replica count is zero",
        ),
    );
    assert_eq!(doubted(&resting, &spec), [], "it is switched off at zero");
}

#[test]
fn an_autoscaler_that_goes_by_its_fallback_can_not_be_judged() {
    let spec = expecting(None, Some(2), None, None);
    let mut record = good();
    note(
        &mut record,
        -5.0,
        condition("Fallback", "True", "FallbackExists", "at least one trigger is falling back"),
    );
    note(&mut record, -2.0, condition("Fallback", "False", "NoFallbackFound", ""));
    assert_eq!(doubted(&record, &spec), [], "it was over before the load");
    note(
        &mut record,
        5.0,
        condition("Fallback", "True", "FallbackExists", "at least one trigger is falling back"),
    );
    let doubts = doubted(&record, &spec);
    let [(reason, message)] = &doubts[..] else { panic!("{doubts:?}") };
    assert_eq!(*reason, "MetricsUnavailable");
    assert!(message.contains("at 5 s of the load; at least one trigger is falling back"), "{message}");
    assert_eq!(doubted(&record, &Workload::from("checkout")), [], "nothing was expected of it");
}

#[test]
fn a_condition_that_was_found_after_a_gap_began_when_its_stamp_says() {
    let mut record = good();
    let lost = What::Lost { source: Source::Autoscaler, message: "the operator was restarted".into() };
    note(&mut record, 4.0, lost);
    let blind = condition("ScalingActive", "False", "FailedGetResourceMetric", "");
    record.note(Event::found(at(29.0), blind).stamped(at(6.0)));
    note(&mut record, 29.0, What::Listed { source: Source::Autoscaler });
    let problems = analysed(&record, 80.0, &expecting(None, Some(2), None, None)).problems;
    assert!(
        problems[0].starts_with("ScalingActive=False from 6 s to 80 s")
            || problems[0].starts_with("ScalingActive=False from 7 s to 80 s"),
        "{problems:?}"
    );
    assert_eq!(
        problems[1],
        "the autoscaler was not seen from 4 s to 29 s of the run: the operator was restarted"
    );
}

#[test]
fn a_missing_autoscaler_or_no_observation_can_not_be_judged() {
    let spec = expecting(None, Some(2), None, None);
    let mut nothing = Record::new(Demand::None);
    let forbidden = |source| What::Lost { source, message: "horizontalpodautoscalers is forbidden".into() };
    note(&mut nothing, -9.0, forbidden(Source::Autoscaler));
    let (reason, message) = doubted(&nothing, &spec).remove(0);
    assert_eq!(reason, "AutoscalerNotFound");
    assert!(
        message.contains("expects of Deployment/checkout can't be judged")
            && message.ends_with("as its scaleTargetRef: horizontalpodautoscalers is forbidden"),
        "{message}"
    );
    let mut unseen = observed(4, &[]);
    note(&mut unseen, -9.0, forbidden(Source::Endpoints));
    assert_eq!(doubted(&unseen, &spec).remove(0).0, "MetricsUnavailable");
    assert_eq!(doubted(&nothing, &Workload::from("checkout")), []);
}

#[rstest]
#[case::before_the_load(-1.0, true, false)]
#[case::during_the_load(40.0, false, true)]
#[case::while_scale_down_is_watched(70.0, true, true)]
#[case::after_the_load_when_nothing_is_expected(70.0, false, false)]
#[case::after_the_run(90.0, true, false)]
fn a_rollout_during_the_run_spoils_it(#[case] second: f64, #[case] judged: bool, #[case] doubt: bool) {
    let spec = if judged { expecting(None, Some(2), None, Some(60)) } else { Workload::from("checkout") };
    let mut record = good();
    note(&mut record, second, What::Revision { revision: "2".into() });
    let reasons: Vec<_> = doubted(&record, &spec).into_iter().map(|(reason, _)| reason).collect();
    assert_eq!(reasons.contains(&"RolloutDuringRun"), doubt);
}

#[test]
fn of_bounds_that_change_those_at_the_start_are_told_and_the_change_is_a_doubt() {
    let mut record = good();
    let wider = Autoscaler {
        kind: "HorizontalPodAutoscaler".into(),
        name: "checkout".into(),
        min: 2,
        max: 20,
        down_window: 300,
        ..Autoscaler::default()
    };
    note(&mut record, 25.0, What::Autoscaler(wider));
    let spec = expecting(None, Some(2), None, None);
    let result = analysed(&record, 80.0, &spec);
    assert_eq!((result.min_replicas, result.max_replicas), (Some(1), Some(6)));
    assert_eq!(doubted(&record, &spec)[0].0, "AutoscalerChanged");
}
