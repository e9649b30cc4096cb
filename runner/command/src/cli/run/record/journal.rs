// SPDX-License-Identifier: Apache-2.0
//! Writes FILE.part, on a thread of its own: a disk that is slow must not hold up the load.

use std::{
    fs::File,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use upsurge_record::{
    disk::EncodeError,
    journal::{Line, Writer, member},
};

/// Lines that wait for the disk; more wait where they come from.
const MOST_WAITING: usize = 4;

/// A file that is written to while the load runs.
#[derive(Debug)]
pub(super) struct Journal {
    lines: SyncSender<Line>,
    /// What the thread could not take yet, in order.
    waiting: Vec<Line>,
    trouble: Arc<Mutex<Option<String>>>,
    thread: JoinHandle<()>,
}

/// Why it can't be begun.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum JournalError {
    /// It can't be written down.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The disk takes nothing, or there is no thread.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Journal {
    /// Writes the first lines, and then takes more.
    pub(super) fn start(file: File, first: &[Line], secrets: Vec<String>) -> Result<Self, JournalError> {
        let mut writer = Writer::new(file);
        writer.add(&member(first, &secrets)?)?;
        let (lines, incoming) = sync_channel::<Line>(MOST_WAITING);
        let trouble = Arc::<Mutex<Option<String>>>::default();
        let told = Arc::clone(&trouble);
        let thread = thread::Builder::new().name("record".into()).spawn(move || {
            let mut backlog = Vec::new();
            while let Ok(line) = incoming.recv() {
                push(&mut backlog, line);
                incoming.try_iter().for_each(|line| push(&mut backlog, line));
                let written = member(&backlog, &secrets).map_err(|error| error.to_string());
                match written.and_then(|member| writer.add(&member).map_err(|error| error.to_string())) {
                    Ok(()) => backlog.clear(),
                    // There may be room the next time.
                    Err(error) => *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(error),
                }
            }
        })?;
        Ok(Self { lines, waiting: Vec::new(), trouble, thread })
    }

    /// Takes a line, without waiting for the disk.
    pub(super) fn tell(&mut self, line: Line) {
        push(&mut self.waiting, line);
        while !self.waiting.is_empty() {
            match self.lines.try_send(self.waiting.remove(0)) {
                Ok(()) => {}
                Err(TrySendError::Full(line) | TrySendError::Disconnected(line)) => {
                    self.waiting.insert(0, line);
                    return;
                }
            }
        }
    }

    /// The last thing that went wrong.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes what still waits.
    pub(super) fn end(self) {
        for line in self.waiting {
            // Without a thread there is nobody to take it.
            let _ = self.lines.send(line);
        }
        drop(self.lines);
        let _ = self.thread.join();
    }
}

/// Adds a line; of news that follow each other one is made.
fn push(lines: &mut Vec<Line>, line: Line) {
    match (lines.last_mut(), line) {
        (Some(Line::News(before)), Line::News(news)) => before.merge(*news),
        (_, line) => lines.push(line),
    }
}
