// SPDX-License-Identifier: Apache-2.0
//! A socket that says what it was told to say, piece by piece.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use http::HeaderName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What comes after the last piece.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// Nothing, for ever.
    Open,
    Closed,
    Reset,
}

/// Bytes that were written.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(super) fn borrow(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

#[derive(Debug)]
pub(super) struct Script {
    pieces: VecDeque<Vec<u8>>,
    end: End,
    /// Most bytes taken at once.
    appetite: usize,
    written: Log,
    paused: bool,
    /// Says nothing before a request is complete.
    patient: bool,
}

impl Script {
    /// Says `bytes`, cut at the given places.
    pub(super) fn new(bytes: &[u8], cuts: &[usize], end: End) -> Self {
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        places.push(bytes.len());
        places.sort_unstable();
        let mut from = 0;
        let mut pieces = VecDeque::new();
        for to in places {
            if to > from {
                pieces.push_back(bytes[from..to].to_vec());
            }
            from = to;
        }
        Self { pieces, end, appetite: usize::MAX, written: Log::default(), paused: false, patient: false }
    }

    /// All names of headers that it may say.
    pub(super) fn names(&self) -> Vec<HeaderName> {
        let bytes: Vec<u8> = self.pieces.iter().flatten().copied().collect();
        let lines = bytes.split(|byte| *byte == b'\n');
        let names = lines.filter_map(|line| line.split(|byte| *byte == b':').next());
        // There may be blanks before a colon.
        names.filter_map(|name| HeaderName::from_bytes(name.trim_ascii_end()).ok()).collect()
    }

    /// Takes few bytes at once, and none every other time.
    pub(super) fn slow(mut self, appetite: usize) -> Self {
        self.appetite = appetite;
        self
    }

    /// Says nothing before the whole request is there.
    pub(super) fn patient(mut self) -> Self {
        self.patient = true;
        self
    }

    /// Whether it is time to speak.
    fn may_speak(&self) -> bool {
        let written = self.written.0.lock().unwrap();
        if !self.patient {
            return !written.is_empty();
        }
        let Some(end) = written.windows(4).position(|end| end == b"\r\n\r\n") else { return false };
        let head = String::from_utf8_lossy(&written[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        written.len() == end + 4 + length.unwrap_or(0)
    }

    pub(super) fn log(&self) -> Log {
        self.written.clone()
    }

    pub(super) fn written(&self) -> Vec<u8> {
        self.written.borrow()
    }

    /// Has nothing every other time.
    fn pause(&mut self, context: &Context<'_>) -> bool {
        self.paused = !self.paused;
        if self.paused {
            context.waker().wake_by_ref();
        }
        self.paused
    }
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.may_speak() || self.pause(context) {
            return Poll::Pending;
        }
        let Some(mut piece) = self.pieces.pop_front() else {
            return match self.end {
                End::Open => Poll::Pending,
                End::Closed => Poll::Ready(Ok(())),
                End::Reset => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            };
        };
        let count = piece.len().min(buffer.remaining());
        buffer.put_slice(&piece[..count]);
        if count < piece.len() {
            self.pieces.push_front(piece.split_off(count));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.appetite < usize::MAX && self.pause(context) {
            return Poll::Pending;
        }
        let count = bytes.len().min(self.appetite);
        self.written.0.lock().unwrap().extend_from_slice(&bytes[..count]);
        // A reader that was told to wait for the request may look again.
        context.waker().wake_by_ref();
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
