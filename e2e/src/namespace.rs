// SPDX-License-Identifier: Apache-2.0
//! A namespace for one test.

use std::{collections::BTreeMap, env, future::Future, panic, time::Duration};

use anyhow::{Context as _, Result};
use k8s_openapi::{
    api::core::v1::{Namespace, ServiceAccount},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
};

use upsurge_testing::Watch;

use crate::{cluster, diagnostics, disturbance, install, wait};

/// How often a test is begun at most.
const ATTEMPTS: u32 = 3;
/// Standstill of the machine that excuses a test: the pods' reports and the autoscaler's looks come by the second.
const STANDSTILL: Duration = Duration::from_secs(1);

/// What a test works with.
#[derive(Clone)]
pub struct Context {
    /// Client for the cluster.
    pub client: Client,
    /// The test's own namespace.
    pub namespace: String,
}

impl Context {
    /// The API of a kind in the test's namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}

/// Runs a test in a namespace of its own, under the *restricted* pod security standard, with the operator
/// installed. When it fails, what can be known about it is written to `target/e2e/<test>/`; afterwards the namespace
/// is deleted, unless `E2E_KEEP=1`. A test that fails while the machine stood still, or did not let its load be
/// generated ([`disturbance`]), is begun anew in another namespace.
///
/// # Errors
/// Those of the test, and of the surroundings.
pub async fn with_temp_namespace<F, Fut>(test: F) -> Result<()>
where
    F: Fn(Context) -> Fut,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    // "lifecycle::an_abort_…::{{closure}}…": the name of the test without being told.
    let name = std::any::type_name::<F>().split("::{{closure}}").next().unwrap_or("test").to_owned();
    let client = cluster::client().await?;
    install::ensure(&client).await?;
    let mut attempt = 1;
    loop {
        let context = Context { namespace: create(&client, &name).await?, client: client.clone() };
        let watch = Watch::start();
        // In a task of its own, so that a panic does not get past the tidying.
        let outcome = tokio::spawn(test(context.clone())).await;
        let mut again = false;
        if !matches!(outcome, Ok(Ok(()))) {
            diagnostics::write(&context, &name).await;
            eprintln!("attempt {attempt}: longest standstill of this machine {:?}", watch.longest());
            let limited = disturbance::limited(&context).await.unwrap_or_default();
            again = (limited.is_some() || watch.longest() >= STANDSTILL) && attempt < ATTEMPTS;
        }
        if env::var("E2E_KEEP").as_deref() == Ok("1") {
            eprintln!("kept namespace {} of {name}", context.namespace);
        } else {
            let namespaces = Api::<Namespace>::all(client.clone());
            match namespaces.delete(&context.namespace, &DeleteParams::default()).await {
                // The test itself has done so.
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                deleted => drop(deleted?),
            }
        }
        if again {
            attempt += 1;
            continue;
        }
        return match outcome {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panicked) => panic::resume_unwind(panicked),
                Err(error) => Err(error.into()),
            },
        };
    }
}

/// Makes a namespace with a random name and waits until pods can be made in it.
async fn create(client: &Client, test: &str) -> Result<String> {
    let name = format!("upsurge-e2e-{:08x}", fastrand::u32(..));
    let label = |text: &str| text.replace("::", ".").chars().take(63).collect::<String>();
    let namespace = Namespace {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            labels: Some(BTreeMap::from([
                ("pod-security.kubernetes.io/enforce".into(), "restricted".into()),
                ("upsurge.dev/e2e".into(), label(test).trim_end_matches(['_', '.', '-']).into()),
            ])),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    };
    Api::all(client.clone())
        .create(&PostParams::default(), &namespace)
        .await
        .context("can't make a namespace")?;
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), &name);
    wait::until(&accounts, "default", "exists", wait::seconds(30), |_| true).await?;
    Ok(name)
}
