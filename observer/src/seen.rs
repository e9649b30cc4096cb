// SPDX-License-Identifier: Apache-2.0
//! What watches show, one kind of object each.

use k8s_openapi::api::{
    autoscaling::{v1::Scale, v2::HorizontalPodAutoscaler},
    core::v1::{Event, Pod},
    discovery::v1::EndpointSlice,
};
use kube::core::DynamicObject;
use upsurge_figures::observation::Source;

/// What happened to a set of objects.
#[derive(Clone, Debug)]
pub enum Change<K> {
    /// All that there are, at first or after they could not be seen.
    Listed(Vec<K>),
    /// One is new or changed.
    Applied(Box<K>),
    /// One is gone; as it was last.
    Deleted(Box<K>),
    /// From now on they can't be seen, and why.
    Lost(String),
}

/// Something that a watch showed.
#[derive(Clone, Debug)]
pub enum Seen {
    /// Autoscalers of the namespace.
    Autoscalers(Change<HorizontalPodAutoscaler>),
    /// KEDA's ScaledObjects of the namespace.
    ScaledObjects(Change<DynamicObject>),
    /// The workload.
    Workload(Change<DynamicObject>),
    /// The workload's scale, of a kind that is not watched.
    Scale(Change<Scale>),
    /// Events that tell that a pod could not be made.
    Failures(Change<Event>),
    /// Pods that the workload's selector selects.
    Pods(Change<Pod>),
    /// EndpointSlices of the namespace.
    Slices(Change<EndpointSlice>),
    /// CPU and memory of those pods, as the metrics API has them. They are looked at, so they are always listed.
    Usage(Change<DynamicObject>),
}

/// A watch, by what it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watched {
    /// HorizontalPodAutoscalers.
    Autoscalers,
    /// ScaledObjects.
    ScaledObjects,
    /// The workload or its scale.
    Workload,
    /// Events.
    Failures,
    /// Pods.
    Pods,
    /// EndpointSlices.
    Slices,
    /// The metrics API.
    Usage,
}

impl Watched {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Autoscalers,
        Self::ScaledObjects,
        Self::Workload,
        Self::Failures,
        Self::Pods,
        Self::Slices,
        Self::Usage,
    ];

    /// The source whose state hangs on it.
    pub const fn source(self) -> Source {
        match self {
            Self::Autoscalers | Self::ScaledObjects => Source::Autoscaler,
            Self::Workload | Self::Failures => Source::Workload,
            Self::Pods => Source::Pods,
            Self::Slices => Source::Endpoints,
            Self::Usage => Source::Usage,
        }
    }

    /// Whether the source is unknown as long as this one was never listed. A cluster need not have KEDA, and a quota shows
    /// on a Deployment as well; so what these tell is missed only once it could be seen.
    pub const fn is_needed(self) -> bool {
        !matches!(self, Self::ScaledObjects | Self::Failures)
    }
}

impl<K> Change<K> {
    /// Whether what there is can be seen after it; `None` if it goes on as it was.
    fn sight(&self) -> Option<Result<(), String>> {
        match self {
            Self::Listed(_) => Some(Ok(())),
            Self::Lost(message) => Some(Err(message.clone())),
            Self::Applied(_) | Self::Deleted(_) => None,
        }
    }

    fn is_listing(&self) -> bool {
        matches!(self, Self::Listed(_))
    }
}

impl Seen {
    /// What showed it.
    pub fn watched(&self) -> Watched {
        match self {
            Self::Autoscalers(_) => Watched::Autoscalers,
            Self::ScaledObjects(_) => Watched::ScaledObjects,
            Self::Workload(_) | Self::Scale(_) => Watched::Workload,
            Self::Failures(_) => Watched::Failures,
            Self::Pods(_) => Watched::Pods,
            Self::Slices(_) => Watched::Slices,
            Self::Usage(_) => Watched::Usage,
        }
    }

    /// Whether it was found by listing.
    pub fn is_found(&self) -> bool {
        match self {
            Self::Autoscalers(change) => change.is_listing(),
            Self::ScaledObjects(change) | Self::Workload(change) => change.is_listing(),
            Self::Scale(change) => change.is_listing(),
            Self::Failures(change) => change.is_listing(),
            Self::Pods(change) => change.is_listing(),
            Self::Slices(change) => change.is_listing(),
            // With a time of its own.
            Self::Usage(_) => false,
        }
    }

    /// Whether what is watched can be seen from now on, or why not; `None` if that goes on as it was.
    pub fn sight(&self) -> Option<Result<(), String>> {
        match self {
            Self::Autoscalers(change) => change.sight(),
            Self::ScaledObjects(change) => change.sight(),
            // The watch is of one object: it is all that there is to see.
            Self::Workload(Change::Listed(all)) if all.is_empty() => Some(Err("it is not there".into())),
            Self::Workload(Change::Deleted(_)) => Some(Err("it was deleted".into())),
            Self::Workload(Change::Applied(_)) => Some(Ok(())),
            Self::Workload(change) => change.sight(),
            Self::Scale(change) => change.sight(),
            Self::Failures(change) => change.sight(),
            Self::Pods(change) => change.sight(),
            Self::Slices(change) => change.sight(),
            Self::Usage(change) => change.sight(),
        }
    }
}
