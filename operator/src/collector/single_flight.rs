// SPDX-License-Identifier: Apache-2.0
//! Several who ask the same at the same time get one answer: the question is asked once.
//!
//! The asking goes on when those who wait have left, how much is asked at the same time is bounded, and so is how long: an
//! API server that is gone without a word must not keep a question from being asked again. More questions wait in line, in
//! their order: were they turned away to try again, chance would decide who is never answered.

use std::{
    collections::HashMap,
    future::Future,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, watch},
    time::timeout,
};

/// Longest time for one answer.
const LONGEST_ASKING: Duration = Duration::from_secs(15);

/// Answers that are awaited, by question.
type Awaited<K, V> = Mutex<HashMap<K, watch::Receiver<Option<V>>>>;

/// Questions under way.
pub struct SingleFlight<K, V> {
    awaited: Arc<Awaited<K, V>>,
    /// Most questions that are asked or wait in line.
    most: usize,
    asked: Arc<Semaphore>,
    longest: Duration,
}

/// Takes a question off the list, however its asking ended.
struct Asking<K: Eq + Hash, V> {
    awaited: Arc<Awaited<K, V>>,
    key: K,
}

impl<K: Eq + Hash, V> Drop for Asking<K, V> {
    fn drop(&mut self) {
        lock(&self.awaited).remove(&self.key);
    }
}

impl<K, V> SingleFlight<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// At most so many questions are asked at the same time, and at most so many others wait in line.
    pub fn new(most: usize, line: usize) -> Self {
        let asked = Arc::new(Semaphore::new(most));
        Self { awaited: Arc::default(), most: most + line, asked, longest: LONGEST_ASKING }
    }

    /// The answer to a question, asked only if nobody has asked it; `None` if the line is full.
    pub async fn ask<F>(&self, key: K, question: impl FnOnce() -> F) -> Option<V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        self.ask_if(key, || true, question).await
    }

    /// The same, where a question that nobody has asked may have to be paid for; `None` also if it can't be.
    pub async fn ask_if<F>(
        &self,
        key: K,
        pay: impl FnOnce() -> bool,
        question: impl FnOnce() -> F,
    ) -> Option<V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut answer = {
            let mut awaited = lock(&self.awaited);
            match awaited.get(&key) {
                Some(answer) => answer.clone(),
                None if awaited.len() >= self.most || !pay() => return None,
                None => {
                    let (sender, answer) = watch::channel(None);
                    awaited.insert(key.clone(), answer.clone());
                    let asking = Asking { awaited: self.awaited.clone(), key };
                    let (question, longest, asked) = (question(), self.longest, self.asked.clone());
                    tokio::spawn(async move {
                        // Never closed.
                        let Ok(_turn) = asked.acquire().await else { return };
                        let answer = timeout(longest, question).await;
                        drop(asking);
                        if let Ok(answer) = answer {
                            sender.send_replace(Some(answer));
                        }
                    });
                    answer
                }
            }
        };
        // In vain if the asking broke down or took too long.
        answer.wait_for(Option::is_some).await.ok()?.clone()
    }
}

fn lock<K, V>(awaited: &Awaited<K, V>) -> MutexGuard<'_, HashMap<K, watch::Receiver<Option<V>>>> {
    awaited.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn what_many_ask_is_asked_once_and_too_much_is_not_asked() {
        let (flight, asked, go) =
            (SingleFlight::new(1, 0), Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let question = || {
            let (asked, go) = (asked.clone(), go.clone());
            async move {
                asked.fetch_add(1, Ordering::SeqCst);
                go.notified().await;
                7
            }
        };
        let many = join_all((0..50).map(|_| flight.ask("a", question)));
        let other = async {
            let other = flight.ask("b", question).await;
            go.notify_one();
            other
        };
        let (answers, other) = tokio::join!(many, other);
        assert!(answers.into_iter().all(|answer| answer == Some(7)));
        assert_eq!((other, asked.load(Ordering::SeqCst)), (None, 1));
        go.notify_one();
        assert_eq!(flight.ask("b", question).await, Some(7), "there is room again");
    }

    #[tokio::test]
    async fn only_who_asks_first_pays_and_who_can_t_does_not_ask() {
        let (flight, go) = (SingleFlight::new(1, 0), Arc::new(Notify::new()));
        let paid = AtomicUsize::new(0);
        let pay = || paid.fetch_add(1, Ordering::SeqCst) < 1;
        let question = || {
            let go = go.clone();
            async move {
                go.notified().await;
                7
            }
        };
        let many = join_all((0..50).map(|_| flight.ask_if("a", pay, question)));
        let full = async {
            let full = flight.ask_if("b", pay, question).await;
            go.notify_one();
            full
        };
        let (answers, full) = tokio::join!(many, full);
        assert!(answers.into_iter().all(|answer| answer == Some(7)) && full.is_none());
        assert_eq!(
            paid.load(Ordering::SeqCst),
            1,
            "neither for an answer that comes nor for a place in a full line"
        );
        assert_eq!(flight.ask_if("b", pay, question).await, None);
    }

    #[tokio::test]
    async fn those_who_wait_in_line_are_answered_in_their_order() {
        let (flight, order) = (SingleFlight::new(2, 98), Arc::new(Mutex::new(Vec::new())));
        let ask = |number: usize| {
            let order = order.clone();
            flight.ask(number, move || async move {
                tokio::task::yield_now().await;
                order.lock().unwrap().push(number);
                number
            })
        };
        let answers = join_all((0..101).map(ask)).await;
        assert!(answers[..100].iter().enumerate().all(|(number, answer)| *answer == Some(number)));
        assert_eq!(answers[100], None, "the line was full");
        assert!(order.lock().unwrap().is_sorted_by_key(|number| number / 2));
    }

    #[tokio::test]
    async fn an_asking_without_an_answer_ends_and_can_be_asked_again() {
        let flight = SingleFlight { longest: Duration::from_millis(10), ..SingleFlight::new(1, 0) };
        assert_eq!(flight.ask("a", std::future::pending::<u32>).await, None);
        assert_eq!(flight.ask("a", || async { 7 }).await, Some(7));
    }

    #[tokio::test]
    async fn an_asking_that_breaks_down_is_no_answer_and_can_be_asked_again() {
        let flight: SingleFlight<&str, u32> = SingleFlight::new(1, 0);
        assert_eq!(flight.ask("a", || async { panic!("a test of breaking down") }).await, None);
        assert_eq!(flight.ask("a", || async { 7 }).await, Some(7));
    }
}
