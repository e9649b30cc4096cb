//! What is shown while the load runs: a live view on a terminal, else a line now and then.

mod frame;
mod history;

use std::{
    env,
    io::{IsTerminal, stderr},
    time::Duration,
};

use upsurge_core::{metrics::Metrics, plan::Timeline};

use self::{frame::View, history::History};
use crate::{cli::screen, engine::Interval};

/// Time between two lines where nothing can be drawn in place.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// Variables that say, when they hold anything, that nobody watches or that control codes are not wanted.
const PLAIN_VARIABLES: [&str; 2] = ["CI", "NO_COLOR"];

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Nothing but what has to be said.
    Quiet,
    /// A line now and then.
    Lines,
    /// A block that is drawn anew in place.
    Live,
}

impl Style {
    /// The style that arguments and surroundings ask for.
    pub(super) fn choose(quiet: bool, plain: bool) -> Self {
        let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        if quiet {
            Self::Quiet
        } else if plain || dumb || PLAIN_VARIABLES.into_iter().any(set) || !stderr().is_terminal() {
            Self::Lines
        } else {
            Self::Live
        }
    }
}

/// How the load stands, on the screen.
pub(super) struct Progress<'a> {
    name: &'a str,
    target: &'a str,
    timeline: &'a Timeline,
    style: Style,
    history: History,
    /// When a line was last shown.
    last: Duration,
}

impl<'a> Progress<'a> {
    pub(super) fn new(name: &'a str, target: &'a str, timeline: &'a Timeline, style: Style) -> Self {
        Self { name, target, timeline, style, history: History::default(), last: Duration::ZERO }
    }

    /// Shows how far the load is: the last interval, and all that was recorded.
    pub(super) fn show(&mut self, interval: &Interval, users: u64, metrics: &Metrics) {
        self.history.add(interval);
        let elapsed = interval.to;
        let (name, target, timeline, history) = (self.name, self.target, self.timeline, &self.history);
        let view = View { name, target, timeline, elapsed, users, metrics, history };
        match self.style {
            Style::Live => screen::draw(&view.lines(screen::width())),
            Style::Lines if elapsed.saturating_sub(self.last) >= LINE_INTERVAL => {
                eprintln!("{}", view.line());
                self.last = elapsed;
            }
            Style::Lines | Style::Quiet => {}
        }
    }

    /// Says something that stays on the screen.
    pub(super) fn say(&mut self, message: &str) {
        screen::clear();
        eprintln!("{message}");
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        screen::clear();
    }
}
