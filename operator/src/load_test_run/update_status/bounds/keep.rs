// SPDX-License-Identifier: Apache-2.0
//! Which entries of a list that is too long are kept: what tells most. Pure.
//!
//! What is urgent (a breach, a failure) comes first. Places are dealt to the extremes of each aspect in turn, so that the
//! slowest request is kept however many fail, and the other way round. What is kept stays in its order.

use std::cmp::Reverse;

use upsurge_crds::v1alpha1::ReplicaPoint;

/// Something of which the highest is the worst.
pub type Aspect<T> = fn(&T) -> f64;

/// Shortens a list to `most` entries; says how many were left out.
pub fn worst<T>(list: &mut Vec<T>, most: usize, urgent: impl Fn(&T) -> bool, aspects: &[Aspect<T>]) -> usize {
    if list.len() <= most {
        return 0;
    }
    let urgent: Vec<bool> = list.iter().map(urgent).collect();
    let mut orders: Vec<Vec<usize>> = aspects.iter().map(|aspect| ranked(list, *aspect)).collect();
    if orders.is_empty() {
        orders.push((0..list.len()).collect());
    }
    let mut chosen = Chosen::new(list.len(), most);
    for class in [true, false] {
        let mut queues: Vec<_> = orders
            .iter()
            .map(|order| order.iter().copied().filter(|index| urgent.get(*index) == Some(&class)))
            .collect();
        // Each queue names all entries of the class, so that the rounds end when all of them are chosen.
        while chosen.has_room() && queues.iter_mut().fold(false, |any, queue| chosen.first_of(queue) | any) {}
    }
    chosen.apply(list)
}

/// Shortens the course of replicas: the ends and the extremes are kept, and the others evenly.
pub fn course(list: &mut Vec<ReplicaPoint>, most: usize) -> usize {
    if list.len() <= most {
        return 0;
    }
    let last = list.len() - 1;
    let at_most = |value: fn(&ReplicaPoint) -> i32| {
        let highest = list.iter().enumerate().max_by_key(|(index, point)| (value(point), Reverse(*index)));
        highest.map_or(0, |(index, _)| index)
    };
    let telling = [
        last,
        at_most(|point| point.ready),
        0,
        at_most(|point| point.desired),
        at_most(|point| -point.ready),
    ];
    let rest = most.saturating_sub(telling.len());
    let evenly = (0..rest).map(|place| place * last / rest.saturating_sub(1).max(1));
    let mut chosen = Chosen::new(list.len(), most);
    telling.into_iter().chain(evenly).for_each(|index| chosen.take(index));
    chosen.apply(list)
}

/// Indices from the worst on; of equals, the earlier first.
fn ranked<T>(list: &[T], aspect: Aspect<T>) -> Vec<usize> {
    let mut values: Vec<(usize, f64)> = list.iter().map(aspect).enumerate().collect();
    values.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    values.into_iter().map(|(index, _)| index).collect()
}

/// The entries that are kept.
struct Chosen {
    kept: Vec<bool>,
    room: usize,
}

impl Chosen {
    fn new(entries: usize, room: usize) -> Self {
        Self { kept: vec![false; entries], room }
    }

    fn has_room(&self) -> bool {
        self.room > 0
    }

    fn take(&mut self, index: usize) {
        if let Some(kept) = self.kept.get_mut(index).filter(|kept| !**kept && self.room > 0) {
            *kept = true;
            self.room -= 1;
        }
    }

    /// Takes the first of a queue that is not taken yet; says whether there was one.
    fn first_of(&mut self, queue: &mut impl Iterator<Item = usize>) -> bool {
        let first = queue.find(|index| self.kept.get(*index) == Some(&false));
        first.inspect(|index| self.take(*index)).is_some()
    }

    fn apply<T>(self, list: &mut Vec<T>) -> usize {
        let before = list.len();
        let mut kept = self.kept.into_iter();
        list.retain(|_| kept.next().unwrap_or(false));
        before - list.len()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_extremes_of_each_aspect_are_kept_and_what_is_urgent_before_them() {
        // (urgent, failed, slow)
        let mut list: Vec<(bool, f64, f64)> =
            (0..100).map(|n| (n == 7, f64::from(n), f64::from(50 - n))).collect();
        let left_out = worst(&mut list, 5, |entry| entry.0, &[|entry| entry.1, |entry| entry.2]);
        assert_eq!(left_out, 95);
        let kept: Vec<f64> = list.iter().map(|entry| entry.1).collect();
        assert_eq!(kept, [0.0, 1.0, 7.0, 98.0, 99.0]);
    }

    #[test]
    fn without_an_aspect_the_first_are_kept() {
        let mut list: Vec<i32> = (0..10).collect();
        assert_eq!(worst(&mut list, 3, |entry| *entry == 9, &[]), 7);
        assert_eq!(list, [0, 1, 9]);
        assert_eq!(worst(&mut list, 3, |_| false, &[]), 0);
    }

    fn points(ready: impl Iterator<Item = i32>) -> Vec<ReplicaPoint> {
        let point = |ready| ReplicaPoint {
            at: Time(Timestamp::UNIX_EPOCH),
            seconds: 0.0,
            desired: ready,
            current: ready,
            ready,
        };
        ready.map(point).collect()
    }

    #[rstest]
    #[case(5_000, 100)]
    #[case(101, 100)]
    #[case(100, 100)]
    #[case(50, 6)]
    #[case(50, 3)]
    #[case(3, 0)]
    fn a_course_keeps_its_ends_and_extremes(#[case] length: i32, #[case] most: usize) {
        // One peak and one dip of a single point each.
        let mut list = points((0..length).map(|n| match n {
            n if n == length / 3 => 9,
            n if n == length / 2 => 0,
            _ => 1 + n % 2,
        }));
        let (first, last) = (list[0].clone(), list[list.len() - 1].clone());
        let left_out = course(&mut list, most);
        assert_eq!(list.len() + left_out, length as usize);
        assert!(list.len() <= most && list.len() + 5 >= most.min(length as usize), "{}", list.len());
        if most >= 5 {
            assert_eq!((&list[0], &list[list.len() - 1]), (&first, &last));
            assert!([9, 0].iter().all(|ready| list.iter().any(|point| point.ready == *ready)), "{list:?}");
        }
        let before = list.clone();
        assert_eq!((course(&mut list, most), list), (0, before));
    }
}
