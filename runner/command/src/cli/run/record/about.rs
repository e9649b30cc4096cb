// SPDX-License-Identifier: Apache-2.0
//! What is known of a run before it starts.

use std::thread::available_parallelism;

use jiff::Timestamp;
use upsurge_core::http::without_login;
use upsurge_crds::LoadTestSpec;
use upsurge_record::{
    journal::{Begin, FORMAT},
    model::{Environment, Generator, MadeBy, Run, VERSION},
    redact,
};

/// What is known of a run before it starts.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli::run) struct About<'a> {
    pub(in crate::cli::run) name: &'a str,
    pub(in crate::cli::run) namespace: Option<&'a str>,
    pub(in crate::cli::run) git_revision: Option<&'a str>,
    pub(in crate::cli::run) test: &'a LoadTestSpec,
    /// Values of Secrets, which don't belong into a file.
    pub(in crate::cli::run) secrets: &'a [String],
    pub(in crate::cli::run) threads: usize,
    /// Whether somebody watches the workload.
    pub(in crate::cli::run) is_observed: bool,
}

impl About<'_> {
    /// The same as the record has it.
    pub(super) fn begin(&self) -> Begin {
        let now = Timestamp::now();
        let count = |number: usize| u32::try_from(number).ok();
        let watched = self.test.target.workloads.iter().filter(|_| self.is_observed);
        let mut watched = watched.map(|one| [one.name.clone(), one.kind.clone(), one.api_version.clone()]);
        Begin {
            format: FORMAT.into(),
            version: VERSION,
            made_by: MadeBy { name: "upsurge".into(), version: env!("CARGO_PKG_VERSION").into() },
            run: Run {
                name: self.name.to_owned(),
                namespace: self.namespace.map(str::to_owned),
                uid: None,
                start_time: now,
                end_time: now,
            },
            test: redact::spec(self.test),
            environment: Environment {
                target: without_login(&self.test.target.base_url).into_owned(),
                generator: Generator {
                    kind: "Command".into(),
                    processes: 1,
                    threads: count(self.threads),
                    cpus: available_parallelism().ok().and_then(|cpus| count(cpus.get())),
                    platform: Some(format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH)),
                },
                git_revision: self.git_revision.map(str::to_owned),
                ..Environment::default()
            },
            workload: watched.next(),
            further: watched.collect(),
        }
    }
}
