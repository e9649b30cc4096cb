// SPDX-License-Identifier: Apache-2.0
//! From the options of a spec to settings.

use std::{net::IpAddr, time::Duration};

use upsurge_crds::v1alpha1::{ConnectionMode, ConnectionOptions, LoadTestSpec, ProxyOptions, TlsOptions};

use super::{
    Bypass, ClientCertificate, Connections, DEFAULT_DNS_TTL, DEFAULT_MAX_AGE, DEFAULT_MAX_CONNECTIONS,
    DEFAULT_MAX_STREAMS, Dns, HostOverride, HostPattern, HttpSettings, IpRange, Proxy, Reach, Rules, Shared,
    Tls,
};
use crate::{
    field_error::{Errors, FieldError},
    files::check_source,
    template::{Names, Template},
};

/// Most addresses of one range of `localIPs`.
const LARGEST_LOCAL_RANGE: u128 = 256;
/// Cipher suites that the runners know, by their IANA names.
const CIPHER_SUITES: [&str; 9] = [
    "TLS13_AES_256_GCM_SHA384",
    "TLS13_AES_128_GCM_SHA256",
    "TLS13_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

/// Compiles `spec.http`, as far as it is about connections.
///
/// # Errors
/// All that is wrong, each with the path of its field.
pub fn compile(spec: &LoadTestSpec) -> Result<HttpSettings, Vec<FieldError>> {
    let mut errors = Errors::default();
    let options = &spec.http;
    for (field, span) in [("timeout", options.timeout), ("connectTimeout", options.connect_timeout)] {
        if span.is_some_and(|span| span.0.is_zero()) {
            errors.add(format_args!("spec.http.{field}"), "0s leaves no time for any response");
        }
    }
    let secrets = spec.secrets.iter().map(|secret| secret.name.clone());
    let names = Names::default().with_secrets(secrets);
    let mut hosts: Vec<HostOverride> = Vec::with_capacity(options.hosts.len());
    for (name, address) in &options.hosts {
        let path = format!("spec.http.hosts.{name}");
        let Some(host) = errors.check(&path, HostOverride::parse(name, address)) else { continue };
        if hosts.iter().any(|known| (&known.pattern, known.port) == (&host.pattern, host.port)) {
            errors.add(path, "this host stands here twice: give it one address");
        }
        hosts.push(host);
    }
    hosts.sort_by_key(HostOverride::rank);
    let settings = HttpSettings {
        version: options.version,
        connect_timeout: options.connect_timeout.map(|span| span.0),
        connections: connections(&options.connections, &mut errors),
        keep_cookies: options.keep_cookies,
        tls: tls(&options.tls, options.insecure_skip_tls_verify, &mut errors),
        proxy: proxy(&options.proxy, &names, &mut errors),
        dns: Dns {
            ttl: options.dns.ttl.map_or(DEFAULT_DNS_TTL, |span| span.0),
            select: options.dns.select,
            policy: options.dns.policy,
        },
        hosts,
        block_hosts: parse_all(&options.block_hosts, "spec.http.blockHosts", HostPattern::parse, &mut errors),
        block_ips: parse_all(&options.block_ips, "spec.http.blockIPs", IpRange::parse, &mut errors),
        // The plan of a run says it, not the spec.
        reach: Reach::default(),
        local_ips: parse_all(&options.local_ips, "spec.http.localIPs", local_addresses, &mut errors).concat(),
        rules: Rules::default(),
    };
    errors.finish(settings)
}

fn connections(options: &ConnectionOptions, errors: &mut Errors) -> Connections {
    let path = "spec.http.connections";
    let shared = options.mode == ConnectionMode::Shared;
    for (given, field) in [(options.max.is_some(), "max"), (options.max_streams.is_some(), "maxStreams")] {
        if given && !shared {
            errors.add(format_args!("{path}.{field}"), "belongs to mode: Shared");
        }
    }
    if options.close_after_iteration && shared {
        errors.add(
            format_args!("{path}.closeAfterIteration"),
            "belongs to mode: PerUser; shared connections belong to no iteration",
        );
    }
    let mut number = |value: Option<i32>, field: &str| {
        let value = value
            .map(|value| u64::try_from(value).ok().filter(|value| *value > 0).ok_or("must be at least 1"));
        value.and_then(|value| errors.check(format_args!("{path}.{field}"), value))
    };
    let max = number(options.max, "max").unwrap_or(DEFAULT_MAX_CONNECTIONS);
    let max_streams = number(options.max_streams, "maxStreams");
    let max_streams = max_streams.map_or(DEFAULT_MAX_STREAMS, |streams| streams as usize);
    Connections {
        shared: shared.then_some(Shared { max, max_streams }),
        max_age: Some(options.max_age.map_or(DEFAULT_MAX_AGE, |span| span.0))
            .filter(|age| *age != Duration::ZERO),
        max_requests: number(options.max_requests, "maxRequests"),
        keep_alive: options.keep_alive,
        close_after_iteration: options.close_after_iteration,
    }
}

fn tls(options: &TlsOptions, insecure: bool, errors: &mut Errors) -> Tls {
    let path = "spec.http.tls";
    if let Some(ca) = &options.ca {
        errors.check(format_args!("{path}.ca"), check_source(ca));
    }
    let mut client_certificates = Vec::with_capacity(options.client_certificates.len());
    for (index, certificate) in options.client_certificates.iter().enumerate() {
        let path = format!("{path}.clientCertificates[{index}]");
        errors.check(format_args!("{path}.cert"), check_source(&certificate.cert));
        errors.check(format_args!("{path}.key"), check_source(&certificate.key));
        let domains = parse_all(&certificate.domains, &format!("{path}.domains"), HostPattern::parse, errors);
        client_certificates.push(ClientCertificate {
            cert: certificate.cert.clone(),
            key: certificate.key.clone(),
            domains,
        });
    }
    let min = version(options.min_version.as_deref().unwrap_or("TLS1.2"));
    let max = version(options.max_version.as_deref().unwrap_or("TLS1.3"));
    let min = errors.check(format_args!("{path}.minVersion"), min).unwrap_or(2);
    let max = errors.check(format_args!("{path}.maxVersion"), max).unwrap_or(3);
    if min > max {
        errors.add(format_args!("{path}.minVersion"), "is higher than maxVersion");
    }
    let (tls12, tls13) = (min <= 2, max >= 3);
    for (index, suite) in options.cipher_suites.iter().enumerate() {
        if !CIPHER_SUITES.contains(&suite_name(suite).as_str()) {
            let message = format!("unknown cipher suite {suite:?}; there are {}", CIPHER_SUITES.join(", "));
            errors.add(format_args!("{path}.cipherSuites[{index}]"), message);
        }
    }
    let cipher_suites: Vec<String> = options.cipher_suites.iter().map(|suite| suite_name(suite)).collect();
    for (spoken, version, prefix) in [(tls12, "TLS1.2", "TLS_"), (tls13, "TLS1.3", "TLS13_")] {
        let usable = cipher_suites.is_empty() || cipher_suites.iter().any(|suite| suite.starts_with(prefix));
        if spoken && !usable {
            let limit = if version == "TLS1.2" { "minVersion: TLS1.3" } else { "maxVersion: TLS1.2" };
            let message = format!("none of them is for {version}: add one, or set {limit}");
            errors.add(format_args!("{path}.cipherSuites"), message);
        }
    }
    let server_name = options.server_name.clone();
    Tls { insecure, ca: options.ca.clone(), client_certificates, server_name, tls12, tls13, cipher_suites }
}

/// The minor number of a version.
fn version(text: &str) -> Result<u8, String> {
    let bare: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    match bare.to_ascii_uppercase().trim_start_matches("TLS").trim_start_matches('V') {
        "12" => Ok(2),
        "13" => Ok(3),
        "10" | "11" | "1" => Err(format!(
            "{text}: TLS before 1.2 is not supported (RFC 8996 forbids it); use TLS1.2 or TLS1.3"
        )),
        _ => Err(format!("{text:?} is not a version of TLS; use TLS1.2 or TLS1.3")),
    }
}

/// The name by which the runners know a suite: those of TLS 1.3 have a prefix of their own.
fn suite_name(text: &str) -> String {
    let upper = text.to_ascii_uppercase();
    match upper.strip_prefix("TLS_") {
        Some(rest) if rest.starts_with("AES_") || rest.starts_with("CHACHA20_") => format!("TLS13_{rest}"),
        _ => upper,
    }
}

fn proxy(options: &ProxyOptions, names: &Names, errors: &mut Errors) -> Proxy {
    let mut url = |text: &Option<String>, field: &str| {
        let path = format!("spec.http.proxy.{field}");
        let template = errors.check(&path, Template::parse(text.as_deref()?, names))?;
        let known = template.pieces.iter().all(|piece| !matches!(piece, crate::template::Piece::Call(_)));
        if !known {
            errors.add(&path, "may hold secrets only: the proxy is the same for all users");
        } else if !text.as_deref().is_some_and(|text| text.to_ascii_lowercase().starts_with("http://")) {
            errors.add(&path, "must begin with http:// : proxies are spoken to over plain HTTP");
        }
        Some(template)
    };
    let (http, https) = (url(&options.http, "http"), url(&options.https, "https"));
    let mut bypass = None;
    for (index, entry) in options.no_proxy.iter().enumerate() {
        let added = bypass.get_or_insert_with(Bypass::default).add(entry);
        errors.check(format_args!("spec.http.proxy.noProxy[{index}]"), added);
    }
    Proxy { http, https, bypass, from_environment: options.from_environment }
}

fn local_addresses(text: &str) -> Result<Vec<IpAddr>, String> {
    let addresses = IpRange::parse(text)?.addresses(LARGEST_LOCAL_RANGE);
    addresses.ok_or_else(|| format!("{text:?} has more than {LARGEST_LOCAL_RANGE} addresses"))
}

fn parse_all<T>(
    texts: &[String],
    path: &str,
    parse: impl Fn(&str) -> Result<T, String>,
    errors: &mut Errors,
) -> Vec<T> {
    let texts = texts.iter().enumerate();
    texts.filter_map(|(index, text)| errors.check(format_args!("{path}[{index}]"), parse(text))).collect()
}
