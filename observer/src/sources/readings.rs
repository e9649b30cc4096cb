// SPDX-License-Identifier: Apache-2.0
//! What an autoscaler reads: each metric of its spec beside what its status says of it, in the unit of the target.

use k8s_openapi::{
    api::autoscaling::v2::{
        HorizontalPodAutoscaler, MetricSpec, MetricStatus, MetricTarget, MetricValueStatus,
    },
    apimachinery::pkg::api::resource::Quantity,
};
use upsurge_figures::observation::Reading;

use super::resources::Resources;
use crate::quantity::quantity;

/// The metrics of an autoscaler in the order of its spec. One that it could not read has no current value.
pub fn readings(hpa: &HorizontalPodAutoscaler, resources: Option<&Resources>) -> Vec<Reading> {
    let status = hpa.status.as_ref();
    let statuses: Vec<&MetricStatus> =
        status.iter().flat_map(|status| status.current_metrics.iter().flatten()).collect();
    let specs = hpa.spec.metrics.iter().flatten();
    specs
        .filter_map(|spec| {
            let metric = Metric::of(spec)?;
            let unit = Unit::of(metric.target);
            let current = statuses.iter().find_map(|status| metric.current(status));
            Some(Reading {
                current: current.and_then(|value| unit.current(value)),
                target: unit.target(metric.target)?,
                ceiling: resources.filter(|_| metric.is_cpu()).and_then(|all| match unit {
                    Unit::Percent => all.most_percent(metric.container),
                    Unit::Average => all.most_cores(metric.container),
                    Unit::Value => None,
                }),
                metric: metric.in_words(),
            })
        })
        .collect()
}

/// A metric of a spec.
struct Metric<'a> {
    type_: &'a str,
    name: &'a str,
    container: Option<&'a str>,
    object: Option<(&'a str, &'a str)>,
    target: &'a MetricTarget,
}

impl<'a> Metric<'a> {
    fn of(spec: &'a MetricSpec) -> Option<Self> {
        let of = |name: &'a str, target: &'a MetricTarget| Self {
            type_: &spec.type_,
            name,
            container: None,
            object: None,
            target,
        };
        if let Some(source) = &spec.resource {
            return Some(of(&source.name, &source.target));
        }
        if let Some(source) = &spec.container_resource {
            return Some(Self { container: Some(&source.container), ..of(&source.name, &source.target) });
        }
        if let Some(source) = &spec.pods {
            return Some(of(&source.metric.name, &source.target));
        }
        if let Some(source) = &spec.object {
            let object = &source.described_object;
            return Some(Self {
                object: Some((&object.kind, &object.name)),
                ..of(&source.metric.name, &source.target)
            });
        }
        let source = spec.external.as_ref()?;
        Some(of(&source.metric.name, &source.target))
    }

    /// What a status says, if it is of this metric.
    fn current<'s>(&self, status: &'s MetricStatus) -> Option<&'s MetricValueStatus> {
        if status.type_ != self.type_ {
            return None;
        }
        if let Some(said) = &status.resource {
            return (said.name == self.name).then_some(&said.current);
        }
        if let Some(said) = &status.container_resource {
            let same = said.name == self.name && Some(said.container.as_str()) == self.container;
            return same.then_some(&said.current);
        }
        if let Some(said) = &status.pods {
            return (said.metric.name == self.name).then_some(&said.current);
        }
        if let Some(said) = &status.object {
            let object = Some((said.described_object.kind.as_str(), said.described_object.name.as_str()));
            return (said.metric.name == self.name && object == self.object).then_some(&said.current);
        }
        let said = status.external.as_ref()?;
        (said.metric.name == self.name).then_some(&said.current)
    }

    fn is_cpu(&self) -> bool {
        self.name == "cpu" && (self.type_ == "Resource" || self.type_ == "ContainerResource")
    }

    fn in_words(&self) -> String {
        match (self.container, self.object) {
            (Some(container), _) => format!("{} of container {container}", self.name),
            (None, Some((kind, name))) => format!("{} of {kind} {name}", self.name),
            (None, None) => self.name.to_owned(),
        }
    }
}

/// What a target is a number of.
#[derive(Clone, Copy)]
enum Unit {
    /// Percent of what pods ask for.
    Percent,
    /// Per pod.
    Average,
    /// As it is.
    Value,
}

impl Unit {
    fn of(target: &MetricTarget) -> Self {
        if target.average_utilization.is_some() {
            Self::Percent
        } else if target.average_value.is_some() {
            Self::Average
        } else {
            Self::Value
        }
    }

    fn target(self, target: &MetricTarget) -> Option<f64> {
        self.number(target.average_utilization, target.average_value.as_ref(), target.value.as_ref())
    }

    fn current(self, value: &MetricValueStatus) -> Option<f64> {
        self.number(value.average_utilization, value.average_value.as_ref(), value.value.as_ref())
    }

    fn number(
        self,
        percent: Option<i32>,
        average: Option<&Quantity>,
        value: Option<&Quantity>,
    ) -> Option<f64> {
        match self {
            Self::Percent => percent.map(f64::from),
            Self::Average => quantity(&average?.0),
            Self::Value => quantity(&value?.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resources() -> Resources {
        let pod = json!({"spec": {"containers": [{"name": "main", "resources": {
            "requests": {"cpu": "500m"}, "limits": {"cpu": "1"}}}]}});
        Resources::of(&serde_json::from_value(pod).unwrap()).unwrap()
    }

    #[test]
    fn each_kind_of_metric_is_read_in_the_unit_of_its_target() {
        let cpu = json!({"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}});
        let hpa: HorizontalPodAutoscaler = serde_json::from_value(json!({"spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "checkout"}, "maxReplicas": 7,
            "metrics": [
                {"type": "Resource", "resource": cpu},
                {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "main",
                    "target": {"type": "AverageValue", "averageValue": "400m"}}},
                {"type": "Pods", "pods": {"metric": {"name": "requests"}, "target": {"type": "AverageValue", "averageValue": "50"}}},
                {"type": "Object", "object": {"metric": {"name": "hits"}, "describedObject": {"kind": "Ingress", "name": "shop"},
                    "target": {"type": "Value", "value": "2k"}}},
                {"type": "External", "external": {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "30"}}},
            ]}, "status": {"desiredReplicas": 2, "currentMetrics": [
                {"type": "External", "external": {"metric": {"name": "queue"}, "current": {"averageValue": "45500m"}}},
                {"type": "Object", "object": {"metric": {"name": "hits"}, "describedObject": {"kind": "Ingress", "name": "other"},
                    "current": {"value": "1"}}},
                {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 190, "averageValue": "950m"}}},
                {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "main", "current": {"averageValue": "950m"}}},
                {"type": "Pods", "pods": {"metric": {"name": "requests"}, "current": {"averageValue": "61"}}},
            ]},
        }))
        .unwrap();
        let reading = |metric: &str, current: Option<f64>, target: f64, ceiling: Option<f64>| Reading {
            metric: metric.into(),
            current,
            target,
            ceiling,
        };
        let expected = [
            reading("cpu", Some(190.0), 80.0, Some(200.0)),
            reading("cpu of container main", Some(0.95), 0.4, Some(1.0)),
            reading("requests", Some(61.0), 50.0, None),
            reading("hits of Ingress shop", None, 2_000.0, None),
            reading("queue", Some(45.5), 30.0, None),
        ];
        assert_eq!(readings(&hpa, Some(&resources())), expected);
        assert_eq!(readings(&hpa, None)[0].ceiling, None, "nobody knows the limit");
    }
}
