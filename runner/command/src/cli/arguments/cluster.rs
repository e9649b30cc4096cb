// SPDX-License-Identifier: Apache-2.0
//! Arguments of what has to do with a cluster.

use std::path::PathBuf;

use clap::Args;

/// Which cluster, and where in it.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArguments {
    /// Context of the kubeconfig. Default: its current one.
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,

    /// Namespace. Default: that of the manifest, else that of the context.
    #[arg(long, short = 'n', value_name = "NAME")]
    pub(crate) namespace: Option<String>,

    /// File with the way to the cluster. Default: those that KUBECONFIG names, else ~/.kube/config; in a pod, its
    /// service account.
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
}

/// Whether the autoscaler is observed.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ObserveArguments {
    /// Observe the workloads of spec.target.workloads and their autoscalers while the load runs, as the operator
    /// does, and judge what the test expects of them and of what their pods use. Needs nothing in the cluster but the right to read.
    #[arg(long)]
    pub(crate) observe: bool,

    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,
}

impl ObserveArguments {
    /// A flag that says nothing, as nothing is observed.
    pub(crate) fn idle(&self) -> Option<&'static str> {
        let ClusterArguments { context, namespace, kubeconfig } = &self.cluster;
        let given = [
            ("--context", context.is_some()),
            ("--namespace", namespace.is_some()),
            ("--kubeconfig", kubeconfig.is_some()),
        ];
        given.into_iter().find(|(_, is_given)| *is_given && !self.observe).map(|(flag, _)| flag)
    }
}

/// What to read of which run.
#[cfg(feature = "cluster")]
#[derive(Debug, Args)]
pub(crate) struct GetArguments {
    /// Name of the LoadTestRun.
    pub(crate) run: String,

    /// Print what was observed of the workloads and their autoscalers, as JSON lines in order of time. The operator keeps
    /// it until the run is finished.
    #[arg(long, required_unless_present = "record")]
    pub(crate) events: bool,

    /// Go on printing until the run is finished: so all of it can be had.
    #[arg(long, short, requires = "events")]
    pub(crate) follow: bool,

    /// File to write the record of a finished run to, as `run --record` writes it; `-` for standard output. Or an object in a store.
    #[arg(long, value_name = "FILE|URL", conflicts_with_all = ["events", "follow"])]
    pub(crate) record: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,
}
