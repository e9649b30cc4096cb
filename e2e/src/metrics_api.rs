// SPDX-License-Identifier: Apache-2.0
//! A metrics API server of the tests: autoscalers read custom metrics of pods and external metrics from it.
//!
//! It is a part of the test's own process, which the API server of the cluster reaches as it reaches metrics-server: by a Service
//! without a selector and an EndpointSlice. It serves one namespace, to anybody, and nothing but requests per second, which it
//! measures itself, and what the test says. Its APIs are there for the whole cluster, so whoever starts it has to be alone.

mod answers;
mod rates;
mod registration;
mod server;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use anyhow::Result;
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Handle, task::JoinSet};

use crate::{Context, target::Target};

/// The metric of pods: requests that came in, per second.
pub const REQUESTS_PER_SECOND: &str = "requests_per_second";

/// What is served, in thousandths.
#[derive(Debug, Default)]
struct Served {
    /// Requests per second, by pod.
    rates: BTreeMap<String, u64>,
    /// External metrics, by name.
    external: BTreeMap<String, u64>,
}

/// Serves until it is removed.
pub struct MetricsApi {
    context: Context,
    served: Arc<Mutex<Served>>,
    /// Whether somebody has tried to take the APIs out of the cluster.
    is_removed: bool,
    _tasks: JoinSet<()>,
}

impl Drop for MetricsApi {
    /// After a panic as well: an API that nobody answers would keep namespaces from going.
    fn drop(&mut self) {
        if let Ok(runtime) = Handle::try_current()
            && !self.is_removed
        {
            let client = self.context.client.clone();
            runtime.spawn(async move {
                if let Err(error) = registration::remove(&client).await {
                    eprintln!("the metrics APIs of the tests are left in the cluster: {error:#}");
                }
            });
        }
    }
}

impl MetricsApi {
    /// Measures the pods of a target, and waits until autoscalers can read what is served.
    ///
    /// # Errors
    /// When the cluster does not reach it in time.
    pub async fn start(context: &Context, target: &Target) -> Result<Self> {
        let served = Arc::<Mutex<Served>>::default();
        let listener = TcpListener::bind(("0.0.0.0", 0)).await?;
        let port = listener.local_addr()?.port();
        let mut tasks = JoinSet::new();
        tasks.spawn(rates::measure(context.clone(), target.clone(), Arc::clone(&served)));
        let acceptor = server::acceptor()?;
        tasks.spawn(server::serve(listener, acceptor, context.namespace.clone(), Arc::clone(&served)));
        let mut api = Self { context: context.clone(), served, is_removed: false, _tasks: tasks };
        if let Err(error) = registration::register(context, port).await {
            api.is_removed = true;
            return match registration::remove(&context.client).await {
                Ok(()) => Err(error),
                Err(left) => Err(error.context(format!("and its APIs are left in the cluster: {left:#}"))),
            };
        }
        Ok(api)
    }

    /// Serves a value of an external metric from now on.
    pub fn set(&self, name: &str, value: u32) {
        if let Ok(mut served) = self.served.lock() {
            served.external.insert(name.into(), u64::from(value) * 1_000);
        }
    }

    /// Takes the APIs out of the cluster again. Gives the outcome of the test.
    ///
    /// # Errors
    /// That of the test, or when they can't be taken out.
    pub async fn remove(mut self, outcome: Result<()>) -> Result<()> {
        self.is_removed = true;
        let removed = registration::remove(&self.context.client).await;
        outcome?;
        removed
    }
}

/// A number of requests per second and pod, as an autoscaler's metric.
pub fn of_pods(average: u32) -> Value {
    json!({"type": "Pods", "pods": {
        "metric": {"name": REQUESTS_PER_SECOND},
        "target": {"type": "AverageValue", "averageValue": average.to_string()},
    }})
}

/// A number per pod of an external metric, as an autoscaler's metric.
pub fn external(name: &str, average: u32) -> Value {
    json!({"type": "External", "external": {
        "metric": {"name": name}, "target": {"type": "AverageValue", "averageValue": average.to_string()},
    }})
}
