// SPDX-License-Identifier: Apache-2.0
use std::fs;

use super::*;
use crate::sample;

#[test]
fn lines_are_read_as_they_were_written() {
    for part in sample::parts() {
        let packed = member(&part, &[]).unwrap();
        let mut text = Vec::new();
        io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed[..]), &mut text).unwrap();
        assert_eq!(lines(&text).unwrap(), part);
    }
}

#[test]
fn news_that_waited_are_those_that_came_one_by_one() {
    let news = |part: &[Line]| {
        let News { series, metrics, .. } = match part.last() {
            Some(Line::News(news)) => (**news).clone(),
            other => panic!("{other:?}"),
        };
        (series, metrics)
    };
    let parts = sample::parts();
    let mut merged = News::default();
    for part in &parts[1..] {
        if let Some(Line::News(next)) = part.last() {
            merged.merge((**next).clone());
        }
    }
    let points: usize = parts[1..].iter().map(|part| news(part).0.points.len()).sum();
    let mut metrics = Metrics::default();
    parts[1..].iter().for_each(|part| metrics.merge(&news(part).1));
    assert_eq!((merged.series.points.len(), merged.metrics, merged.until_ms), (points, metrics, 30_000));
    assert_eq!(merged.events.len(), sample::events().len());
}

#[test]
fn failures_keep_their_kinds_when_others_come_later() {
    let series = |kind: &str, count: u64| Series {
        step_seconds: 1,
        kinds: vec![kind.into()],
        points: vec![Point { errors: vec![count], ..Point::default() }],
    };
    let mut whole = series("timeout", 1);
    append(&mut whole, series("reset", 2));
    append(&mut whole, Series { step_seconds: 1, ..Series::default() });
    assert_eq!(whole.kinds, ["reset", "timeout"]);
    let told: Vec<Vec<(&str, u64)>> =
        whole.points.iter().map(|point| whole.errors(point).collect()).collect();
    assert_eq!(told, [vec![("timeout", 1)], vec![("reset", 2)]]);
}

#[test]
fn what_could_not_be_written_as_a_whole_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.part");
    let mut writer = Writer::new(fs::File::create(&path).unwrap());
    writer.add(b"one").unwrap();
    writer.add(b"two").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"onetwo");
    // Takes nothing, as a full disk does; and is no file that could be cut.
    let mut full = Writer::new(fs::File::options().write(true).open("/dev/full").unwrap());
    assert!(full.add(b"one").is_err());
    assert_eq!(full.whole, 0);
}
