// SPDX-License-Identifier: Apache-2.0
//! Who is let in, and how much of what they send is read at the same time.
//!
//! Who speaks is decided by token and URL alone. A body is read only after that, into room that is bounded for each run
//! and for all of them, within a time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, StatusCode, header::CONTENT_LENGTH},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{
    authentication::{Denied, Identity},
    binding::{self, Runner},
    cell::Cell,
    line::Line,
    session::Pod,
    sessions::{Fate, Sessions},
    view::RunKey,
};

/// Room for bodies of one run, in KiB: one of the largest, and many of the usual ones.
pub const RUN_BODIES: usize = 20 * 1024;
/// Room for bodies of all runs, in KiB.
const ALL_BODIES: usize = 64 * 1024;
/// Most requests that are looked at, at the same time.
const MOST_REQUESTS: usize = 1_024;
/// Most requests of one run at the same time, beside two of each runner: tries again, and tries of others.
const SPARE_REQUESTS: usize = 8;
/// Most bodies that are understood at the same time, on however many cores: a hostile one takes 64 MiB of memory.
const MOST_TURNS: usize = 2;
/// Longest namespace, and longest name of a run.
const LONGEST_NAMESPACE: usize = 63;
const LONGEST_NAME: usize = 253;
/// Longest wait for room.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Longest time to read a body. Shorter than the wait for room, so that those who wait get what slow ones leave.
const LONGEST_READ: Duration = Duration::from_secs(4);

/// Room for the requests of a run with so many runners.
pub fn requests(runners: usize) -> usize {
    (2 * runners + SPARE_REQUESTS).min(MOST_REQUESTS)
}

/// What is shared out among all who speak.
pub struct Room {
    pub(super) requests: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    /// Bodies that are understood at the same time: more would only make each take longer, and each takes memory.
    turns: Arc<Semaphore>,
}

impl Default for Room {
    fn default() -> Self {
        let turns = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_TURNS);
        let [requests, bodies, turns] =
            [MOST_REQUESTS, ALL_BODIES, turns].map(|room| Arc::new(Semaphore::new(room)));
        Self { requests, bodies, turns }
    }
}

#[cfg(test)]
impl Room {
    /// Whether no body is being understood.
    pub fn has_all_turns(&self) -> bool {
        let turns = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_TURNS);
        self.turns.available_permits() == turns
    }
}

/// Who was let in.
pub struct Admitted {
    /// Who it is.
    pub who: Identity,
    /// Index of the runner.
    pub index: u32,
    /// Whether its Job tells it the authorities by which it has to check the collector.
    pub is_told_authorities: bool,
    /// The session of its run.
    pub cell: Arc<Cell>,
    _place: OwnedSemaphorePermit,
}

/// Why somebody is not let in.
pub enum Closed {
    /// This operator does not lead.
    NotServing,
    /// No run has such a name.
    NoName,
    /// There are too many requests.
    Busy,
    /// Who speaks may not.
    Denied(Denied),
    /// The run has no session.
    Fate(RunKey, Fate),
}

impl From<Denied> for Closed {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl Sessions {
    /// Lets in who has proved to be a runner of a run whose session is open. Its connection may stay then.
    pub(super) async fn admit(
        &self,
        run: &RunKey,
        headers: &HeaderMap,
        line: &Line,
    ) -> Result<Admitted, Closed> {
        if !self.is_serving() {
            return Err(Closed::NotServing);
        }
        // Before it is kept in mind, or is put into a path at the API server.
        if !is_run(run) {
            return Err(Closed::NoName);
        }
        let place = self.room().requests.clone().try_acquire_owned().map_err(|_| Closed::Busy)?;
        let cell = self.cell(run);
        let may_ask = |pod: &Pod| self.may_ask(&run.namespace, pod);
        let who = self.authenticator().identify(headers, &run.namespace, may_ask).await?;
        let Some(cell) = cell else {
            return Err(Closed::Fate(run.clone(), self.fate(run, &who).await?));
        };
        let Runner { index, is_told_authorities } = binding::find_runner(self, &cell, &who).await?;
        line.let_in();
        cell.lines.note(index, line);
        // Now, and not when what it says was read: a runner must not count as lost because this operator is slow.
        cell.heard(index, &who.pod);
        // The place among all is for those who have not proved who they are; a run has places of its own.
        let own = cell.requests.clone().try_acquire_owned().map_err(|_| Closed::Busy)?;
        drop(place);
        Ok(Admitted { who, index, is_told_authorities, cell, _place: own })
    }
}

impl Sessions {
    /// Whether something more may be asked of the API server because of a pod, whether it is that pod or only says so.
    pub(super) fn may_ask(&self, namespace: &str, pod: &Pod) -> bool {
        let is_known = self.cache().pod(namespace, &pod.name, &pod.uid).is_some();
        self.rations().take(is_known.then_some(namespace), Instant::now())
    }
}

/// Whether a run can be called so.
pub fn is_run(run: &RunKey) -> bool {
    is_name(&run.namespace, LONGEST_NAMESPACE) && is_name(&run.name, LONGEST_NAME)
}

/// Whether something of the cluster can have that name.
fn is_name(text: &str, longest: usize) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = text.as_bytes().first().zip(text.as_bytes().last());
    text.len() <= longest
        && ends.is_some_and(|(first, last)| is_word(*first) && is_word(*last))
        && text.bytes().all(|byte| is_word(byte) || matches!(byte, b'-' | b'.'))
}

/// A body, and the room that it takes until it was dealt with.
pub struct Read {
    bytes: Bytes,
    _room: [OwnedSemaphorePermit; 4],
}

impl Read {
    /// What was sent. Only borrowed: taken out, it would be dealt with elsewhere while the room is kept here.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Why a body is not read: a status and words.
pub type Unread = (StatusCode, String);

/// Reads a body of who was let in.
///
/// # Errors
/// When it is too large or too slow, or there is no room for it at the moment.
pub async fn read(
    room: &Room,
    admitted: &Admitted,
    headers: &HeaderMap,
    body: Body,
    most: usize,
) -> Result<Read, Unread> {
    let said = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let length = said.unwrap_or(most);
    let large = || (StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {most} bytes"));
    if length > most {
        return Err(large());
    }
    let (own, turns) = (admitted.cell.turn.clone(), room.turns.clone());
    let size = u32::try_from(length.div_ceil(1024)).unwrap_or(u32::MAX).max(1);
    let wait = async {
        let run = admitted.cell.bodies.clone().acquire_many_owned(size).await?;
        Ok::<_, tokio::sync::AcquireError>([run, room.bodies.clone().acquire_many_owned(size).await?])
    };
    let busy =
        || (StatusCode::SERVICE_UNAVAILABLE, "too much is sent at the same time: try again".to_owned());
    let Ok(Ok([run, all])) = timeout(LONGEST_WAIT, wait).await else { return Err(busy()) };
    let bytes = match timeout(LONGEST_READ, to_bytes(body, length)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => {
            let words = format!("the body can't be read, or is too large: {error}");
            return Err((StatusCode::PAYLOAD_TOO_LARGE, words));
        }
        Err(_) => {
            let limit = LONGEST_READ.as_secs();
            let words = format!("the body did not come within {limit} s: try again");
            return Err((StatusCode::REQUEST_TIMEOUT, words));
        }
    };
    // Of a run one at a time: those behind it would wait for its session, in the places of others.
    let turn = async {
        Ok::<_, tokio::sync::AcquireError>([own.acquire_owned().await?, turns.acquire_owned().await?])
    };
    match timeout(LONGEST_WAIT, turn).await {
        Ok(Ok([own, turn])) => Ok(Read { bytes, _room: [run, all, own, turn] }),
        _ => Err(busy()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_paths_questions_and_texts_without_end() {
        for name in ["a", "0", "checkout-g1", "checkout.v2-g1", &"a".repeat(253)] {
            assert!(is_name(name, LONGEST_NAME), "{name}");
        }
        let paths = [
            "",
            ".",
            "..",
            "../secrets/a",
            "a/b",
            "a?watch=true",
            "a#b",
            "a%2fb",
            "A",
            "-a",
            "a-",
            "ä",
            "a b",
        ];
        for name in paths.into_iter().chain([&*"a".repeat(254)]) {
            assert!(!is_name(name, LONGEST_NAME), "{name}");
        }
    }
}
