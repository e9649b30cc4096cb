// SPDX-License-Identifier: Apache-2.0
//! What a test's target is: its workload, and the address, by whatever spelling.
//!
//! A test that names a workload claims it as a whole, and of the address only the part that leads there: it keeps out
//! those who name the address alone, and not those who go through the same gateway to another workload.

use std::net::{IpAddr, Ipv6Addr};

use http::Uri;
use upsurge_crds::v1alpha1::{Target, WorkloadReference};

/// A target that a run wants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// The target, as its lease names it.
    pub target: String,
    /// Whether only a part of it is wanted.
    pub part: bool,
}

/// What a test in a namespace claims, in the order in which all runs take it: what the first claims hold up others for is
/// more than what the last ones do, and nobody waits in a circle.
pub fn claims(target: &Target, namespace: &str) -> Vec<Claim> {
    let workloads = target.workloads.iter();
    let mut claims: Vec<Claim> = workloads
        .map(|workload| Claim { target: named(&workload.reference(), namespace), part: false })
        .collect();
    claims.sort();
    claims.dedup();
    let part = !claims.is_empty();
    claims.push(Claim { target: address(&target.base_url, namespace), part });
    claims
}

/// A workload, by group and not by version: all versions show the same object.
fn named(workload: &WorkloadReference, namespace: &str) -> String {
    let WorkloadReference { api_version, kind, name } = workload;
    match api_version.split_once('/') {
        Some((group, _)) => format!("{kind}.{group} {namespace}/{name}"),
        None => format!("{kind} {namespace}/{name}"),
    }
}

/// Scheme, host and port, always spelled the same.
fn address(url: &str, namespace: &str) -> String {
    let uri = url.parse::<Uri>().unwrap_or_default();
    // A URL without a host was refused before.
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else { return url.to_owned() };
    let scheme = scheme.to_ascii_lowercase();
    let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    format!("{scheme}://{}:{port}", self::host(host, namespace))
}

fn host(host: &str, namespace: &str) -> String {
    let plain = host.trim_start_matches('[').trim_end_matches(']');
    match plain.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.to_string(),
        Ok(IpAddr::V6(address)) => version_6(address),
        Err(_) => name(&plain.to_ascii_lowercase(), namespace),
    }
}

fn version_6(address: Ipv6Addr) -> String {
    address.to_ipv4_mapped().map_or_else(|| format!("[{address}]"), |mapped| mapped.to_string())
}

/// A host name. Those of Services are resolved as the pods of the namespace do it: `checkout` is `checkout.shop`, and so is
/// `checkout.shop.svc.cluster.local`, whatever the cluster's own domain is called.
fn name(host: &str, namespace: &str) -> String {
    let rooted = host.ends_with('.');
    let labels: Vec<&str> = host.trim_end_matches('.').split('.').collect();
    match labels.as_slice() {
        // The root knows no Service.
        [single] if !rooted => format!("{single}.{namespace}"),
        [_, _, ..] => {
            let service = labels.iter().skip(2).position(|label| *label == "svc").map(|at| at + 2);
            labels.get(..service.unwrap_or(labels.len())).unwrap_or_default().join(".")
        }
        _ => labels.join("."),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn target(fields: Value) -> Target {
        serde_json::from_value(fields).unwrap()
    }

    #[rstest]
    #[case::short("http://checkout:8080")]
    #[case::with_its_namespace("http://checkout.shop:8080")]
    #[case::of_the_cluster("http://checkout.shop.svc:8080")]
    #[case::in_full("http://checkout.shop.svc.cluster.local:8080")]
    #[case::rooted("http://checkout.shop.svc.cluster.local.:8080")]
    #[case::of_another_domain("http://checkout.shop.svc.example.org:8080")]
    #[case::in_capitals("HTTP://Checkout.SHOP:8080")]
    #[case::with_a_path("http://checkout:8080/api/v1/")]
    #[case::with_a_login("http://me:secret@checkout:8080")]
    fn an_address_of_a_service_is_one_target_by_whatever_spelling(#[case] url: &str) {
        let expected = Claim { target: "http://checkout.shop:8080".into(), part: false };
        assert_eq!(claims(&target(json!({"baseURL": url})), "shop"), [expected]);
    }

    #[rstest]
    #[case::scheme("https://checkout:8080", "https://checkout.shop:8080")]
    #[case::port_of_http("http://checkout", "http://checkout.shop:80")]
    #[case::port_of_https("https://example.com/", "https://example.com:443")]
    #[case::said_port("https://example.com:443", "https://example.com:443")]
    #[case::outside("http://a.b.Example.com.", "http://a.b.example.com:80")]
    #[case::pod_of_a_set("http://db-0.db.shop.svc.cluster.local", "http://db-0.db.shop:80")]
    #[case::a_service_called_svc("http://svc.svc.svc", "http://svc.svc:80")]
    #[case::host_of_the_root("http://checkout.", "http://checkout:80")]
    #[case::version_4("http://10.0.0.7:80", "http://10.0.0.7:80")]
    #[case::mapped("http://[::ffff:10.0.0.7]", "http://10.0.0.7:80")]
    #[case::version_6("http://[FD00:0::7]:81", "http://[fd00::7]:81")]
    fn scheme_host_and_port_tell_targets_apart(#[case] url: &str, #[case] expected: &str) {
        let claims = claims(&target(json!({"baseURL": url})), "shop");
        assert_eq!(claims, [Claim { target: expected.into(), part: false }]);
    }

    #[test]
    fn a_short_name_is_of_its_own_namespace() {
        let of = |namespace| claims(&target(json!({"baseURL": "http://checkout"})), namespace);
        assert_ne!(of("shop"), of("billing"));
    }

    #[test]
    fn of_several_workloads_each_is_claimed() {
        let workloads = json!([{"name": "orders"}, {"name": "cart"}]);
        let claimed = claims(&target(json!({"baseURL": "http://gateway", "workloads": workloads})), "shop");
        let told: Vec<(&str, bool)> =
            claimed.iter().map(|claim| (claim.target.as_str(), claim.part)).collect();
        let whole = ["Deployment.apps shop/cart", "Deployment.apps shop/orders"];
        assert_eq!(told, [(whole[0], false), (whole[1], false), ("http://gateway.shop:80", true)]);
    }

    #[test]
    fn a_workload_is_claimed_as_a_whole_and_its_address_in_part() {
        let of = |workload: Value| {
            claims(&target(json!({"baseURL": "http://gateway.infra", "workloads": [workload]})), "shop")
        };
        let address = Claim { target: "http://gateway.infra:80".into(), part: true };
        let deployment = Claim { target: "Deployment.apps shop/checkout".into(), part: false };
        assert_eq!(of(json!({"name": "checkout"})), [deployment, address.clone()]);
        let version = json!({"name": "a", "kind": "Rollout", "apiVersion": "argoproj.io/v1alpha1"});
        assert_eq!(of(version)[0].target, "Rollout.argoproj.io shop/a");
        let core = json!({"name": "a", "kind": "ReplicationController", "apiVersion": "v1"});
        assert_eq!(of(core)[0].target, "ReplicationController shop/a");
    }
}
