// SPDX-License-Identifier: Apache-2.0
//! How much memory the distributions of a document may take together.
//!
//! A histogram of a thousand characters can stand for a quarter of a megabyte of counts, so a small document could fill the memory of who
//! reads it. Reading by serde has no place for a sum over all parts of a document: it is kept by thread.

use std::cell::Cell;

thread_local! {
    /// Bytes that are left; `None` where there is no limit.
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Reads a document whose distributions may take so many bytes of memory in all. The one that is too much is an error.
pub fn with_room<T>(bytes: usize, read: impl FnOnce() -> T) -> T {
    let _before = Before(LEFT.replace(Some(bytes)));
    read()
}

/// The limit before, which holds again at the end, however that comes.
struct Before(Option<usize>);

impl Drop for Before {
    fn drop(&mut self) {
        LEFT.set(self.0);
    }
}

/// Takes up room; false if there is too little.
pub(super) fn take(bytes: usize) -> bool {
    let Some(left) = LEFT.get() else { return true };
    let rest = left.checked_sub(bytes);
    LEFT.set(Some(rest.unwrap_or(0)));
    rest.is_some()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::Trend, with_room};

    #[test]
    fn distributions_share_the_room_of_a_document_and_others_have_no_limit() {
        let mut trend = Trend::default();
        (0..20).for_each(|power| trend.record(Duration::from_micros(1 << power)));
        let text = serde_json::to_string(&[&trend, &trend]).unwrap();
        let read = || serde_json::from_str::<Vec<Trend>>(&text);
        let bytes = read().unwrap()[0].bytes();
        assert_eq!(with_room(2 * bytes, read).unwrap(), [trend.clone(), trend.clone()]);
        let refused = with_room(2 * bytes - 1, read).unwrap_err().to_string();
        assert!(refused.contains("all distributions together"), "{refused}");
        assert!(read().is_ok(), "the limit went with the document");
    }
}
