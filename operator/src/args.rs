// SPDX-License-Identifier: Apache-2.0
//! What the operator is told at its start: flags, each with an environment variable, as the chart sets them.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::{Parser, ValueEnum};
use upsurge_crds::v1alpha1::{ByteSize, TimeSpan};

use crate::settings::{Keep, Records};

/// Shortest life of an authority, for tests of its rotation.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(30);

/// Runs load tests and validates autoscaling, as Kubernetes resources ask for it.
#[derive(Clone, Debug, Parser)]
#[command(name = "upsurge-operator", version)]
pub struct Args {
    /// Namespaces to watch, separated by commas. Default: all of them.
    #[arg(
        long,
        env = "UPSURGE_WATCH_NAMESPACES",
        value_delimiter = ',',
        default_value = "",
        hide_default_value = true
    )]
    watch_namespaces: Vec<String>,

    /// Namespaces in which the replicas of targets may be set, for tests that need it, separated by commas. The operator needs the
    /// rights to it there. Default: none.
    #[arg(
        long,
        env = "UPSURGE_PINNING_NAMESPACES",
        value_delimiter = ',',
        default_value = "",
        hide_default_value = true
    )]
    pinning_namespaces: Vec<String>,

    /// Namespace of the operator itself, where its lease lives.
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    pub namespace: String,

    /// Name of the operator's pod, by which it holds its lease. Default: a name made from the process id.
    #[arg(long, env = "POD_NAME")]
    pod_name: Option<String>,

    /// Image of the runner pods.
    #[arg(long, env = "UPSURGE_RUNNER_IMAGE", default_value = "upsurge/runner:dev")]
    pub runner_image: String,

    /// When runner images are pulled: Always, IfNotPresent or Never.
    #[arg(long, env = "UPSURGE_RUNNER_IMAGE_PULL_POLICY", default_value = "IfNotPresent")]
    pub runner_image_pull_policy: String,

    /// File with defaults of runner pods, as YAML: labels, resources, where they run, and more. What a test says wins.
    /// Default: none.
    #[arg(long, env = "UPSURGE_RUNNER_DEFAULTS_FILE")]
    pub runner_defaults_file: Option<PathBuf>,

    /// Address on which runners are served.
    #[arg(long, env = "UPSURGE_COLLECTOR_LISTEN", default_value = "[::]:8080")]
    pub collector_listen: SocketAddr,

    /// IP address of the operator's pod.
    #[arg(long, env = "POD_IP")]
    pod_ip: Option<IpAddr>,

    /// Address under which runner pods reach this very operator, to be led here by one that stands by. Default: the
    /// pod's IP address, with the port of --collector-listen.
    #[arg(long, env = "UPSURGE_COLLECTOR_ADDRESS")]
    collector_address: Option<SocketAddr>,

    /// URL under which runner pods reach that address. Its host is the name for which they check the collector's certificate.
    /// They speak TLS whatever its scheme is; those of earlier releases don't, and are told so.
    #[arg(
        long,
        env = "UPSURGE_COLLECTOR_URL",
        default_value = "http://upsurge-collector.upsurge-system.svc:8080"
    )]
    pub collector_url: String,

    /// Name of the Secret, in the operator's own namespace, in which the operator keeps the authorities for the collector's
    /// certificate. It makes the Secret and rotates what is in it.
    #[arg(long, env = "UPSURGE_COLLECTOR_SECRET", default_value = "upsurge-collector-tls")]
    pub collector_secret: String,

    /// How long such an authority is valid. It signs for a third of that, after it was announced for a third. A run that has
    /// to connect again after more than a third is cut off.
    #[arg(long, env = "UPSURGE_COLLECTOR_AUTHORITY_LIFETIME", default_value = "365d", value_parser = lifetime)]
    pub collector_authority_lifetime: Duration,

    /// Directory with a certificate for the collector, its key and the authority by which runners check it: tls.crt, tls.key
    /// and ca.crt, taken up again when they change. Default: none, the operator makes its own.
    #[arg(long, env = "UPSURGE_COLLECTOR_CERTIFICATE_DIRECTORY")]
    pub collector_certificate_directory: Option<PathBuf>,

    /// Address for /livez, /readyz and /metrics.
    #[arg(long, env = "UPSURGE_ADMIN_LISTEN", default_value = "[::]:9090")]
    pub admin_listen: SocketAddr,

    /// File that holds the policy of the platform team, as YAML; taken up again when it changes. Default: none,
    /// everything is allowed.
    #[arg(long, env = "UPSURGE_POLICY_FILE")]
    pub policy_file: Option<PathBuf>,

    /// How long the Job, pods and service account of a run that passed are kept after its end, such as 1m: for their logs.
    #[arg(long, env = "UPSURGE_KEEP_PASSED_RUNNERS", default_value = "1m")]
    keep_passed_runners: TimeSpan,

    /// The same of a run that did not pass.
    #[arg(long, env = "UPSURGE_KEEP_OTHER_RUNNERS", default_value = "10m")]
    keep_other_runners: TimeSpan,

    /// Most bytes of the record that a finished run leaves in its namespace, such as 64Ki: what does not fit is thinned. With 0 none is
    /// kept. Sizes of records are before base64, so that etcd takes a third more.
    #[arg(long, env = "UPSURGE_RECORD_SIZE", default_value = "64Ki")]
    record_size: ByteSize,

    /// Most bytes of all records of a namespace. The oldest of runs that passed go first, then other old ones.
    #[arg(long, env = "UPSURGE_RECORDS_PER_NAMESPACE", default_value = "16Mi")]
    records_per_namespace: ByteSize,

    /// Most bytes of all records.
    #[arg(long, env = "UPSURGE_RECORDS_IN_ALL", default_value = "256Mi")]
    records_in_all: ByteSize,

    /// Memory that the operator has, in bytes: a quarter of it is for the figures of runs under way. When they need more, each
    /// run gives up its finest tags until it takes no more than an equal share.
    #[arg(long, env = "UPSURGE_MEMORY_LIMIT", default_value_t = 256 << 20)]
    pub memory_limit: usize,

    /// Form of the log on standard error.
    #[arg(long, env = "UPSURGE_LOG_FORMAT", value_enum, default_value = "text")]
    pub log_format: LogFormat,

    /// Name of the lease by which one of several operators is elected.
    #[arg(long, env = "UPSURGE_LEASE_NAME", default_value = "upsurge")]
    pub lease_name: String,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line of text per event.
    Text,
    /// One JSON object per event.
    Json,
}

impl Args {
    /// Namespaces to watch; none means all of them.
    pub fn watched(&self) -> Vec<&str> {
        listed(&self.watch_namespaces)
    }

    /// Namespaces in which replicas may be set.
    pub fn pinned(&self) -> Vec<String> {
        listed(&self.pinning_namespaces).into_iter().map(str::to_owned).collect()
    }

    /// Address under which runner pods reach this very operator, if it is known.
    pub fn collector_address(&self) -> Option<SocketAddr> {
        let of_pod = || Some(SocketAddr::new(self.pod_ip?, self.collector_listen.port()));
        self.collector_address.or_else(of_pod)
    }

    /// How long runners are kept after the end of their run.
    pub fn keep(&self) -> Keep {
        Keep { passed: self.keep_passed_runners.0, not_passed: self.keep_other_runners.0 }
    }

    /// Which records of finished runs are kept.
    pub fn records(&self) -> Records {
        Records {
            per_run: self.record_size.0,
            per_namespace: self.records_per_namespace.0,
            in_all: self.records_in_all.0,
            namespaces: self.watched().into_iter().map(str::to_owned).collect(),
        }
    }

    /// Name by which this operator holds the lease.
    pub fn identity(&self) -> String {
        self.pod_name.clone().unwrap_or_else(|| format!("upsurge-operator-{}", std::process::id()))
    }
}

fn listed(names: &[String]) -> Vec<&str> {
    let names = names.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let TimeSpan(lifetime) = text.parse()?;
    if lifetime < SHORTEST_LIFETIME {
        return Err(format!("it must be at least {} s", SHORTEST_LIFETIME.as_secs()));
    }
    Ok(lifetime)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none("", &[])]
    #[case::one("shop", &["shop"])]
    #[case::spaced_and_doubled("shop, cart,,shop", &["cart", "shop"])]
    fn watched_namespaces_are_read_from_one_list(#[case] given: &str, #[case] expected: &[&str]) {
        let args = Args::parse_from(["upsurge-operator", "--watch-namespaces", given]);
        assert_eq!(args.watched(), expected);
        assert_eq!(args.pinned(), Vec::<String>::new(), "nothing is set unless somebody says so");
        let args = Args::parse_from(["upsurge-operator", "--pinning-namespaces", given]);
        assert_eq!(args.pinned(), expected);
    }

    #[rstest]
    #[case::default(&[], Some(365 * 86_400))]
    #[case::shorter(&["--collector-authority-lifetime", "90d"], Some(90 * 86_400))]
    #[case::too_short(&["--collector-authority-lifetime", "29s"], None)]
    #[case::nonsense(&["--collector-authority-lifetime", "soon"], None)]
    fn authorities_live_for_a_year_unless_told_otherwise(
        #[case] given: &[&str],
        #[case] seconds: Option<u64>,
    ) {
        let args = Args::try_parse_from(["upsurge-operator"].iter().chain(given)).ok();
        assert_eq!(args.map(|args| args.collector_authority_lifetime.as_secs()), seconds);
    }

    #[rstest]
    #[case::default(&[], Some(Records::default()))]
    #[case::none(&["--record-size", "0"], Some(Records { per_run: 0, ..Records::default() }))]
    #[case::nonsense(&["--records-in-all", "much"], None)]
    fn records_have_the_room_that_is_given(#[case] given: &[&str], #[case] expected: Option<Records>) {
        let args = Args::try_parse_from(["upsurge-operator"].iter().chain(given)).ok();
        assert_eq!(args.map(|args| args.records()), expected);
    }

    #[rstest]
    #[case::unknown(&[], None)]
    #[case::of_the_pod(&["--pod-ip", "10.0.0.7"], Some("10.0.0.7:8080"))]
    #[case::of_the_pod_by_version_6(&["--pod-ip", "fd00::7"], Some("[fd00::7]:8080"))]
    #[case::with_its_port(&["--pod-ip", "10.0.0.7", "--collector-listen", "[::]:8443"], Some("10.0.0.7:8443"))]
    #[case::told(&["--pod-ip", "10.0.0.7", "--collector-address", "192.0.2.1:80"], Some("192.0.2.1:80"))]
    fn runners_are_led_to_the_pod(#[case] given: &[&str], #[case] expected: Option<&str>) {
        let args = Args::parse_from(["upsurge-operator"].iter().chain(given));
        assert_eq!(args.collector_address().map(|address| address.to_string()).as_deref(), expected);
    }
}
