// SPDX-License-Identifier: Apache-2.0
//! When the pod of each runner was heard last, whatever it said. Beside the session: a runner must not count as lost because
//! its session is busy, and nobody who asks for it waits for that.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::session::Pod;

/// By index of the runner: the pod that spoke last, and when.
#[derive(Debug)]
pub struct Heard(Mutex<Vec<Option<(Pod, i64)>>>);

impl Heard {
    /// Nobody of so many runners was heard yet.
    pub fn nobody(runners: usize) -> Self {
        Self(Mutex::new(vec![None; runners]))
    }

    /// The pod of a runner is there and speaks.
    pub fn note(&self, runner: u32, pod: &Pod, now: i64) {
        match self.lock().get_mut(runner as usize) {
            Some(Some((known, at))) if known == pod => *at = now.max(*at),
            Some(place) => *place = Some((pod.clone(), now)),
            None => {}
        }
    }

    /// When a runner was heard last, if it was by that pod.
    pub fn last(&self, runner: usize, pod: Option<&Pod>) -> Option<i64> {
        let all = self.lock();
        let (known, at) = all.get(runner)?.as_ref()?;
        (Some(known) == pod).then_some(*at)
    }

    /// Forgets whom it heard.
    pub fn forget(&self) {
        self.lock().fill(None);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<(Pod, i64)>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collector::session::tests::pod;

    #[test]
    fn a_runner_that_speaks_is_heard_whatever_it_says_and_only_by_its_own_pod() {
        let heard = Heard::nobody(2);
        heard.note(0, &pod(0), 9);
        heard.note(0, &pod(0), 7);
        heard.note(7, &pod(7), 20);
        assert_eq!(heard.last(0, Some(&pod(0))), Some(9));
        assert_eq!(heard.last(0, Some(&pod(1))), None, "the share belongs to another pod");
        assert_eq!(
            (heard.last(0, None), heard.last(1, Some(&pod(1))), heard.last(7, None)),
            (None, None, None)
        );
        heard.forget();
        assert_eq!(heard.last(0, Some(&pod(0))), None);
    }
}
