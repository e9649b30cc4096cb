// SPDX-License-Identifier: Apache-2.0
//! How much room an event may take: its texts are of others, who may write as much as they like.

use super::{Event, LONGEST_TEXT, Life, PodUsage, Reading, What};

/// Most readings of an event, and most policies and containers.
const MOST_PARTS: usize = 16;
/// Most pods whose usage an event tells.
const MOST_PODS: usize = 500;

impl What {
    /// Shortens all texts, and leaves out parts that are too many. A policy that is too long is none that Kubernetes takes.
    pub fn shorten(&mut self) {
        match self {
            Self::Condition(condition) => {
                shorten(&mut condition.condition);
                shorten(&mut condition.status);
                shorten(&mut condition.reason);
                shorten(&mut condition.message);
            }
            Self::Scaling(scaling) => {
                scaling.readings.truncate(MOST_PARTS);
                scaling.readings.iter_mut().for_each(|reading| shorten(&mut reading.metric));
            }
            Self::Autoscaler(autoscaler) => {
                shorten(&mut autoscaler.kind);
                shorten(&mut autoscaler.name);
                for policies in
                    std::iter::once(&mut autoscaler.up_policies).chain(&mut autoscaler.down_policies)
                {
                    policies.truncate(MOST_PARTS);
                    policies.retain(|policy| policy.to_string().len() <= LONGEST_TEXT);
                }
                for select in [&mut autoscaler.up_select, &mut autoscaler.down_select].into_iter().flatten() {
                    shorten(select);
                }
            }
            Self::QuotaExceeded { message: text }
            | Self::Lost { message: text, .. }
            | Self::Revision { revision: text } => shorten(text),
            Self::Usage { pods, omitted } => {
                let more = u32::try_from(pods.len().saturating_sub(MOST_PODS)).unwrap_or(u32::MAX);
                *omitted = omitted.saturating_add(more);
                pods.truncate(MOST_PODS);
                for pod in pods {
                    shorten(&mut pod.pod);
                    pod.containers.truncate(MOST_PARTS);
                    pod.containers.iter_mut().for_each(|container| shorten(&mut container.name));
                }
            }
            Self::Pod { pod, life } => {
                shorten(pod);
                if let Life::Unschedulable { message: text }
                | Life::ImagePullFailed { message: text }
                | Life::Ended { reason: text, .. }
                | Life::Scheduled { node: Some(text) } = life
                {
                    shorten(text);
                }
            }
            Self::Load { .. }
            | Self::Thresholds { .. }
            | Self::AutoscalerGone
            | Self::Asked { .. }
            | Self::Existing { .. }
            | Self::Rollout { .. }
            | Self::Listed { .. } => {}
        }
    }
}

impl Event {
    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        let more = match &self.what {
            What::Condition(condition) => {
                let texts = [&condition.condition, &condition.status, &condition.reason, &condition.message];
                texts.into_iter().map(String::len).sum()
            }
            What::Scaling(scaling) => {
                scaling.readings.iter().map(|reading| size_of::<Reading>() + reading.metric.len()).sum()
            }
            What::Autoscaler(autoscaler) => autoscaler.bytes(),
            What::QuotaExceeded { message: text }
            | What::Lost { message: text, .. }
            | What::Revision { revision: text } => text.len(),
            What::Pod { pod, life } => {
                pod.len()
                    + match life {
                        Life::Unschedulable { message: text }
                        | Life::ImagePullFailed { message: text }
                        | Life::Ended { reason: text, .. }
                        | Life::Scheduled { node: Some(text) } => text.len(),
                        _ => 0,
                    }
            }
            What::Usage { pods, .. } => pods.iter().map(PodUsage::bytes).sum(),
            _ => 0,
        };
        size_of::<Self>() + more
    }
}

fn shorten(text: &mut String) {
    text.truncate(text.floor_char_boundary(LONGEST_TEXT));
    text.shrink_to_fit();
}
