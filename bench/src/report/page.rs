// SPDX-License-Identifier: Apache-2.0
//! The page of the documentation that shows the results.

use std::fmt::Write as _;

use crate::{
    number::number,
    results::{Case, Results, Verdict},
};

/// What a page is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum About {
    /// The engine beside other tools.
    Engine,
    /// The operator at size.
    Scale,
}

impl About {
    /// The order of cases on the page; others come behind.
    fn order(self) -> &'static [&'static str] {
        match self {
            Self::Engine => &[
                "static",
                "unpinned",
                "open",
                "shop",
                "html",
                "instructions",
                "memory",
                "freeze",
                "pacing",
                "merge",
                "executors",
                "records",
                "page",
                "soak",
            ],
            Self::Scale => &["start", "many", "watched", "checkpoints", "wide", "kept"],
        }
    }

    fn introduction(self) -> &'static str {
        match self {
            Self::Engine => INTRODUCTION,
            Self::Scale => SCALE,
        }
    }
}

/// The whole page.
pub fn page(about: About, results: &Results) -> String {
    let order = about.order();
    let mut names: Vec<&String> = results.cases.keys().collect();
    names.sort_by_key(|name| order.iter().position(|one| one == name).unwrap_or(order.len()));
    let cases = names.into_iter().filter_map(|name| results.cases.get(name));
    let soaks = numbered(&results.soaks);
    let cases: Vec<&Case> = cases.chain(&soaks).collect();
    let mut text = String::from(about.introduction());
    text.push_str("\n## Goals\n\n| figure | measured | goal | |\n|---|---|---|---|\n");
    for (case, goal) in cases.iter().flat_map(|case| case.goals.iter().map(move |goal| (case, goal))) {
        let verdict = match case.verdict(goal) {
            Verdict::Met => "met",
            Verdict::NotToldApart => "not told apart",
            Verdict::NotMet => "**not met**",
            Verdict::NotTried => "not tried at this size",
        };
        let (measured, limit, unit) = (goal.shown(), number(goal.limit), &goal.unit);
        line(&mut text, format_args!("| {} | {measured} {unit} | ≤ {limit} {unit} | {verdict} |", goal.what));
    }
    for case in cases {
        self::case(&mut text, case);
    }
    text
}

/// Cases of one title, told apart by numbers.
fn numbered(cases: &[Case]) -> Vec<Case> {
    let number = |(index, case): (usize, &Case)| match cases.len() {
        1 => case.clone(),
        count => Case { title: format!("{}, run {} of {count}", case.title, index + 1), ..case.clone() },
    };
    cases.iter().enumerate().map(number).collect()
}

fn case(text: &mut String, case: &Case) {
    line(text, format_args!("\n## {}\n\n{}\n", case.title, case.how));
    if !case.rows.is_empty() {
        line(text, format_args!("| {} |", case.columns.join(" | ")));
        line(text, format_args!("|{}", "---|".repeat(case.columns.len())));
        for row in &case.rows {
            line(text, format_args!("| {} |", row.join(" | ")));
        }
        text.push('\n');
    }
    for note in &case.notes {
        line(text, format_args!("- {note}"));
    }
    for (tool, reason) in &case.skipped {
        line(text, format_args!("- Without {tool}: {reason}."));
    }
    if !case.notes.is_empty() || !case.skipped.is_empty() {
        text.push('\n');
    }
    let tools: Vec<String> = case.tools.iter().map(|(tool, version)| format!("{tool} {version}")).collect();
    let rounds = match case.rounds {
        1 => "one round".to_owned(),
        rounds => format!("{rounds} rounds"),
    };
    line(text, format_args!("*{}; {rounds}; {}; {}.*", case.date, case.machine, tools.join(", ")));
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to memory can't fail.
    let _ = writeln!(text, "{arguments}");
}

const INTRODUCTION: &str = "\
# Benchmarks

Upsurge beside the tools people use today: same machine, same server, same run. `make bench` measures all of this again,
installs the other tools by itself and writes this page.

How it is measured:

- Tools take turns: each round goes through all of them, so that a machine that slows down slows everybody down.
  Figures are medians over the rounds, with the smallest and the largest in brackets; ratios are made per round.
- Goals are compared with medians. In brackets is where the median lies nine times out of ten, by order statistics: if it
  exceeds its goal, but that interval holds the goal, the rounds don't tell them apart.
- CPU time is user and system time of the tool's process, as the kernel accounts for it. It is divided by the requests that
  the *server* counted. Tool and server have one core each; Upsurge runs with one thread.
- The server answers from memory on one thread and is the same for everybody.
- The page of a report is drawn by Debian's Chromium without a display; times are from its trace.
- Loopback costs less than a network, for all of them. These are figures of one machine: compare tools, not machines.
";

const SCALE: &str = "\
# Scale

What the operator costs where many teams use it. `make bench-scale` measures all of this again and writes this page.

How it is measured:

- The API server, etcd, the controller manager and the scheduler are those of Kubernetes, in a network of their own. kwok
  plays nodes and pods.
- Runners are the real agent, each with a token of its own pod, in one process. Only their load engine is replaced: by one
  that hands over known figures each second, so that it can be told whether all of them have arrived. A run whose figures
  are not exactly what its runners sent counts as a failure of the measurement and is named here.
- The operator is the program of the image, started as a process of the machine with the rights of its service account.
  Its CPU time and resident memory are the kernel's figures; its requests are counted in the API server's audit log.
- All of this shares one machine, API server and played runners too: with more cores the operator waits less.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Goal;

    #[test]
    fn the_page_says_what_was_met_and_what_was_not() {
        let goals = [("a", 1.0, 2.0), ("b", 3.0, 2.0)];
        let case = Case {
            title: "Static".into(),
            columns: vec!["tool".into(), "CPU".into()],
            rows: vec![vec!["wrk".into(), "12 µs".into()]],
            goals: goals
                .iter()
                .filter_map(|(what, value, limit)| Goal::new(*what, "×", *limit, &[*value]))
                .collect(),
            rounds: 3,
            ..Case::default()
        };
        let page = page(
            About::Engine,
            &Results { cases: [("static".to_owned(), case)].into(), ..Results::default() },
        );
        assert!(page.contains("| a | 1 × | ≤ 2 × | met |"), "{page}");
        assert!(page.contains("| b | 3 × | ≤ 2 × | **not met** |"), "{page}");
        assert!(page.contains("| tool | CPU |\n|---|---|\n| wrk | 12 µs |"), "{page}");
        assert!(page.contains("3 rounds"), "{page}");
    }

    #[test]
    fn all_soaks_are_shown_with_their_goals() {
        let soak = |growth: f64| Case {
            title: "Memory".into(),
            goals: Goal::new("growth", "KiB/min", 0.5, &[growth]).into_iter().collect(),
            ..Case::default()
        };
        let page = |soaks| page(About::Engine, &Results { soaks, ..Results::default() });
        let both = page(vec![soak(0.0), soak(0.75)]);
        for words in [
            "## Memory, run 1 of 2\n",
            "## Memory, run 2 of 2\n",
            "| growth | 0 KiB/min | ≤ 0.5 KiB/min | met |",
            "| growth | 0.75 KiB/min | ≤ 0.5 KiB/min | **not met** |",
        ] {
            assert!(both.contains(words), "{words:?} in {both}");
        }
        assert!(page(vec![soak(0.0)]).contains("## Memory\n"));
    }
}
