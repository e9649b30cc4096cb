// SPDX-License-Identifier: Apache-2.0
//! The way to the server: TLS, names, addresses, proxies, and what is forbidden.

use std::{net::TcpListener, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::{
    pki_types::CertificateDer,
    version::{TLS12, TLS13},
};
use serde_json::{Value, json};
use upsurge_core::{metrics::Selector, validate::validate};
use upsurge_engine::{Engine, preflight};

use crate::{
    certificates::Authority,
    load::{Outcome, config, run, spec, times},
    proxy::Proxy,
    server::{self, Options, Server},
};

fn go(url: &str, http: Value) -> Outcome {
    let mut test = spec(url, times(1), json!([{"request": {"name": "r", "url": "/x?y=1"}}]));
    test["http"] = http;
    run(config(test))
}

/// Checks that the only request went well.
fn works(url: &str, http: Value) {
    let outcome = go(url, http.clone());
    assert_eq!(outcome.rate("http_req_failed"), (0, 1), "{http}");
}

/// Checks that the only request failed in one way.
fn fails(url: &str, http: Value, kind: &str) {
    let outcome = go(url, http.clone());
    assert_eq!(outcome.count_of("request_errors", kind), 1, "{http}: {:?}", outcome.metrics);
    assert_eq!(outcome.rate("http_req_failed"), (1, 1));
}

fn https(tls: std::sync::Arc<rustls::ServerConfig>) -> (Server, String) {
    let server =
        Server::with(Options { tls: Some(tls), ..Options::default() }, |_| async { server::json("{}") });
    let url = format!("https://localhost:{}", server.address.port());
    (server, url)
}

/// A certificate as PEM.
fn pem(certificate: &CertificateDer<'_>) -> String {
    let text = STANDARD.encode(certificate);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

#[test]
fn servers_are_believed_by_authorities_of_the_test() {
    let authority = Authority::new();
    let (server, url) = https(authority.server("localhost", &["http/1.1"], &[&TLS13, &TLS12], false));
    fails(&url, json!({}), "tls unknown authority");
    works(&url, json!({"tls": {"ca": {"text": authority.pem()}}}));
    let by_address = format!("https://127.0.0.1:{}", server.address.port());
    fails(&by_address, json!({"tls": {"ca": {"text": authority.pem()}}}), "tls wrong host");
    works(&by_address, json!({"tls": {"ca": {"text": authority.pem()}, "serverName": "localhost"}}));
    works(&by_address, json!({"insecureSkipTLSVerify": true}));
}

#[test]
fn a_certificate_that_is_its_own_authority_is_believed_when_the_test_names_it() {
    // As openssl req -x509 makes it: an authority, for a host.
    let own = Authority::of_host("localhost");
    let (server, url) = https(own.itself(&["http/1.1"]));
    works(&url, json!({"tls": {"ca": {"text": own.pem()}}}));
    fails(&url, json!({}), "tls unknown authority");
    fails(
        &url,
        json!({"tls": {"ca": {"text": Authority::of_host("localhost").pem()}}}),
        "tls unknown authority",
    );
    let by_address = format!("https://127.0.0.1:{}", server.address.port());
    fails(&by_address, json!({"tls": {"ca": {"text": own.pem()}}}), "tls wrong host");
}

#[test]
fn a_certificate_that_is_its_own_authority_is_still_looked_at() {
    let expired = Authority::of_host_with("localhost", |params| params.not_after = date_time_ymd(2020, 1, 1));
    let early = Authority::of_host_with("localhost", |params| params.not_before = date_time_ymd(2500, 1, 1));
    let of_clients = Authority::of_host_with("localhost", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    for own in [expired, early, of_clients] {
        let (_server, url) = https(own.itself(&["http/1.1"]));
        fails(&url, json!({"tls": {"ca": {"text": own.pem()}}}), "tls");
        works(&url, json!({"insecureSkipTLSVerify": true}));
    }
    let of_servers = Authority::of_host_with("localhost", |params| {
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    });
    let (_server, url) = https(of_servers.itself(&["http/1.1"]));
    works(&url, json!({"tls": {"ca": {"text": of_servers.pem()}}}));
}

#[test]
fn certificates_of_version_1_are_taken_as_by_curl() {
    let own = Authority::of_host("localhost");
    let certificate = own.version1();
    let (server, url) = https(own.showing(certificate.clone()));
    let by_address = format!("https://127.0.0.1:{}", server.address.port());
    for version in ["TLS1.2", "TLS1.3"] {
        let only = json!({"minVersion": version, "maxVersion": version});
        let mut known = only.clone();
        known["ca"] = json!({"text": pem(&certificate)});
        works(&url, json!({"tls": known}));
        fails(&url, json!({"tls": only}), "tls unknown authority");
        fails(&by_address, json!({"tls": known}), "tls wrong host");
        works(&by_address, json!({"tls": only, "insecureSkipTLSVerify": true}));
        // Whose key somebody else has.
        let (_impostor, url) = https(Authority::of_host("localhost").showing(certificate.clone()));
        fails(&url, json!({"tls": known}), "tls");
        fails(&url, json!({"tls": only, "insecureSkipTLSVerify": true}), "tls");
    }
    let expired = Authority::of_host_with("localhost", |params| params.not_after = date_time_ymd(2020, 1, 1));
    let certificate = expired.version1();
    let (_server, url) = https(expired.showing(certificate.clone()));
    fails(&url, json!({"tls": {"ca": {"text": pem(&certificate)}}}), "tls");
    works(&url, json!({"insecureSkipTLSVerify": true}));
}

#[test]
fn servers_that_ask_get_the_certificate_that_is_meant_for_them() {
    let authority = Authority::new();
    let (_server, url) = https(authority.server("localhost", &["http/1.1"], &[&TLS12], true));
    let client = authority.issue("client");
    let certificates = |domains: Value| {
        json!({"tls": {"ca": {"text": authority.pem()}, "clientCertificates": [
            {"cert": {"text": client.certificate}, "key": {"text": client.key}, "domains": domains}]}})
    };
    works(&url, certificates(json!([])));
    works(&url, certificates(json!(["*.example.com", "LOCALHOST"])));
    fails(&url, certificates(json!(["*.example.com"])), "tls");
}

#[test]
fn versions_and_ciphers_are_those_of_the_test() {
    let authority = Authority::new();
    let (_new, new) = https(authority.server("localhost", &["http/1.1"], &[&TLS13], false));
    let (_old, old) = https(authority.server("localhost", &["http/1.1"], &[&TLS12], false));
    let with = |mut tls: Value| {
        tls["ca"] = json!({"text": authority.pem()});
        json!({"tls": tls})
    };
    for (url, other, only) in [
        (&new, &old, json!({"minVersion": "TLS1.3"})),
        (&old, &new, json!({"maxVersion": "TLS1.2"})),
        (
            &old,
            &new,
            json!({"maxVersion": "TLS1.2", "cipherSuites": ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]}),
        ),
    ] {
        works(url, with(only.clone()));
        fails(other, with(only), "tls");
    }
    // The server's key is none for RSA.
    let rsa = json!({"maxVersion": "TLS1.2", "cipherSuites": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]});
    fails(&old, with(rsa), "tls");
}

#[test]
fn what_is_no_certificate_is_found_before_the_load() {
    for (tls, words) in [
        (json!({"ca": {"text": "rubbish"}}), "spec.http.tls.ca: holds no certificate in PEM"),
        (
            json!({"clientCertificates": [{"cert": {"text": Authority::new().pem()}, "key": {"text": "rubbish"}}]}),
            "spec.http.tls.clientCertificates[0].key: not a private key in PEM",
        ),
        (
            json!({"clientCertificates": [{"cert": {"text": Authority::new().pem()},
                "key": {"text": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"}}]}),
            "spec.http.tls.clientCertificates[0].key: the key is encrypted",
        ),
    ] {
        let mut test = spec("https://localhost:1", times(1), json!([{"request": {"url": "/"}}]));
        test["http"] = json!({"tls": tls});
        let error = Engine::start(config(test)).unwrap_err().to_string();
        assert!(error.starts_with(words), "{error}");
    }
}

#[test]
fn targets_may_have_addresses_of_ipv6() {
    let server =
        Server::with(Options { address: "[::1]:0", ..Options::default() }, |_| async { server::json("{}") });
    let url = server.url();
    assert!(url.starts_with("http://[::1]:"), "{url}");
    works(&url, json!({}));
    let host = server.arrived()[0].headers["host"].to_str().unwrap().to_owned();
    assert_eq!(host, server.address.to_string());
    fails(&url, json!({"blockIPs": ["::1/128"]}), "blocked address");
    works(&format!("http://shop.test:{}", server.address.port()), json!({"hosts": {"shop.test": "::1"}}));
}

#[test]
fn hosts_are_where_the_test_says() {
    let server = Server::simple();
    let address = server.address.to_string();
    let hosts = json!({"hosts": {"*.shop.test": address, "one.test": "127.0.0.1", "two.test:8080": address}});
    works("http://www.shop.test", hosts.clone());
    works(&format!("http://one.test:{}", server.address.port()), hosts.clone());
    works("http://two.test:8080", hosts.clone());
    fails("http://two.test:8081", hosts.clone(), "dns");
    let seen: Vec<String> =
        server.arrived().iter().map(|arrived| arrived.headers["host"].to_str().unwrap().to_owned()).collect();
    assert_eq!(seen[0], "www.shop.test", "the name stays the same");
    let mut test = spec("http://www.shop.test", times(1), json!([{"request": {"url": "/"}}]));
    test["http"] = hosts;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(preflight(&config(test).test, &Default::default())).unwrap();
}

#[test]
fn names_lead_to_the_kind_of_address_that_is_wanted() {
    let server = Server::simple();
    let url = format!("http://localhost:{}", server.address.port());
    works(&url, json!({"dns": {"policy": "OnlyIPv4", "select": "First", "ttl": "0s"}}));
    works(&url, json!({"dns": {"policy": "PreferIPv4", "select": "Random"}}));
    // Where localhost has an address of IPv6 nothing listens there; where it has none there is nothing to use.
    let outcome = go(&url, json!({"dns": {"policy": "OnlyIPv6"}}));
    let errors = outcome.count_of("request_errors", "dns") + outcome.count_of("request_errors", "refused");
    assert_eq!(errors, 1, "{:?}", outcome.metrics);
}

#[test]
fn forbidden_hosts_and_addresses_get_nothing() {
    let server = Server::simple();
    let url = format!("http://localhost:{}", server.address.port());
    fails(&url, json!({"blockHosts": ["LOCALHOST"]}), "blocked host");
    fails(&url, json!({"blockHosts": ["*"]}), "blocked host");
    fails(&url, json!({"blockIPs": ["127.0.0.0/8", "::1"]}), "blocked address");
    assert_eq!(server.connections(), 0);
    works(&url, json!({"blockHosts": ["*.localhost", "example.com"], "blockIPs": ["10.0.0.0/8"]}));
    // Nor after a redirect.
    let target = url.clone();
    let redirecting = Server::start(move |_| {
        let target = target.clone();
        async move { server::with_headers(302, &[("location", &target)], "") }
    });
    let before = server.arrived().len();
    let outcome = go(&redirecting.url(), json!({"blockHosts": ["localhost"]}));
    assert_eq!(outcome.count_of("request_errors", "blocked host"), 1);
    assert_eq!(server.arrived().len(), before);
}

#[test]
fn each_peer_sees_the_addresses_of_the_test_in_turn() {
    use std::io::{Read, Write};
    // Asked one after the other: with one row of turns for both each would see only one of the addresses.
    let peers = [(); 2].map(|()| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = std::thread::spawn(move || {
            let answer = |mut stream: std::net::TcpStream| {
                let _ = stream.read(&mut [0; 4096]).unwrap();
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                    .unwrap();
            };
            let accepted = listener.incoming().take(4).map(Result::unwrap);
            let seen = accepted.map(|stream| {
                let address = stream.peer_addr().unwrap().ip().to_string();
                answer(stream);
                address
            });
            seen.collect::<Vec<_>>()
        });
        (url, seen)
    });
    let steps: Vec<_> = peers.iter().map(|(url, _)| json!({"request": {"url": url}})).collect();
    let mut test = spec(&peers[0].0, times(4), json!(steps));
    test["http"] = json!({"localIPs": ["127.0.0.2/31"]});
    let mut config = config(test);
    config.threads = 1;
    assert_eq!(run(config).rate("http_req_failed"), (0, 8));
    for (_, seen) in peers {
        assert_eq!(seen.join().unwrap(), ["127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.3"]);
    }
}

#[test]
fn a_connection_that_is_not_there_in_time_is_an_error_of_its_own() {
    // It accepts and never says a word: no handshake ends.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}", silent.local_addr().unwrap().port());
    let outcome = go(&url, json!({"connectTimeout": "200ms"}));
    assert_eq!(outcome.count_of("request_errors", "connect timeout"), 1);
    let duration = outcome.metrics.trend("http_req_duration", &Selector::default());
    assert!(duration.max() < Duration::from_secs(30).as_millis() as f64, "{}", duration.max());
    fails(&url, json!({"timeout": "200ms"}), "timeout");
}

#[test]
fn plain_requests_go_to_the_proxy_with_whole_urls() {
    let proxy = Proxy::start(Some("127.0.0.1:1".parse().unwrap()));
    let http = json!({"proxy": {"http": format!("http://load:se%20cret@{}", proxy.address), "noProxy": ["direct.test"]},
        "hosts": {"direct.test": "127.0.0.1:1"}});
    works("http://shop.test:8080", http.clone());
    let heads = proxy.heads();
    assert!(heads[0].starts_with("GET http://shop.test:8080/x?y=1 HTTP/1.1\r\n"), "{}", heads[0]);
    assert!(heads[0].contains("proxy-authorization: Basic bG9hZDpzZSBjcmV0\r\n"), "{}", heads[0]);
    assert!(heads[0].contains("host: shop.test:8080\r\n"), "{}", heads[0]);
    fails("http://direct.test", http, "refused");
    assert_eq!(proxy.heads().len(), 1);
}

#[test]
fn tunnels_are_made_for_tls_and_for_http2() {
    let authority = Authority::new();
    let (server, _) = https(authority.server("shop.test", &["h2", "http/1.1"], &[&TLS13], false));
    let proxy = Proxy::start(Some(server.address));
    let mut test = spec("https://shop.test", times(1), json!([{"request": {"url": "/x"}}]));
    test["http"] = json!({"proxy": {"https": "http://load:{{ secrets.proxy }}@127.0.0.1:PORT"}, "tls": {"ca": {"text": authority.pem()}}});
    test["http"]["proxy"]["https"] = json!(format!("http://load:{{{{ secrets.proxy }}}}@{}", proxy.address));
    test["secrets"] = json!([{"name": "proxy", "secretKeyRef": {"name": "s", "key": "k"}}]);
    let mut config = config(test);
    config.secrets.insert("proxy".into(), "word".into());
    assert_eq!(run(config).rate("http_req_failed"), (0, 1));
    let heads = proxy.heads();
    assert!(heads[0].starts_with("CONNECT shop.test:443 HTTP/1.1\r\n"), "{}", heads[0]);
    assert!(heads[0].contains("proxy-authorization: Basic bG9hZDp3b3Jk\r\n"), "{}", heads[0]);
    assert_eq!(server.arrived()[0].version, http::Version::HTTP_2);

    let plain = Server::with(Options { http2: true, ..Options::default() }, |_| async { server::json("{}") });
    let proxy = Proxy::start(Some(plain.address));
    works(
        "http://shop.test",
        json!({"version": "HTTP2", "proxy": {"https": format!("http://{}", proxy.address)}}),
    );
    assert!(proxy.heads()[0].starts_with("CONNECT shop.test:80 "));
    assert_eq!(plain.arrived()[0].version, http::Version::HTTP_2);
}

#[test]
fn proxies_that_do_not_help_are_errors_of_their_own() {
    let refusing = Proxy::start(None);
    let through = |address: String| json!({"proxy": {"http": format!("http://{address}"), "https": format!("http://{address}")}});
    fails("https://shop.test", through(refusing.address.to_string()), "proxy");
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    fails("https://shop.test", through(gone.to_string()), "proxy");
    fails("http://shop.test", through(gone.to_string()), "proxy");
}

#[test]
fn wrong_options_are_named() {
    for (http, path, words) in [
        (json!({"tls": {"minVersion": "TLS1.0"}}), "tls.minVersion", "not supported"),
        (json!({"tls": {"minVersion": "TLS1.3", "maxVersion": "TLS1.2"}}), "tls.minVersion", "higher"),
        (
            json!({"tls": {"cipherSuites": ["TLS_RSA_WITH_RC4_128_SHA"]}}),
            "tls.cipherSuites[0]",
            "unknown cipher suite",
        ),
        (
            json!({"tls": {"cipherSuites": ["TLS_AES_128_GCM_SHA256"]}}),
            "tls.cipherSuites",
            "none of them is for TLS1.2",
        ),
        (json!({"hosts": {"shop": "other"}}), "hosts.shop", "not an address"),
        (json!({"hosts": {"Shop": "127.0.0.1", "shop": "127.0.0.2"}}), "hosts.shop", "stands here twice"),
        (json!({"headers": {"X-A": "1", "x-a": "2"}}), "headers.x-a", "is the same header as X-A"),
        (json!({"blockIPs": ["10.0.0.0/99"]}), "blockIPs[0]", "CIDR"),
        (json!({"blockHosts": ["a*"]}), "blockHosts[0]", "host name"),
        (json!({"localIPs": ["10.0.0.0/8"]}), "localIPs[0]", "more than 256"),
        (json!({"proxy": {"http": "socks5://a:1"}}), "proxy.http", "must begin with http://"),
        (json!({"proxy": {"http": "http://{{ user }}"}}), "proxy.http", ""),
        (json!({"connections": {"max": 5}}), "connections.max", "mode: Shared"),
        (
            json!({"connections": {"mode": "Shared", "closeAfterIteration": true}}),
            "connections.closeAfterIteration",
            "PerUser",
        ),
        (json!({"connectTimeout": "0s"}), "connectTimeout", "0s"),
        (json!({"expectedStatuses": ["2xx"]}), "expectedStatuses[0]", "for example 200 or 200-299"),
        (json!({"auth": {"basic": {"username": "a:b", "password": "c"}}}), "auth.basic.username", "colon"),
        (json!({"auth": {}}), "auth", "exactly one of"),
    ] {
        let mut test = spec("http://shop", times(1), json!([{"request": {"url": "/"}}]));
        test["http"] = http.clone();
        let errors = match serde_json::from_value(test.clone()) {
            Ok(parsed) => validate(&parsed).unwrap_err(),
            Err(_) => upsurge_core::validate::read_spec(&test).unwrap_err(),
        };
        let found = errors
            .iter()
            .any(|error| error.path == format!("spec.http.{path}") && error.message.contains(words));
        assert!(found, "{http}: {errors:?}");
    }
}
