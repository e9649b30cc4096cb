// SPDX-License-Identifier: Apache-2.0
//! The cases: each makes all tools do the same and compares what that cost or showed.

mod executors;
mod freeze;
mod html;
mod instructions;
mod memory;
mod merge;
mod open;
mod pacing;
mod page;
mod records;
mod shop;
pub mod soak;
mod static_get;
mod table;
mod unpinned;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use table::Table;

use crate::{
    machine,
    peers::{self, Installed, Job, Run, Task},
    report,
    results::{Case, Results},
    server::{Server, Taken},
};

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// CPU per request of a static GET with keep-alive.
    Static,
    /// The same on all cores.
    Unpinned,
    /// CPU per request of an open model at a moderate rate.
    Open,
    /// CPU per page of HTML.
    Html,
    /// Instructions per request.
    Instructions,
    /// CPU per request of a scenario with captures and checks.
    Shop,
    /// Memory per idle user.
    Memory,
    /// Percentiles when the server freezes.
    Freeze,
    /// Lag of a constant rate.
    Pacing,
    /// Merged percentiles.
    Merge,
    /// Counts of k6's executors.
    Executors,
    /// Sizes of what is kept of a run.
    Records,
    /// The page of a report in a browser.
    Page,
    /// Memory over half an hour; only by `soak`.
    #[value(skip)]
    Soak,
}

impl Name {
    /// All that `make bench` measures.
    pub const ALL: [Self; 13] = [
        Self::Static,
        Self::Unpinned,
        Self::Open,
        Self::Shop,
        Self::Html,
        Self::Instructions,
        Self::Memory,
        Self::Freeze,
        Self::Pacing,
        Self::Merge,
        Self::Executors,
        Self::Records,
        Self::Page,
    ];

    /// The tools that take part, Upsurge first.
    fn tools(self) -> &'static [&'static str] {
        match self {
            Self::Static => &["upsurge", "wrk", "oha", "hey", "ab", "k6"],
            Self::Unpinned => &["upsurge", "wrk"],
            Self::Open => &["upsurge", "vegeta", "oha", "k6", "floor"],
            Self::Shop => &["upsurge", "k6", "artillery"],
            Self::Memory | Self::Executors | Self::Html | Self::Records => &["upsurge", "k6"],
            Self::Freeze => &["upsurge", "oha", "k6", "hey"],
            Self::Pacing => &["upsurge", "oha", "k6"],
            Self::Merge | Self::Soak | Self::Instructions | Self::Page => &["upsurge"],
        }
    }

    /// Its name in the results.
    fn key(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Unpinned => "unpinned",
            Self::Open => "open",
            Self::Html => "html",
            Self::Instructions => "instructions",
            Self::Shop => "shop",
            Self::Memory => "memory",
            Self::Freeze => "freeze",
            Self::Pacing => "pacing",
            Self::Merge => "merge",
            Self::Executors => "executors",
            Self::Records => "records",
            Self::Page => "page",
            Self::Soak => "soak",
        }
    }
}

/// What cases work with.
pub struct Bench {
    /// Rounds through all tools.
    pub rounds: usize,
    /// Length of each run where that is free.
    pub seconds: u32,
    /// The server.
    pub server: Server,
    /// Where tools put their files.
    pub directory: PathBuf,
    tools: Vec<Installed>,
    skipped: BTreeMap<String, String>,
}

/// One run of one tool, with what the server saw of it.
pub struct Seen {
    /// What the tool cost and said.
    pub run: Run,
    /// What the server counted.
    pub taken: Taken,
}

impl Seen {
    /// CPU time per request, in microseconds.
    pub fn cpu_per_request(&self) -> f64 {
        self.run.cost.cpu.as_secs_f64() * 1e6 / self.taken.requests.max(1) as f64
    }
}

impl Bench {
    /// The tools of a case that are there, in the order of the rounds.
    pub fn tools(&self, case: Name) -> impl Iterator<Item = &Installed> {
        self.tools.iter().filter(move |tool| case.tools().contains(&tool.peer.name()))
    }

    /// Makes a tool do a task while the server counts.
    ///
    /// # Errors
    /// When the tool breaks, or the server refuses what it asks.
    pub fn run(&self, tool: &Installed, seconds: u32, task: Task) -> Result<Seen> {
        let name = tool.peer.name();
        let job = Job { url: &self.server.url(), directory: &self.directory, seconds, task };
        self.server.take()?;
        let run = tool.run(&job)?;
        let taken = self.server.take()?;
        if taken.requests == 0 || taken.refused > 0 {
            bail!("{name} sent {} requests, of which {} were wrong", taken.requests, taken.refused);
        }
        Ok(Seen { run, taken })
    }

    /// The frame of a result.
    pub fn case(&self, name: Name, title: &str, how: impl Into<String>) -> Case {
        let is_meant = |tool: &str| name.tools().contains(&tool);
        Case {
            title: title.to_owned(),
            how: how.into(),
            date: machine::date(),
            machine: machine::description(),
            tools: self.tools(name).map(|tool| (tool.peer.name().to_owned(), tool.version.clone())).collect(),
            skipped: self
                .skipped
                .iter()
                .filter(|(tool, _)| is_meant(tool))
                .map(|(a, b)| (a.clone(), b.clone()))
                .collect(),
            rounds: self.rounds,
            ..Case::default()
        }
    }
}

/// What to measure, and how thoroughly.
pub struct Plan {
    /// Cases.
    pub cases: Vec<Name>,
    /// Tools beside Upsurge; all when empty.
    pub only: Vec<String>,
    /// Rounds.
    pub rounds: usize,
    /// Seconds per run.
    pub seconds: u32,
}

/// Measures the cases one after another; prints each and adds it to the results.
///
/// # Errors
/// When Upsurge is not built or a tool breaks; never because of a figure.
pub fn run(plan: &Plan, results: &Path) -> Result<()> {
    // What can't be added to is found out before anything is measured.
    Results::read(results)?;
    let bench = prepare(plan, &results.with_file_name("work"))?;
    for name in &plan.cases {
        let case = match name {
            Name::Static => static_get::measure(&bench),
            Name::Unpinned => unpinned::measure(&bench),
            Name::Open => open::measure(&bench),
            Name::Html => html::measure(&bench),
            Name::Instructions => instructions::measure(&bench),
            Name::Shop => shop::measure(&bench),
            Name::Memory => memory::measure(&bench),
            Name::Freeze => freeze::measure(&bench),
            Name::Pacing => pacing::measure(&bench),
            Name::Merge => merge::measure(&bench),
            Name::Executors => executors::measure(&bench),
            Name::Records => records::measure(&bench),
            Name::Page => page::measure(&bench),
            Name::Soak => soak::measure(&bench, soak::MINUTES),
        };
        keep(*name, case, results)?;
    }
    Ok(())
}

/// Measures memory over a long time.
///
/// # Errors
/// When Upsurge is not built or breaks.
pub fn soak(minutes: u32, results: &Path) -> Result<()> {
    let plan = Plan { cases: vec![Name::Soak], only: Vec::new(), rounds: 1, seconds: 1 };
    let bench = prepare(&plan, &results.with_file_name("soak"))?;
    keep(Name::Soak, soak::measure(&bench, minutes), results)
}

fn keep(name: Name, case: Result<Case>, results: &Path) -> Result<()> {
    let case = case.with_context(|| format!("case {}", name.key()))?;
    report::print(&case);
    let mut all = Results::read(results)?;
    match name {
        Name::Soak => {
            // Where a single one was kept before there were several.
            all.soaks.extend(all.cases.remove(name.key()));
            all.add_soak(case);
        }
        _ => drop(all.cases.insert(name.key().to_owned(), case)),
    }
    all.write(results)
}

/// Installs what the cases need and starts the server.
fn prepare(plan: &Plan, directory: &Path) -> Result<Bench> {
    std::fs::create_dir_all(directory)?;
    let (mut tools, mut skipped) = (Vec::new(), BTreeMap::new());
    for peer in peers::all() {
        let name = peer.name();
        let is_meant = plan.only.is_empty() || plan.only.iter().any(|one| one == name) || name == "upsurge";
        if !is_meant || !plan.cases.iter().any(|case| case.tools().contains(&name)) {
            continue;
        }
        match peers::install(peer) {
            Ok(tool) => tools.push(tool),
            Err(error) if name == "upsurge" => return Err(error),
            Err(error) => {
                eprintln!("bench: going on without {name}: {error:#}");
                skipped.insert(name.to_owned(), "could not be installed".to_owned());
            }
        }
    }
    let directory = directory.canonicalize()?;
    let (rounds, seconds) = (plan.rounds, plan.seconds);
    Ok(Bench { rounds, seconds, server: Server::start()?, directory, tools, skipped })
}
