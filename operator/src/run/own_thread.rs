// SPDX-License-Identifier: Apache-2.0
//! A thread that does nothing but keep the lease, by connections of its own: however much there is to list and to decode, it is
//! renewed in time.

use std::future::Future;

use anyhow::Context as _;
use kube::Client;
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinHandle,
};

use super::api_server;

/// The thread, which ends with this value.
pub struct OwnThread {
    runtime: Option<Runtime>,
}

impl OwnThread {
    /// Starts it.
    ///
    /// # Errors
    /// When there can be no more threads.
    pub fn start(name: &str) -> anyhow::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name(name).enable_all().build();
        Ok(Self { runtime: Some(runtime.with_context(|| format!("failed to start thread {name}"))?) })
    }

    /// Does something there.
    ///
    /// # Errors
    /// When it broke down.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> anyhow::Result<T> {
        self.spawn(work).await.context("a thread's work ended unexpectedly")
    }

    /// Begins to do something there.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        match &self.runtime {
            Some(runtime) => runtime.spawn(work),
            None => tokio::spawn(work),
        }
    }

    /// A client whose connections are served there.
    ///
    /// # Errors
    /// When it is not known how to reach the API server.
    pub async fn client(&self) -> anyhow::Result<Client> {
        self.run(api_server::connect()).await?
    }
}

impl Drop for OwnThread {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn what_it_does_goes_on_while_all_other_threads_are_busy() {
        let thread = OwnThread::start("own").unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let work = thread.spawn(async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            sender.send(Instant::now()).unwrap();
        });
        // Blocks the only thread of this test.
        let done = receiver.recv_timeout(Duration::from_secs(30)).unwrap();
        assert!(done <= Instant::now());
        work.await.unwrap();
    }
}
