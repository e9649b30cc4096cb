// SPDX-License-Identifier: Apache-2.0
//! What to change about a target that loses requests while its pods end, by how they were lost.
//!
//! How a request was lost says in which moment of a stop it was: nothing listened any more, the connection was closed under it, or it took
//! longer than the pod was given. That pods ended is not shown to be the cause, so this is where to look.

use upsurge_crds::v1alpha1::RequestsWhileScalingDown;

use crate::losses::LossKind;

/// Every so many requests of one kind are enough for its advice, of as many as there are in all.
const OF: i64 = 10;

/// All that there is to know of how to stop, where it is not known how requests were lost.
const ANYHOW: &str = "let pods serve on for some seconds after they are told to end (a preStop sleep), be not ready any more on SIGTERM, \
                      and have a terminationGracePeriodSeconds that is longer than any request";

/// What to change, first what most of the requests ask for. A kind of which there are few says nothing beside others.
pub fn how_to_stop(found: &RequestsWhileScalingDown) -> String {
    let mut kinds: Vec<(i64, &str)> = [LossKind::Refused, LossKind::Reset, LossKind::Unanswered]
        .into_iter()
        .filter_map(|kind| Some((*found.kinds.get(kind.as_str())?, change(kind))))
        .filter(|(count, _)| *count > 0 && count.saturating_mul(OF) >= found.requests)
        .collect();
    kinds.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let changes: Vec<&str> = kinds.into_iter().map(|(_, change)| change).collect();
    if changes.is_empty() { ANYHOW.into() } else { changes.join("; ") }
}

const fn change(kind: LossKind) -> &'static str {
    match kind {
        LossKind::Refused => {
            "requests still came when nothing listened any more: let pods serve on for some seconds after they are told to end (a preStop \
             sleep)"
        }
        LossKind::Reset => {
            "connections were closed with requests in flight: on SIGTERM be not ready any more, and finish what was begun before closing"
        }
        LossKind::Unanswered => {
            "requests had no answer: have a terminationGracePeriodSeconds that is longer than any request, with the preStop sleep before it"
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rstest::rstest;

    use super::*;

    const ALL: [&str; 3] = ["a preStop sleep", "SIGTERM", "longer than any request"];

    #[rstest]
    #[case::refused(&[("refused", 4)], &["a preStop sleep"])]
    #[case::reset(&[("reset", 4)], &["SIGTERM"])]
    #[case::unanswered(&[("no answer", 4)], &["longer than any request"])]
    #[case::most_of_them_first(&[("refused", 4), ("reset", 30)], &["SIGTERM", "a preStop sleep"])]
    #[case::few_beside_many(&[("no answer", 1), ("reset", 30)], &["SIGTERM"])]
    #[case::nobody_knows_how(&[], &ALL)]
    fn the_advice_is_that_which_fits_how_requests_were_lost(
        #[case] kinds: &[(&str, i64)],
        #[case] says: &[&str],
    ) {
        let kinds: BTreeMap<String, i64> =
            kinds.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect();
        let requests: i64 = kinds.values().sum();
        let advice = how_to_stop(&RequestsWhileScalingDown { requests, kinds, ..Default::default() });
        let mut told: Vec<(usize, &str)> =
            ALL.into_iter().filter_map(|words| Some((advice.find(words)?, words))).collect();
        told.sort_unstable();
        let told: Vec<&str> = told.into_iter().map(|(_, words)| words).collect();
        assert_eq!(told, says, "{advice}");
    }
}
