// SPDX-License-Identifier: Apache-2.0
//! The way to a cluster, as `kubectl` takes it.

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};

use crate::cli::arguments::ClusterArguments;

/// A cluster that can be asked, and the namespace that is meant.
#[derive(Clone)]
pub(super) struct Cluster {
    pub(super) client: Client,
    pub(super) namespace: String,
}

/// Why there is no way to a cluster.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ConnectError {
    /// The kubeconfig can't be used.
    #[error("no cluster can be reached by the kubeconfig{named}: {source}")]
    Kubeconfig {
        named: String,
        #[source]
        source: Box<KubeconfigError>,
    },
    /// What it says makes no client.
    #[error("no client can be made for the cluster: {0}")]
    Client(#[source] Box<kube::Error>),
}

/// Finds the way. The namespace is that of the arguments, else `namespace`, else that of the context.
pub(super) async fn connect(
    arguments: &ClusterArguments,
    namespace: Option<&str>,
) -> Result<Cluster, ConnectError> {
    let ClusterArguments { context, namespace: given, kubeconfig } = arguments;
    let wrong = |source| ConnectError::Kubeconfig {
        named: kubeconfig.as_ref().map(|path| format!(" {}", path.display())).unwrap_or_default(),
        source: Box::new(source),
    };
    let options = KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
    let read = match kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let config = match read {
        Ok(found) => Config::from_custom_kubeconfig(found, &options).await.map_err(wrong)?,
        // In a pod there is none, and its service account is meant.
        Err(error) if kubeconfig.is_none() && context.is_none() => {
            Config::incluster().map_err(|_| wrong(error))?
        }
        Err(error) => return Err(wrong(error)),
    };
    let namespace = given.clone().or_else(|| namespace.map(str::to_owned));
    let namespace = namespace.unwrap_or_else(|| config.default_namespace.clone());
    let client = upsurge_observer::client(config).map_err(|error| ConnectError::Client(Box::new(error)))?;
    Ok(Cluster { client, namespace })
}
