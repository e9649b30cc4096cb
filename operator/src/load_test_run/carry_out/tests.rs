// SPDX-License-Identifier: Apache-2.0
//! Who may carry out what.

use rstest::rstest;
use serde_json::json;
use upsurge_crds::{
    internal::{TargetLease, TargetLeaseSpec},
    names::reasons,
    v1alpha1::{LoadTestRunStatus, PinnedObject},
};

use super::*;
use crate::{
    load_test_run::{
        build,
        decide::Look,
        fixtures::{plan, run},
        update_status::base,
    },
    played::{context, failure, leading, server},
    records::{self, Keeping},
};

/// All effects that change something in the cluster, or for runners.
fn effects(plan: &Plan, runs: &Runs) -> Vec<Effect> {
    let objects = Arc::new(build::objects(plan, "checkout", &runs.context.runner().unwrap(), None).unwrap());
    let now = Timestamp::UNIX_EPOCH;
    let target = plan.claims[0].target.clone();
    let lease = TargetLeaseSpec { target, holders: Vec::new(), waiting: Vec::new(), past: Vec::new() };
    vec![
        Effect::Complete(json!({})),
        Effect::WriteLease(Box::new(TargetLease::new("target", lease))),
        Effect::LeaveTarget,
        Effect::LookForCompany { start: now, end: now },
        Effect::KeepRun,
        Effect::SetReplicas(vec![upsurge_core::pinning::Change { to: Default::default(), version: None }]),
        Effect::ReleaseRun(vec!["left".into()]),
        Effect::OpenSession,
        Effect::ApplyGroundwork(objects.clone()),
        Effect::CreateJob(objects),
        Effect::KeepRecord(Arc::new(records::fixtures::record(&run(&json!({}))))),
        Effect::WriteStatus,
        Effect::StopRunners("because".into()),
        Effect::RunAfter,
        Effect::Quench,
        Effect::HavePrometheusAsked { start: now, end: now },
        Effect::AskPrometheus { start: now, end: now },
        Effect::CloseSession,
        Effect::DropCheckpoint,
        Effect::RemoveRunners,
        Effect::Forget,
    ]
}

#[tokio::test]
async fn an_operator_that_does_not_lead_any_more_has_no_effect() {
    let lost = leading(7);
    lost.lose();
    for (fence, term) in [(lost, 7), (leading(7), 8)] {
        let (client, log) = server(|_| failure(500, "InternalError"));
        let runs = Runs::new(Arc::new(context(client, fence)), "upsurge-system");
        let (plan, mut run) = (Arc::new(plan(&json!({}))), run(&json!({})));
        run.status = Some(Default::default());
        run.status.as_mut().unwrap().leader_term = Some(term);
        for effect in effects(&plan, &runs) {
            let decision = Decision::new(base(&run), vec![effect.clone()], Look::AtChange);
            let error = carry_out(&runs, &run, Some(&plan), &decision).await.unwrap_err();
            let quiet = matches!(
                error,
                Error::UpdateStatus(WriteError::NotLeading(_) | WriteError::Superseded { .. })
            );
            assert!(quiet, "{effect:?}: {error:?}");
        }
        assert!(log.lock().unwrap().is_empty(), "{:?}", log.lock().unwrap());
    }
}

#[tokio::test]
async fn what_the_api_server_refuses_is_a_fact_for_the_next_decision_and_ends_this_one() {
    let (client, log) = server(|asked| match asked.path.contains("/jobs/") {
        true => failure(403, "Forbidden"),
        false => (200, asked.body.clone()),
    });
    let runs = Runs::new(Arc::new(context(client, leading(7))), "upsurge-system");
    let (plan, run) = (Arc::new(plan(&json!({}))), run(&json!({})));
    let objects = Arc::new(build::objects(&plan, "checkout", &runs.context.runner().unwrap(), None).unwrap());
    let effects =
        vec![Effect::ApplyGroundwork(objects.clone()), Effect::CreateJob(objects), Effect::WriteStatus];
    let decision = Decision::new(base(&run), effects, Look::AtChange);
    let Carried::Refused(cause) = carry_out(&runs, &run, Some(&plan), &decision).await.unwrap() else {
        panic!("not refused")
    };
    assert_eq!(cause.reason(), reasons::PODS_FORBIDDEN);
    let wrote = log.lock().unwrap().iter().any(|asked| asked.path.ends_with("/status"));
    assert!(!wrote, "what came after it was left");
}

#[tokio::test]
async fn what_may_pass_delays_a_run_that_has_no_job_and_fails_for_any_other() {
    for (phase, delays) in [(None, true), (Some(Phase::Pending), true), (Some(Phase::Running), false)] {
        let (client, _) = server(|_| failure(500, "InternalError"));
        let runs = Runs::new(Arc::new(context(client, leading(7))), "upsurge-system");
        let (plan, mut run) = (Arc::new(plan(&json!({}))), run(&json!({})));
        run.status = phase.map(|phase| upsurge_crds::v1alpha1::LoadTestRunStatus {
            phase: Some(phase),
            ..Default::default()
        });
        let objects =
            Arc::new(build::objects(&plan, "checkout", &runs.context.runner().unwrap(), None).unwrap());
        let decision = Decision::new(base(&run), vec![Effect::CreateJob(objects)], Look::AtChange);
        match carry_out(&runs, &run, Some(&plan), &decision).await {
            Ok(Carried::Delayed(why)) => {
                assert!(delays, "{phase:?}");
                // The API server's words, and not what a programmer would print.
                assert!(why.ends_with(": because") && !why.contains("Status {"), "{why}");
            }
            Err(Error::Apply(_)) => assert!(!delays, "{phase:?}"),
            other => panic!("{other:?}"),
        }
    }
}

#[rstest]
#[case::held(403, Phase::Pending, false, &["one"])]
#[case::put_back(403, Phase::Restoring, false, &["one", "other"])]
#[case::put_back_of_a_deleted_run(403, Phase::Running, true, &["one", "other"])]
// As for a webhook that is broken: what never works must not be tried for ever.
#[case::put_back_in_vain(500, Phase::Restoring, false, &["one", "other"])]
#[tokio::test]
async fn what_can_not_be_changed_keeps_nothing_else_from_being_put_back(
    #[case] code: u16,
    #[case] phase: Phase,
    #[case] is_deleted: bool,
    #[case] expected: &[&str],
) {
    let (client, log) = server(move |asked| match asked.path.ends_with("/one") {
        true => failure(code, "Refused"),
        false => (200, hpa()),
    });
    let runs = Runs::new(Arc::new(context(client, leading(7))), "upsurge-system");
    let mut run = run(&json!({}));
    run.status = Some(LoadTestRunStatus { phase: Some(phase), ..Default::default() });
    run.metadata.deletion_timestamp = is_deleted.then_some(Time(Timestamp::UNIX_EPOCH));
    let changes = ["one", "other"].map(|name| upsurge_core::pinning::Change {
        to: PinnedObject {
            kind: "HorizontalPodAutoscaler".into(),
            name: name.into(),
            min_replicas: Some(2),
            max_replicas: Some(9),
            ..Default::default()
        },
        version: None,
    });
    let decision = Decision::new(base(&run), vec![Effect::SetReplicas(changes.to_vec())], Look::Now);
    let Carried::Refused(cause) = carry_out(&runs, &run, None, &decision).await.unwrap() else {
        panic!("not refused")
    };
    assert!(cause.message().contains("HorizontalPodAutoscaler/one"), "{}", cause.message());
    let log = log.lock().unwrap();
    let asked: Vec<&str> = log.iter().map(|asked| asked.path.rsplit('/').next().unwrap()).collect();
    assert_eq!(asked, expected);
}

/// An autoscaler as the API server gives it.
fn hpa() -> serde_json::Value {
    json!({"metadata": {"name": "other"}, "spec": {"maxReplicas": 9,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"}}})
}

#[tokio::test]
async fn a_checkpoint_that_nobody_can_read_ends_the_run_and_one_that_can_not_be_had_now_does_not() {
    let unknown = json!({"apiVersion": "internal.upsurge.dev/v1alpha1", "kind": "Checkpoint",
        "metadata": {"name": "checkout-g1", "resourceVersion": "3"}, "spec": {"payloadVersion": 99, "data": ""}});
    for (status, answer, reason) in
        [(200, Some(unknown), Some(reasons::CHECKPOINT_UNKNOWN)), (500, None, None)]
    {
        let (client, _) = server(move |_| match &answer {
            Some(answer) => (status, answer.clone()),
            None => failure(status, "InternalError"),
        });
        let runs = Runs::new(Arc::new(context(client, leading(7))), "upsurge-system");
        let (plan, run) = (Arc::new(plan(&json!({}))), run(&json!({})));
        let decision = Decision::new(base(&run), vec![Effect::OpenSession], Look::AtChange);
        let told = match carry_out(&runs, &run, Some(&plan), &decision).await {
            Ok(Carried::Refused(cause)) => Some(cause.reason().to_owned()),
            Ok(Carried::Delayed(why)) => {
                assert!(why.contains("because") && !why.contains("Status {"), "{why}");
                None
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(told.as_deref(), reason);
    }
}

#[tokio::test]
async fn a_record_that_can_not_be_written_leaves_the_status_and_is_remembered() {
    let (client, log) = server(|asked| match asked.method.as_str() {
        "GET" => (200, json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []})),
        _ => failure(403, "Forbidden"),
    });
    let runs = Runs::new(Arc::new(context(client, leading(7))), "upsurge-system");
    let (plan, run) = (runs.memory.keep(plan(&json!({}))), run(&json!({})));
    let effects = vec![Effect::KeepRecord(Arc::new(records::fixtures::record(&run))), Effect::WriteStatus];
    let decision = Decision::new(base(&run), effects, Look::AtChange);
    let carried = carry_out(&runs, &run, Some(&plan), &decision).await.unwrap();
    assert!(matches!(carried, Carried::NotKept), "{carried:?}");
    let wrote = log.lock().unwrap().iter().any(|asked| asked.path.ends_with("/status"));
    assert!(!wrote, "what came after it was left");
    let keeping = runs.memory.keeping(&plan::key(&run));
    assert!(matches!(&keeping, Keeping::Waits { why, .. } if why.ends_with("because")), "{keeping:?}");
}

#[tokio::test]
async fn a_lead_that_is_lost_while_room_is_made_leaves_the_record_to_who_leads_next() {
    let fence = leading(7);
    let lost = fence.clone();
    let (client, log) = server(move |asked| {
        if asked.method == "GET" {
            lost.lose();
            return (200, json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []}));
        }
        (200, asked.body.clone())
    });
    let runs = Runs::new(Arc::new(context(client, fence)), "upsurge-system");
    let (plan, run) = (runs.memory.keep(plan(&json!({}))), run(&json!({})));
    let effects = vec![Effect::KeepRecord(Arc::new(records::fixtures::record(&run)))];
    let decision = Decision::new(base(&run), effects, Look::AtChange);
    let error = carry_out(&runs, &run, Some(&plan), &decision).await.unwrap_err();
    assert!(matches!(error, Error::UpdateStatus(WriteError::NotLeading(_))), "{error:?}");
    assert!(
        log.lock().unwrap().iter().all(|asked| asked.method == "GET"),
        "a later record is not written over"
    );
}
