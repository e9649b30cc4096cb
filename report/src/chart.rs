// SPDX-License-Identifier: Apache-2.0
//! What a chart of a run shows, before anybody draws it: panes above one time axis, with the marks that they share. The
//! picture (SVG), the data of the page and the tables behind its charts are all made of this one.

mod role;
mod unit;

pub(crate) use self::{role::Role, unit::Unit};
use crate::{axis::Scale, thin};

/// Panes above one time axis. Times are in seconds from the start of the load.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chart {
    /// Where the axis begins.
    pub(crate) from: f64,
    /// Where it ends.
    pub(crate) to: f64,
    /// The panes, from above.
    pub(crate) panes: Vec<Pane>,
    /// Stages of the load.
    pub(crate) stages: Vec<Stage>,
    /// What happened, in order of time.
    pub(crate) marks: Vec<Mark>,
}

/// A chart of lines that share their times.
#[derive(Clone, Debug)]
pub(crate) struct Pane {
    /// Its name in the page: no two are equal.
    pub(crate) id: String,
    /// What it shows.
    pub(crate) title: String,
    /// Of what its values are.
    pub(crate) unit: Unit,
    /// How they lie.
    pub(crate) scale: Scale,
    /// What can be seen in it, in a sentence.
    pub(crate) finding: String,
    /// The times of its points.
    pub(crate) seconds: Vec<f64>,
    /// Its lines.
    pub(crate) lines: Vec<Line>,
    /// Pairs of lines between which it is filled.
    pub(crate) bands: Vec<(usize, usize)>,
    /// Lines across the whole of it.
    pub(crate) limits: Vec<Limit>,
    /// Whether events of scaling are marked in it.
    pub(crate) is_scaling: bool,
}

/// A line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// What it is.
    pub(crate) name: String,
    /// What it is, by which it has its colour and its dashes.
    pub(crate) role: Role,
    /// Whether each value holds until the next one.
    pub(crate) is_stepped: bool,
    /// Its values; `None` where nobody knows.
    pub(crate) values: Vec<Option<f64>>,
}

/// A value that should be kept.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    /// Where it stands.
    pub(crate) name: String,
    /// The value.
    pub(crate) value: f64,
}

/// A stage of the load.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    /// Its name.
    pub(crate) name: String,
    /// Its start.
    pub(crate) from: f64,
    /// Its end.
    pub(crate) to: f64,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    /// When.
    pub(crate) at: f64,
    /// What kind of thing, in a word or two.
    pub(crate) kind: MarkKind,
    /// What, in words.
    pub(crate) text: String,
}

/// Kinds of things that happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MarkKind {
    /// More replicas were asked for.
    Up,
    /// Fewer were.
    Down,
    /// Something is ready or well again.
    Good,
    /// Something went wrong.
    Bad,
    /// Anything else.
    Other,
}

impl MarkKind {
    /// Its sign, so that it isn't told by its colour alone.
    pub(crate) const fn sign(self) -> &'static str {
        match self {
            Self::Up => "▲",
            Self::Down => "▼",
            Self::Good => "✓",
            Self::Bad => "✗",
            Self::Other => "•",
        }
    }

    /// Its class in the page.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Other => "other",
        }
    }
}

impl Pane {
    /// The same with so few points that the page can carry them.
    pub(crate) fn thinned(&self, most: usize) -> Self {
        self.of(&thin::kept(&self.seconds, &self.columns(), most))
    }

    /// The same with the points that a picture of so many columns needs.
    pub(crate) fn drawn(&self, columns: usize) -> Self {
        if self.seconds.len() <= 2 * columns {
            return self.clone();
        }
        self.of(&thin::of_columns(&self.seconds, &self.columns(), columns))
    }

    fn columns(&self) -> Vec<&[Option<f64>]> {
        self.lines.iter().map(|line| line.values.as_slice()).collect()
    }

    fn of(&self, kept: &[usize]) -> Self {
        let pick =
            |values: &[Option<f64>]| kept.iter().map(|index| values.get(*index).copied().flatten()).collect();
        let lines = self.lines.iter().map(|line| Line { values: pick(&line.values), ..line.clone() });
        let seconds = kept.iter().filter_map(|index| self.seconds.get(*index).copied());
        Self { seconds: seconds.collect(), lines: lines.collect(), ..self.clone() }
    }

    /// All values that it shows, and those of its limits which are near enough to be shown.
    pub(crate) fn values(&self) -> impl Iterator<Item = f64> {
        let own = || self.lines.iter().flat_map(|line| line.values.iter().flatten().copied());
        let highest = own().fold(0.0, f64::max);
        own().chain(self.limits.iter().map(|limit| limit.value).filter(move |value| *value <= highest * 3.0))
    }

    /// Whether it has anything to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.values.iter().all(Option::is_none))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pane(values: Vec<Option<f64>>) -> Pane {
        Pane {
            id: "errors".into(),
            title: "Errors".into(),
            unit: Unit::PerSecond,
            scale: Scale::Linear,
            finding: String::new(),
            seconds: (0..values.len()).map(|index| index as f64).collect(),
            lines: vec![Line { name: "errors".into(), role: Role::Errors, is_stepped: false, values }],
            bands: Vec::new(),
            limits: vec![Limit { name: "limit".into(), value: 100.0 }],
            is_scaling: false,
        }
    }

    #[test]
    fn thinning_keeps_the_highest_value_and_the_gaps_with_their_times() {
        let mut values = vec![Some(1.0); 50_000];
        (values[17], values[40_000]) = (Some(99.0), None);
        let thinned = pane(values).thinned(thin::MOST_POINTS);
        assert!(thinned.seconds.len() <= thin::MOST_POINTS);
        let at = thinned.seconds.iter().position(|second| *second == 17.0).unwrap();
        assert_eq!(thinned.lines[0].values[at], Some(99.0));
        let gap = thinned.seconds.iter().position(|second| *second == 40_000.0).unwrap();
        assert_eq!(thinned.lines[0].values[gap], None);
    }

    #[test]
    fn a_limit_far_above_all_values_does_not_press_them_down() {
        assert!(pane(vec![Some(40.0)]).values().any(|value| value == 100.0));
        assert!(!pane(vec![Some(4.0)]).values().any(|value| value == 100.0));
    }

    #[test]
    fn a_pane_without_values_is_empty() {
        assert!(pane(vec![None, None]).is_empty() && !pane(vec![None, Some(0.0)]).is_empty());
    }
}
