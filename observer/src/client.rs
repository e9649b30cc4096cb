// SPDX-License-Identifier: Apache-2.0
//! A client of the API server that notices within half a minute when a connection has died without a word.
//!
//! Nothing comes over a watch while nothing changes, so a connection that a firewall forgot, or whose other end is gone, looks
//! like a cluster at rest. What happened meanwhile would then be told late, as if it happened now. The kernel asks the other end
//! whether it is there, and a watch whose connection is dead fails: that is told as a gap, and everything is listed again.

use std::time::Duration;

use hyper_timeout::TimeoutConnector;
use hyper_util::{
    client::legacy::{Client as Http, connect::HttpConnector},
    rt::TokioExecutor,
};
use kube::{
    Client, Config,
    client::{Body, ConfigExt as _, retry::RetryPolicy},
};
use tower::{BoxError, ServiceBuilder, retry::RetryLayer};

/// Silence after which the other end is asked.
const SILENCE: Duration = Duration::from_secs(15);
/// Time between two questions that got no answer.
const BETWEEN: Duration = Duration::from_secs(5);
/// Questions without an answer after which the connection is dead.
const QUESTIONS: u32 = 3;

/// A client for the API server of a configuration. Requests over a proxy are kube's own affair: what dies behind the proxy, no
/// question of the kernel finds out.
///
/// # Errors
/// When the configuration's certificates or credentials can't be used.
pub fn client(config: Config) -> Result<Client, kube::Error> {
    if config.proxy_url.is_some() {
        return Client::try_from(config);
    }
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_keepalive(Some(SILENCE));
    connector.set_keepalive_interval(Some(BETWEEN));
    connector.set_keepalive_retries(Some(QUESTIONS));
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(connector)?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    let http: Http<_, Body> = Http::builder(TokioExecutor::new()).build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.default_retry.then(|| RetryLayer::new(RetryPolicy::server_retry())))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(http);
    Ok(Client::new(service, config.default_namespace))
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Instant};

    use tokio::{io::AsyncReadExt as _, net::TcpListener};

    use super::*;

    /// What the kernel's table of connections says of the timer of the one to this port: its kind, and hundredths of a second.
    fn timer(to: u16) -> Option<(u8, u64)> {
        let table = fs::read_to_string("/proc/net/tcp").unwrap();
        let of = |line: &str| {
            let mut columns = line.split_whitespace().skip(2);
            let (remote, _, _, timer) = (columns.next()?, columns.next()?, columns.next()?, columns.next()?);
            let is_it = u16::from_str_radix(remote.split_once(':')?.1, 16).ok()? == to;
            let (kind, when) = timer.split_once(':')?;
            is_it.then_some((kind.parse().ok()?, u64::from_str_radix(when, 16).ok()?))
        };
        table.lines().find_map(of)
    }

    #[tokio::test]
    async fn the_other_end_of_a_silent_connection_is_asked_whether_it_is_there() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = client(Config::new(format!("http://127.0.0.1:{port}").parse().unwrap())).unwrap();
        let asking = tokio::spawn(async move { client.apiserver_version().await });
        let (mut connection, _) = listener.accept().await.unwrap();
        assert!(connection.read(&mut [0; 1024]).await.unwrap() > 0, "the request");

        // Kind 2 is the one for connections that are kept alive; before it, the request itself may still be waited for.
        let deadline = Instant::now() + Duration::from_secs(20);
        let found = loop {
            match timer(port) {
                Some((2, when)) => break when,
                other => assert!(Instant::now() < deadline, "no question is due, but {other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert!(found <= 1600, "the question is due in {found} hundredths of a second");
        asking.abort();
    }

    #[test]
    fn a_dead_connection_is_noticed_within_half_a_minute() {
        assert!(SILENCE + BETWEEN * QUESTIONS <= Duration::from_secs(30));
    }
}
