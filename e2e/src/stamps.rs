// SPDX-License-Identifier: Apache-2.0
//! When a pod came to be what it is, as Kubernetes itself has it.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::{api::core::v1::Pod, jiff::Timestamp};
use kube::ResourceExt;
use upsurge_crds::v1alpha1::LatencySplit;

/// The stamps of a pod that is ready, in whole seconds.
#[derive(Clone, Debug)]
pub struct Stamps {
    /// Name of the pod.
    pub pod: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it had a node.
    pub scheduled: Timestamp,
    /// When its container was started.
    pub started: Timestamp,
    /// When it was ready.
    pub ready: Timestamp,
}

impl Stamps {
    /// Those of a pod; none while it is not ready.
    pub fn of(pod: &Pod) -> Option<Self> {
        let status = pod.status.as_ref()?;
        let holds = |type_: &str| {
            let mut conditions = status.conditions.iter().flatten();
            let found =
                conditions.find(|condition| condition.type_ == type_ && condition.status == "True")?;
            Some(found.last_transition_time.as_ref()?.0)
        };
        let container = status.container_statuses.as_ref()?.first()?;
        Some(Self {
            pod: pod.name_any(),
            created: pod.metadata.creation_timestamp.as_ref()?.0,
            scheduled: holds("PodScheduled")?,
            started: container.state.as_ref()?.running.as_ref()?.started_at.as_ref()?.0,
            ready: holds("Ready")?,
        })
    }

    /// Those of the pod that was created last.
    ///
    /// # Errors
    /// When it is not ready.
    pub fn newest(pods: &[Pod]) -> Result<Self> {
        let newest = pods.iter().max_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|at| at.0));
        newest.and_then(Self::of).context("the newest pod is not ready")
    }

    /// Checks that the parts of a scale-up that this pod tells are right to one second. `asked` is when the workload was asked for
    /// it, as somebody else saw it.
    ///
    /// # Errors
    /// With the first part that is wrong.
    pub fn ensure_told(&self, split: &LatencySplit, asked: Timestamp) -> Result<()> {
        for (part, told, from, until) in [
            ("created", &split.created, asked, self.created),
            ("scheduled", &split.scheduled, self.created, self.scheduled),
            ("started", &split.started, self.scheduled, self.started),
            ("ready", &split.ready, self.started, self.ready),
        ] {
            let told = told.as_deref().with_context(|| format!("{part} is not told: {split:?}"))?;
            // A stamp is rounded down, so the creation may seem to lie before it was asked for.
            let truth = until.duration_since(from).as_secs_f64().max(0.0);
            let wrong = (part_seconds(told)? - truth).abs();
            ensure!(
                wrong <= 1.0,
                "{part} is told as {told}, and it took {truth} s: {self:?}, asked for at {asked}"
            );
        }
        Ok(())
    }
}

/// Seconds of a part, as `15.2s`.
///
/// # Errors
/// When it is not of that form.
pub fn part_seconds(text: &str) -> Result<f64> {
    let number = text.strip_suffix('s').and_then(|number| number.parse().ok());
    number.with_context(|| format!("{text:?} is no time in seconds"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod() -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "target-1", "creationTimestamp": "2026-01-02T03:00:01Z"},
            "status": {
                "conditions": [
                    {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-02T03:00:01Z"},
                    {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-02T03:00:43Z"},
                ],
                "containerStatuses": [{
                    "name": "target", "image": "", "imageID": "", "ready": true, "restartCount": 0,
                    "state": {"running": {"startedAt": "2026-01-02T03:00:03Z"}},
                }],
            },
        }))
        .unwrap()
    }

    fn split(ready: &str) -> LatencySplit {
        let [created, scheduled, started, ready] =
            ["0.1s", "0s", "2s", ready].map(|text| Some(text.to_owned()));
        LatencySplit { created, scheduled, started, ready, ..LatencySplit::default() }
    }

    #[test]
    fn a_part_that_is_wrong_by_more_than_a_second_or_not_told_is_found() {
        let stamps = Stamps::newest(&[pod()]).unwrap();
        let asked: Timestamp = "2026-01-02T03:00:01.4Z".parse().unwrap();
        stamps.ensure_told(&split("40.7s"), asked).unwrap();
        assert!(stamps.ensure_told(&split("42s"), asked).is_err());
        assert!(stamps.ensure_told(&LatencySplit::default(), asked).is_err());
        assert!(stamps.ensure_told(&split("40s"), "2026-01-02T02:59:58Z".parse().unwrap()).is_err());
    }

    #[test]
    fn a_pod_that_is_not_ready_has_no_stamps() {
        let mut pod = pod();
        pod.status.as_mut().unwrap().conditions.as_mut().unwrap()[1].status = "False".into();
        assert!(Stamps::of(&pod).is_none());
    }
}
