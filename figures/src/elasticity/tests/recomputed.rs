// SPDX-License-Identifier: Apache-2.0
//! The figures once more, from arrays with a cell for each second, by the formulas as they are printed; and in pieces.

use proptest::prelude::*;

use super::*;

/// What is true in a second. Nobody sees it all.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cell {
    load: u32,
    asked: u32,
    serving: u32,
    bounds: (u32, u32),
    met: bool,
    pods_seen: bool,
    workload_seen: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Load(u32),
    Asked(u32),
    Serving(u32),
    Bounds(u32, u32),
    Met(bool),
    SeePods(bool),
    SeeWorkload(bool),
}

/// What is true in each second.
#[derive(Clone)]
struct Course(Vec<Cell>);

impl std::fmt::Debug for Course {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stretches = self.0.chunk_by(|one, other| one == other);
        formatter.debug_list().entries(stretches.map(|cells| (cells.len(), cells[0]))).finish()
    }
}

fn courses(gaps: bool) -> impl Strategy<Value = Course> {
    let change = prop_oneof![
        4 => (0..9_u32).prop_map(Change::Load),
        4 => (0..9_u32).prop_map(Change::Asked),
        4 => (0..9_u32).prop_map(Change::Serving),
        1 => (1..4_u32, 4..8_u32).prop_map(|(min, max)| Change::Bounds(min, max)),
        1 => any::<bool>().prop_map(Change::Met),
        1 => any::<bool>().prop_map(move |seen| Change::SeePods(seen || !gaps)),
        1 => any::<bool>().prop_map(move |seen| Change::SeeWorkload(seen || !gaps)),
    ];
    prop::collection::vec((1..40_usize, change), 1..40).prop_map(|changes| {
        let mut cell = Cell {
            load: 2,
            asked: 2,
            serving: 2,
            bounds: (1, 6),
            met: true,
            pods_seen: true,
            workload_seen: true,
        };
        let mut cells = Vec::new();
        for (seconds, change) in changes {
            cells.extend(std::iter::repeat_n(cell, seconds));
            match change {
                Change::Load(load) => cell.load = load,
                Change::Asked(asked) => cell.asked = asked,
                Change::Serving(serving) => cell.serving = serving,
                Change::Bounds(min, max) => cell.bounds = (min, max),
                Change::Met(met) => cell.met = met,
                Change::SeePods(seen) => cell.pods_seen = seen,
                Change::SeeWorkload(seen) => cell.workload_seen = seen,
            }
        }
        cells.push(cell);
        Course(cells)
    })
}

/// The events of a course. What happens while nobody looks is found afterwards.
fn events(cells: &[Cell]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut told: Option<Cell> = None;
    let mut serving = 0;
    for (second, cell) in cells.iter().enumerate() {
        let second = second as i64;
        let now = |what| Event::live(at(second), what);
        let before = told.replace(*cell);
        let changed = |field: fn(&Cell) -> u32| before.is_none_or(|before| field(&before) != field(cell));
        if before.is_none() {
            events = begin(bounds(cell.bounds.0, cell.bounds.1));
        } else if before.is_some_and(|before| before.bounds != cell.bounds) {
            events.push(now(What::Autoscaler(bounds(cell.bounds.0, cell.bounds.1))));
        }
        for (seen, source) in [(0, Source::Pods), (1, Source::Workload)] {
            let sight = |cell: &Cell| if seen == 0 { cell.pods_seen } else { cell.workload_seen };
            if before.is_some_and(|before| sight(&before)) && !sight(cell) {
                events.push(now(What::Lost { source, message: String::new() }));
            }
        }
        if changed(|cell| cell.load) {
            events.push(now(What::Load { level: f64::from(cell.load) * 10.0 }));
        }
        if before.is_none_or(|before| before.met != cell.met) {
            events.push(now(What::Thresholds { met: cell.met }));
        }
        if cell.workload_seen
            && (changed(|cell| cell.asked) || before.is_some_and(|before| !before.workload_seen))
        {
            events.push(now(What::Asked { replicas: cell.asked }));
        }
        if cell.pods_seen && serving != cell.serving {
            serve(&mut events, second, serving, cell.serving);
            serving = cell.serving;
        }
        for (seen, source) in [(0, Source::Pods), (1, Source::Workload)] {
            let sight = |cell: &Cell| if seen == 0 { cell.pods_seen } else { cell.workload_seen };
            if before.is_some_and(|before| !sight(&before)) && sight(cell) {
                events.push(now(What::Listed { source }));
            }
        }
    }
    events
}

/// Demand and supply of a second as floating point, if they are known.
fn pair(cell: &Cell, clamped: bool) -> Option<(f64, f64)> {
    let demand = cell.load.max(1);
    let demand = if clamped { demand.clamp(cell.bounds.0, cell.bounds.1) } else { demand };
    cell.pods_seen.then_some((f64::from(demand), f64::from(cell.serving)))
}

fn close(figure: Figure, value: Option<f64>, unknown: f64, name: &str) -> Result<(), TestCaseError> {
    let same = match (figure.value, value) {
        (Some(one), Some(other)) => (one - other).abs() < 1e-6 * (1.0 + other.abs()),
        (one, other) => one == other,
    };
    prop_assert!(same && figure.unknown == unknown, "{name}: {figure:?}, not {value:?} and {unknown}");
    Ok(())
}

fn check(found: &Provisioning, cells: &[Cell], clamped: bool) -> Result<(), TestCaseError> {
    let pairs: Vec<Option<(f64, f64)>> = cells.iter().map(|cell| pair(cell, clamped)).collect();
    let known: Vec<(f64, f64)> = pairs.iter().flatten().copied().collect();
    let t = known.len() as f64;
    let unknown = pairs.len() as f64 - t;
    let sum = |of: fn(f64, f64) -> f64| known.iter().map(|(d, s)| of(*d, *s)).sum::<f64>();
    let mean = |of: fn(f64, f64) -> f64| (t > 0.0).then(|| sum(of) / t);
    let percent = |of: fn(f64, f64) -> f64| mean(of).map(|mean| mean * 100.0);
    close(found.accuracy_under, mean(|d, s| (d - s).max(0.0)), unknown, "accuracy U")?;
    close(found.accuracy_over, mean(|d, s| (s - d).max(0.0)), unknown, "accuracy O")?;
    close(found.theta_under, percent(|d, s| (d - s).max(0.0) / d), unknown, "θ U")?;
    close(found.theta_over, percent(|d, s| (s - d).max(0.0) / d), unknown, "θ O")?;
    close(found.tau_under, percent(|d, s| f64::from(u8::from(s < d))), unknown, "τ U")?;
    close(found.tau_over, percent(|d, s| f64::from(u8::from(s > d))), unknown, "τ O")?;
    close(found.replica_seconds, (t > 0.0).then(|| sum(|_, s| s)), unknown, "replica-seconds")?;
    close(found.ideal_replica_seconds, (t > 0.0).then(|| sum(|d, _| d)), unknown, "ideal")?;
    close(found.cost, (t > 0.0).then(|| sum(|_, s| s) / sum(|d, _| d)), unknown, "cost")?;
    // E counts what each went up and down; over a gap, from where it was before to where it is after it.
    let moves = |of: fn(&(f64, f64)) -> f64| {
        known.windows(2).map(|pair| (of(&pair[1]) - of(&pair[0])).abs()).sum::<f64>()
    };
    let jitter = (moves(|pair| pair.1) - moves(|pair| pair.0)) / (t / 60.0);
    close(found.jitter, (t > 0.0).then_some(jitter), unknown, "jitter")?;
    let most = |of: fn(&(f64, f64)) -> f64| known.iter().map(of).fold(f64::MIN, f64::max);
    let overshoot = most(|pair| pair.1) - most(|pair| pair.0);
    close(found.overshoot, (t > 0.0).then_some(overshoot), unknown, "overshoot")?;
    // (100/(T−t₁))·Σ min(|sgn Δs − sgn Δd|, 1)·Δt on a grid of 15 s.
    let grid: Vec<_> = pairs.iter().step_by(15).collect();
    let steps: Vec<_> = grid.windows(2).filter_map(|pair| (*pair[0]).zip(*pair[1])).collect();
    let sign = |change: f64| if change == 0.0 { 0.0 } else { change.signum() };
    let unlike = |((d0, s0), (d1, s1)): &((f64, f64), (f64, f64))| {
        (sign(s1 - s0) - sign(d1 - d0)).abs().min(1.0) * 15.0
    };
    let length = steps.len() as f64 * 15.0;
    let upsilon = (length > 0.0).then(|| 100.0 / length * steps.iter().map(unlike).sum::<f64>());
    let blind = (grid.len() - 1 - steps.len()) as f64 * 15.0;
    close(found.upsilon, upsilon, blind, "υ")
}

fn fed(cells: &[Cell], split: Option<usize>) -> Elasticity {
    let mut meter = Meter::new(Demand::declared(10.0).unwrap(), at(0), GRID);
    for (index, event) in events(cells).iter().enumerate() {
        if split == Some(index) {
            // As a checkpoint would.
            let text = serde_json::to_string(&meter).unwrap();
            meter = serde_json::from_str(&text).unwrap();
        }
        meter.see(event);
    }
    meter.figures(at(cells.len() as i64))
}

/// Longest settling, change by change of the demand within the bounds, and whether it was unsettled at the end.
fn settled(cells: &[Cell]) -> (f64, bool) {
    let demand = |cell: &Cell| cell.load.max(1).clamp(cell.bounds.0, cell.bounds.1);
    let away: Vec<bool> = cells.iter().map(|cell| demand(cell).abs_diff(cell.serving) > 1).collect();
    let mut starts: Vec<usize> =
        (1..cells.len()).filter(|i| demand(&cells[*i]) != demand(&cells[i - 1])).collect();
    starts.insert(0, 0);
    starts.retain(|start| *start == 0 || !away[start - 1]);
    let ends = starts.iter().skip(1).copied().chain([cells.len()]);
    let took = starts.iter().zip(ends).filter(|(_, end)| *end < cells.len() || !away[cells.len() - 1]);
    let took =
        took.map(|(start, end)| (*start..end).rev().find(|i| away[*i]).map_or(0, |last| last + 1 - start));
    (took.max().unwrap_or(0) as f64, away[cells.len() - 1])
}

proptest! {
    #[test]
    fn figures_that_are_computed_online_equal_those_of_all_seconds(course in courses(true), split in 0..60_usize) {
        let cells = course.0;
        let whole = fed(&cells, None);
        // A checkpoint in the middle changes nothing but the last digit of a number.
        let resumed = fed(&cells, Some(split));
        for found in [&whole, &resumed] {
            check(&found.unclamped, &cells, false)?;
            check(&found.clamped, &cells, true)?;
            let missed = cells.iter().filter(|cell| !cell.met).count() as f64;
            close(found.violations, Some(100.0 * missed / cells.len() as f64), 0.0, "violations")?;
        }
        let others = |of: &Elasticity| (of.settling, of.unsettled, of.direction_changes, of.flapping, of.scale_down_delay.clone());
        prop_assert_eq!(others(&resumed), others(&whole));
    }

    #[test]
    fn settling_and_turns_equal_those_of_all_seconds(course in courses(false)) {
        let cells = course.0;
        let found = fed(&cells, None);
        let (longest, unsettled) = settled(&cells);
        prop_assert_eq!(found.unsettled, unsettled);
        prop_assert_eq!(found.settling.value.unwrap_or_default(), longest);
        let signs: Vec<bool> = cells
            .windows(2)
            .filter(|pair| pair[0].asked != pair[1].asked)
            .map(|pair| pair[1].asked > pair[0].asked)
            .collect();
        let turns = signs.windows(2).filter(|pair| pair[0] != pair[1]).count();
        prop_assert_eq!(found.direction_changes.whole(), Some(turns as f64));
        prop_assert!(found.flapping.whole().unwrap() <= turns as f64);
    }
}

#[test]
fn a_meter_does_not_grow_with_time() {
    let mut meter = Meter::new(Demand::declared(1.0).unwrap(), at(0), GRID);
    begin(bounds(1, 10)).iter().for_each(|event| meter.see(event));
    let mut sizes = Vec::new();
    for minute in 0..600_i64 {
        let load = What::Load { level: f64::from(minute as u32 % 7) };
        let mut events = vec![Event::live(at(minute * 60), load)];
        serve(&mut events, minute * 60, 0, 3);
        serve(&mut events, minute * 60 + 30, 3, 0);
        events.iter().for_each(|event| meter.see(event));
        if minute % 290 == 10 {
            sizes.push(serde_json::to_string(&meter).unwrap().len());
        }
    }
    assert!(sizes[2] < sizes[0] + 150, "{sizes:?} bytes");
}
