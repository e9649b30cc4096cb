// SPDX-License-Identifier: Apache-2.0
use proptest::prelude::*;
use upsurge_core::metrics::names;

use super::*;
use crate::{csv, disk, journal::member as packed, sample, verify::verify};

/// The members of a file, one after the other.
fn members() -> Vec<Vec<u8>> {
    sample::parts().iter().map(|part| packed(part, &[]).unwrap()).collect()
}

fn requests(record: &Record) -> u64 {
    record.shown().map_or(0, |epoch| epoch.measured.count(names::HTTP_REQS))
}

/// Requests of the first seconds.
fn sent(seconds: u64) -> u64 {
    let all = upsurge_core::metrics::Selector::default();
    (0..seconds).map(|number| sample::second(number).count(names::HTTP_REQS, &all) as u64).sum()
}

#[test]
fn all_that_is_whole_is_in_the_record_wherever_the_file_is_cut() {
    let members = members();
    let whole = members.concat();
    let mut ends = vec![0];
    for member in &members {
        ends.push(ends[ends.len() - 1] + member.len());
    }
    let cuts = ends.iter().flat_map(|end| [end.saturating_sub(1), *end, end + 1, end + 40]);
    for cut in cuts.filter(|cut| *cut <= whole.len()) {
        let complete = ends.iter().filter(|end| **end <= cut).count() - 1;
        let recovered = recover(&whole[..cut]);
        if complete == 0 {
            let error = recovered.map(|_| ()).unwrap_err();
            assert!(matches!(error, DecodeError::Truncated | DecodeError::NotARecord(_)), "{cut}: {error}");
            continue;
        }
        let Recovered { record, members, rest } = recovered.unwrap();
        assert_eq!(
            (members, rest.is_some()),
            (complete, !ends.contains(&cut)),
            "cut at {cut} of {}",
            whole.len()
        );
        assert_eq!(requests(&record), sent(10 * (complete as u64 - 1)));
        assert_eq!(record.outcome.verdict, Verdict::Error);
        let incomplete = record.incomplete.clone().unwrap();
        assert_eq!(incomplete.until_ms, 10_000 * (complete as u64 - 1));
        assert!(verify(&record).differences.is_empty(), "{:?}", verify(&record));
        assert_eq!(disk::decode(&disk::encode(&record, &[]).unwrap()).unwrap(), record);
    }
}

#[test]
fn events_of_several_workloads_are_told_apart() {
    let mut parts = sample::parts();
    let event = sample::events()[0].clone();
    if let Some(Line::Begin(begin)) = parts[0].first_mut() {
        begin.further.push(["cart", "Deployment", "apps/v1"].map(String::from));
    }
    if let Some(Line::News(news)) = parts[1].last_mut() {
        news.see(vec![(1, event.clone()), (2, event.clone())]);
    }
    let bytes: Vec<u8> = parts.iter().flat_map(|part| packed(part, &[]).unwrap()).collect();
    let record = recover(&bytes[..]).unwrap().record;
    let names: Vec<&str> = record.workloads.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["shop", "cart"]);
    assert_eq!(record.workloads[0].events, sample::events());
    assert_eq!(record.workloads[1].events, [event]);
}

#[test]
fn figures_are_those_of_the_run_and_nothing_is_judged() {
    let Recovered { record, members, rest } = recover(&members().concat()[..]).unwrap();
    assert!(members == 4 && rest.is_none());
    let (epoch, told) = (record.shown().unwrap(), sample::record());
    let whole = told.shown().unwrap();
    assert_eq!(epoch.measured.totals, whole.measured.totals);
    assert_eq!(epoch.figures.summary.latency, whole.figures.summary.latency);
    assert_eq!(epoch.series.points, whole.series.points[..29], "but for the second that was under way");
    assert!(epoch.thresholds.is_empty() && epoch.generator.is_none());
    assert_eq!(record.workloads[0].events, sample::events());
    assert_eq!(
        record.outcome.message,
        "the run was cut off: what came after 30 s of its load is not known, and nothing was judged"
    );
    let gap = record.gaps.last().unwrap();
    assert_eq!((gap.what.as_str(), gap.from, gap.to), ("load", after(sample::start(), 30_000), None));
}

#[test]
fn a_load_that_turned_back_is_told_as_it_was_carried_out() {
    let mut parts = sample::parts();
    let begins = parts[1].iter().find_map(|line| match line {
        Line::Load(begins) => Some(begins.clone()),
        _ => None,
    });
    let mut plan = begins.unwrap().plan;
    plan.stages.last_mut().unwrap().duration_seconds = 15.0;
    parts[2].insert(0, Line::Turn(plan.clone()));
    let packed: Vec<Vec<u8>> = parts.iter().map(|part| packed(part, &[]).unwrap()).collect();
    let record = recover(&packed.concat()[..]).unwrap().record;
    let epoch = record.shown().unwrap();
    assert_eq!((&epoch.plan, epoch.figures.stages[1].duration_seconds), (&plan, 15.0));
    assert!(verify(&record).differences.is_empty(), "{:?}", verify(&record));
}

#[test]
fn before_the_load_there_is_a_run_without_figures() {
    let record = recover(&members()[0][..]).unwrap().record;
    assert!(record.epochs.is_empty() && record.shown_epoch.is_none());
    assert_eq!(record.outcome.message, "the run was cut off before its load");
}

#[test]
fn what_no_run_writes_is_refused() {
    let parts = sample::parts();
    let without_begin = packed(&parts[1], &[]).unwrap();
    let twice = [packed(&parts[0], &[]).unwrap(), packed(&parts[0], &[]).unwrap()].concat();
    let record = disk::encode(&sample::record(), &[]).unwrap();
    for bytes in [&without_begin, &twice, &record, &b"text".to_vec(), &Vec::new()] {
        let error = recover(&bytes[..]).map(|_| ()).unwrap_err();
        assert!(matches!(error, DecodeError::NotARecord(_) | DecodeError::Corrupted(_)), "{error}");
    }
}

#[test]
fn what_tells_of_more_than_any_run_is_refused() {
    let changed = |change: &dyn Fn(&mut News)| {
        let mut parts = sample::parts();
        if let Some(Line::News(news)) = parts[1].last_mut() {
            change(news);
        }
        let bytes: Vec<u8> = parts.iter().flat_map(|part| packed(part, &[]).unwrap()).collect();
        recover(&bytes[..]).map(|found| found.members)
    };
    assert_eq!(changed(&|news| news.until_ms = 10_000).unwrap(), 4);
    let error = changed(&|news| news.until_ms = u64::MAX).unwrap_err();
    assert!(matches!(error, DecodeError::Corrupted(_)), "{error}");
    let mut found = Found { news: MOST_NEWS, ..Found::default() };
    let taken = sample::parts().into_iter().flatten().try_for_each(|line| found.take(line));
    assert!(matches!(taken, Err(DecodeError::Corrupted(_))), "{taken:?}");
}

#[test]
fn a_run_of_more_seconds_than_a_record_holds_keeps_its_course_in_longer_steps() {
    let mut parts = sample::parts();
    if let Some(Line::News(news)) = parts[2].last_mut() {
        let point = news.series.points[0].clone();
        news.series.points = vec![point; MOST_POINTS];
    }
    let mut found = Found::default();
    parts.into_iter().flatten().try_for_each(|line| found.take(line)).unwrap();
    let record = found.record().unwrap();
    let points = &record.shown().unwrap().series.points;
    assert_eq!(points.iter().map(|point| point.requests).sum::<u64>(), sent(30));
    assert_eq!(points.len(), 3, "one for each part");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn parts_that_were_changed_are_read_or_refused_and_never_a_crash(
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), prop_oneof![b'0'..=b'9', any::<u8>()]), 1..8,
        ),
    ) {
        // Within what is packed: a checksum finds the rest.
        let mut texts: Vec<Vec<u8>> = members().iter().map(|member| disk::unpack(member).unwrap().0).collect();
        for (part, place, byte) in changes {
            let part = part.index(texts.len());
            let place = place.index(texts[part].len());
            texts[part][place] = byte;
        }
        let file: Vec<u8> = texts.iter().flat_map(|text| disk::pack(text).unwrap()).collect();
        if let Ok(Recovered { record, .. }) = recover(&file[..]) {
            // What is read can be looked at and written down.
            let _ = verify(&record);
            let _ = csv::table(&record);
            let _ = disk::encode(&record, &[]);
        }
    }
}
