//! Moments in which the machine did not let anybody work.
//!
//! A generator that such a moment makes late says so instead of judging the target, as it should. A test about
//! something else can't go on then, and is begun anew.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use kube::{ResourceExt, api::ListParams};
use upsurge_crds::{LoadTestRun, names::reasons};

use crate::{Context, api::status};

/// How often a test is begun before it fails because its load can't be generated.
pub const ATTEMPTS: u32 = 3;

/// Time between two looks at the clock.
const LOOK: Duration = Duration::from_millis(10);

/// What a run says that could not generate its load as asked.
///
/// # Errors
/// When the API server does not answer.
pub async fn limited(context: &Context) -> Result<Option<String>> {
    let runs = context.api::<LoadTestRun>().list(&ListParams::default()).await?.items;
    Ok(runs.into_iter().find_map(|run| {
        let status = status(&run);
        let limited = status.reason.as_deref() == Some(reasons::GENERATOR_LIMITED);
        limited.then(|| format!("{}: {}", run.name_any(), status.message.unwrap_or_default()))
    }))
}

/// A thread that only looks at the clock: how long it is not let do so tells of the machine, and not of what is tested.
pub struct Watch {
    longest: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Watch {
    /// Begins to look.
    pub fn start() -> Self {
        let (longest, over) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (noted, ended) = (Arc::clone(&longest), Arc::clone(&over));
        thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let before = Instant::now();
                thread::sleep(LOOK);
                noted.fetch_max(before.elapsed().as_millis() as u64, Ordering::Relaxed);
            }
        });
        Self { longest, over }
    }

    /// The longest time between two looks until now.
    pub fn longest(&self) -> Duration {
        Duration::from_millis(self.longest.load(Ordering::Relaxed))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
