// SPDX-License-Identifier: Apache-2.0
//! Sums of what several targets select, made in one pass: series that are selected by the same targets are added up
//! once, however many targets that are. What it takes is bounded, as a runner decides how much there is to add.

use std::collections::BTreeMap;

use super::target::Target;
use crate::metrics::{Metrics, Selector, Sink, selects};

/// Most memory that the sums of one delta may take.
const MOST_BYTES: usize = 32 << 20;
/// Most memory of sinks that may be added up for them: what takes about a second.
const MOST_ADDED: usize = 512 << 20;

/// Thresholds select more of one delta than is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "what thresholds select of it takes more than {} MiB, or is selected by too many of them",
    MOST_BYTES >> 20
)]
pub struct Excess;

/// What may still be used for sums.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    bytes: usize,
    added: usize,
}

impl Budget {
    /// For what somebody sent.
    pub(super) fn of_delta() -> Self {
        Self { bytes: MOST_BYTES, added: MOST_ADDED }
    }

    /// For what was recorded by oneself, or checked before.
    pub(super) fn endless() -> Self {
        Self { bytes: usize::MAX, added: usize::MAX }
    }

    fn add(&mut self, sum: &mut Option<Sink>, sink: &Sink) -> Result<(), Excess> {
        self.added = self.added.checked_sub(sink.bytes()).ok_or(Excess)?;
        let before = sum.as_ref().map_or(0, Sink::bytes);
        match sum {
            Some(mine) => mine.merge(sink),
            None => *sum = Some(sink.clone()),
        }
        let grown = sum.as_ref().map_or(0, Sink::bytes).saturating_sub(before);
        self.bytes = self.bytes.checked_sub(grown).ok_or(Excess)?;
        Ok(())
    }
}

/// The sum of what each target selects, in the order of the targets; `None` where there is nothing.
pub(super) fn of<'a>(
    targets: impl Iterator<Item = &'a Target>,
    metrics: &Metrics,
    budget: &mut Budget,
) -> Result<Vec<Option<Sink>>, Excess> {
    let targets: Vec<&Target> = targets.collect();
    let mut of_metric: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, target) in targets.iter().enumerate() {
        of_metric.entry(&target.metric).or_default().push(index);
    }
    let mut sums: Vec<Option<Sink>> = targets.iter().map(|_| None).collect();
    let all = Selector::default();
    for (metric, indices) in of_metric {
        let mut together: BTreeMap<Vec<usize>, Option<Sink>> = BTreeMap::new();
        for (tags, sink) in metrics.select(metric, &all) {
            let selected = indices.iter().copied().filter(|index| selects(&targets[*index].selector, tags));
            match *selected.collect::<Vec<_>>() {
                [] => {}
                [one] => budget.add(&mut sums[one], sink)?,
                ref several => match together.get_mut(several) {
                    Some(sum) => budget.add(sum, sink)?,
                    None => budget.add(together.entry(several.to_vec()).or_default(), sink)?,
                },
            }
        }
        for (indices, sum) in together {
            for index in indices {
                sum.iter().try_for_each(|sum| budget.add(&mut sums[index], sum))?;
            }
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::{SeriesKey, Tags, Trend, names::HTTP_REQ_DURATION};

    fn series(request: usize, status: u16, trend: &Trend) -> (SeriesKey, Sink) {
        let tags = Tags { request: Some(request.to_string()), status: Some(status), ..Tags::default() };
        (SeriesKey { metric: HTTP_REQ_DURATION.into(), tags }, Sink::Trend(trend.clone()))
    }

    fn trend(values: impl Iterator<Item = u64>, count: u64) -> Trend {
        let mut trend = Trend::default();
        values.for_each(|value| trend.record_many(Duration::from_micros(value), count));
        trend
    }

    #[test]
    fn sums_of_many_targets_are_those_of_each() {
        let mut metrics = Metrics::default();
        for request in 0..7 {
            for status in [200, 404, 503] {
                let records = trend((0..50).map(|value| value * 31 + request as u64), u64::from(status));
                let (key, sink) = series(request, status, &records);
                metrics.add(key, &sink);
            }
        }
        let names = [
            "{request:1}",
            "{request:2}",
            "{status:200}",
            "{status:404,request:3}",
            "{request:3}",
            "",
            "{request:9}",
            "{request:1,status:200}",
        ];
        let targets = names.map(|name| Target::new(&format!("{HTTP_REQ_DURATION}{name}"), None).unwrap());
        let sums = of(targets.iter(), &metrics, &mut Budget::of_delta()).unwrap();
        for (target, sum) in targets.iter().zip(sums) {
            assert_eq!(sum, metrics.sum(&target.metric, &target.selector), "{target}");
        }
    }

    #[test]
    fn neither_memory_nor_work_is_without_end() {
        let target = |name: &str| Target::new(&format!("{HTTP_REQ_DURATION}{name}"), None).unwrap();
        let wide = trend((0..3_600_000_000_u64).step_by(100_000), 70_000);
        let mut one = Metrics::default();
        let (key, sink) = series(1, 200, &wide);
        one.add(key, &sink);
        let many = vec![target("{request:1}"); MOST_BYTES / sink.bytes() + 1];
        assert_eq!(of(many.iter(), &one, &mut Budget::of_delta()), Err(Excess));
        let few = &many[..many.len() / 2];
        assert!(of(few.iter(), &one, &mut Budget::of_delta()).is_ok());
        let mut work = Budget { added: 10 * sink.bytes(), ..Budget::of_delta() };
        assert_eq!(of(many[..10].iter(), &one, &mut work), Err(Excess), "one for all, and ten");
    }
}
