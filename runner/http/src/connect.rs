// SPDX-License-Identifier: Apache-2.0
//! From a URL's server to a connection: name, address, socket, proxy, TLS, and the version of HTTP.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::net::{TcpSocket, TcpStream};
use upsurge_crds::v1alpha1::HttpVersion;

use super::{
    connection::{Connection, Protocol},
    error::{TransportError, is_refused_protocol},
    h1::{Buffers, H1Connection},
    h2::H2Connection,
    meter::{Meter, Traffic},
    origin::Origin,
    proxy::Proxy,
    resolver::Resolver,
    setup::Setup,
    setup_error::SetupError,
    timings::Timings,
    tls::Connectors,
    transport::Transport,
};

/// How long an address has for itself before the next one is tried beside it (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Makes the connections of one core.
pub(crate) struct Connector {
    setup: Arc<Setup>,
    tls: Connectors,
    resolver: Resolver,
    buffers: Rc<Buffers>,
    random: Cell<u64>,
    /// Which of the addresses of one's own is next, for each peer.
    turns: RefCell<BTreeMap<SocketAddr, usize>>,
}

impl Connector {
    /// A connector with caches of its own.
    pub(crate) fn new(setup: &Arc<Setup>) -> Result<Self, SetupError> {
        let settings = &setup.settings;
        Ok(Self {
            tls: setup.tls.connectors()?,
            resolver: Resolver::new(settings.dns, settings.hosts.clone()),
            setup: Arc::clone(setup),
            buffers: Rc::default(),
            random: Cell::new(fastrand::u64(..) | 1),
            turns: RefCell::default(),
        })
    }

    /// Makes a connection to a server. What goes over it is counted in `traffic`.
    pub(crate) async fn connect(
        &self,
        origin: &Arc<Origin>,
        traffic: &Rc<Traffic>,
        timings: &mut Timings,
    ) -> Result<Connection, TransportError> {
        let establish = self.establish(origin, traffic, timings);
        match self.setup.settings.connect_timeout {
            None => establish.await,
            Some(limit) => {
                let limited = tokio::time::timeout(limit, establish).await;
                limited.unwrap_or(Err(TransportError::ConnectTimeout(limit)))
            }
        }
    }

    async fn establish(
        &self,
        origin: &Arc<Origin>,
        traffic: &Rc<Traffic>,
        timings: &mut Timings,
    ) -> Result<Connection, TransportError> {
        let settings = &self.setup.settings;
        if settings.block_hosts.iter().any(|pattern| pattern.matches(&origin.host)) {
            return Err(TransportError::BlockedHost(origin.host.clone()));
        }
        settings.reach.host(&origin.host)?;
        let tunnels = origin.tls || settings.version == HttpVersion::Http2;
        let proxy = self.setup.proxies.find(origin, tunnels);
        let stream = self.reach(origin, proxy.map(|proxy| &**proxy), timings).await?;
        let cleartext_h2 = !origin.tls && settings.version == HttpVersion::Http2;
        // Frames of several requests mix on an HTTP/2 connection: it counts by itself.
        let own = if tunnels { Rc::default() } else { Rc::clone(traffic) };
        let mut stream = Meter::new(stream, Rc::clone(&own));
        if let Some(proxy) = proxy.filter(|_| tunnels) {
            let begin = Instant::now();
            let tunnel = proxy.tunnel(&mut stream, origin).await;
            timings.connecting += begin.elapsed();
            tunnel?;
        }
        let (transport, h2) = if origin.tls {
            let (connector, name) = self.tls.find(&origin.host).map_err(TransportError::Invalid)?;
            let begin = Instant::now();
            let handshake = connector.connect(name, stream).await;
            timings.handshaking = begin.elapsed();
            let stream = handshake.map_err(|error| match settings.version {
                // Nothing else was offered.
                HttpVersion::Http2 if is_refused_protocol(&error) => TransportError::NoHttp2,
                _ => TransportError::Tls(error),
            })?;
            let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            (Transport::Tls(Box::new(stream)), h2)
        } else {
            (Transport::Plain(stream), cleartext_h2)
        };
        if settings.version == HttpVersion::Http2 && !h2 {
            return Err(TransportError::NoHttp2);
        }
        let (protocol, absolute) = if h2 {
            (Protocol::H2(H2Connection::new(transport, own).await?), None)
        } else {
            let mut connection = H1Connection::new(transport, Rc::clone(&self.buffers));
            if tunnels {
                traffic.add(own.take());
                connection.transport_mut().charge_to(traffic);
            }
            (Protocol::H1(connection), proxy.filter(|_| !tunnels).map(Arc::clone))
        };
        let limits = &settings.connections;
        let expires = limits.max_age.and_then(|age| Instant::now().checked_add(self.spread(age)));
        let requests_left = match limits.max_requests {
            _ if !limits.keep_alive => 1,
            Some(requests) => u32::try_from(requests).unwrap_or(u32::MAX),
            None => u32::MAX,
        };
        Ok(Connection::new(Arc::clone(origin), protocol, absolute, expires, requests_left))
    }

    /// A socket to a server, or to the proxy before it.
    async fn reach(
        &self,
        origin: &Origin,
        proxy: Option<&Proxy>,
        timings: &mut Timings,
    ) -> Result<TcpStream, TransportError> {
        let (host, port) = proxy.map_or((&origin.host, origin.port), |proxy| (&proxy.host, proxy.port));
        let reach = &self.setup.settings.reach;
        reach.host(host)?;
        let addresses = self
            .resolver
            .resolve(host, port)
            .await
            .map_err(|source| TransportError::Dns { host: host.clone(), source })?;
        let blocked =
            |address: IpAddr| self.setup.settings.block_ips.iter().any(|range| range.contains(address));
        let begin = Instant::now();
        // The very address that is dialled: what the name led to a moment ago does not matter.
        let (mut allowed, mut refused) = (Vec::new(), None);
        for address in addresses {
            let ip = address.ip();
            match reach.address(ip) {
                _ if blocked(ip) => refused = refused.or(Some(TransportError::BlockedIp(ip))),
                Err(forbidden) => refused = refused.or(Some(forbidden.into())),
                Ok(()) => allowed.push(address),
            }
        }
        let reached = match refused {
            Some(refused) if allowed.is_empty() => return Err(refused),
            _ => first_of(&allowed, |address| self.dial(address)).await,
        };
        timings.connecting = begin.elapsed();
        let stream = reached.map_err(|error| match proxy {
            Some(proxy) => TransportError::Proxy(format!(
                "can't connect to the proxy {}:{}: {error}",
                proxy.host, proxy.port
            )),
            None => TransportError::Connect(error),
        })?;
        stream.set_nodelay(true).map_err(TransportError::Connect)?;
        Ok(stream)
    }

    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let own = &self.setup.settings.local_ips;
        let alike = || own.iter().filter(|own| own.is_ipv4() == address.is_ipv4());
        let count = alike().count();
        if count == 0 {
            return TcpStream::connect(address).await;
        }
        // Per peer, so that each one sees all of them.
        let turn = {
            let mut turns = self.turns.borrow_mut();
            let turn = turns.entry(address).or_default();
            std::mem::replace(turn, turn.wrapping_add(1))
        };
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(own) = alike().nth(turn % count) {
            socket.bind(SocketAddr::new(*own, 0))?;
        }
        socket.connect(address).await
    }

    /// An age with up to half as much added, so that connections are not replaced all at once.
    fn spread(&self, age: Duration) -> Duration {
        age.mul_f64(1.0 + 0.5 * self.fraction())
    }

    /// A random number from 0 to 1 (xorshift64).
    fn fraction(&self) -> f64 {
        let mut state = self.random.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.random.set(state);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// What dialling the addresses in their order gives first (Happy Eyeballs, RFC 8305): the next one is tried when one
/// fails, and beside it when there is nothing from it for a while, so that an address which nobody answers at costs
/// that while and not all the time there is. Without any that works, the error of the last one.
async fn first_of<T>(
    addresses: &[SocketAddr],
    dial: impl AsyncFn(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut attempts = FuturesUnordered::new();
    let mut waiting = addresses.iter();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no addresses");
    loop {
        let more = match waiting.next() {
            Some(address) => {
                attempts.push(dial(*address));
                waiting.len() > 0
            }
            None => false,
        };
        let mut delay = pin!(tokio::time::sleep(ATTEMPT_DELAY));
        loop {
            tokio::select! {
                attempt = attempts.next() => match attempt {
                    Some(Ok(reached)) => return Ok(reached),
                    Some(Err(error)) => {
                        last = error;
                        if more {
                            break;
                        }
                    }
                    None => return Err(last),
                },
                () = &mut delay, if more => break,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use futures::FutureExt as _;
    use serde_json::json;
    use upsurge_core::http::{Dns, ReachRules, compile};
    use upsurge_crds::{
        LoadTestSpec,
        v1alpha1::{DnsPolicy, DnsSelect},
    };
    use upsurge_system::files::Files;

    use super::*;
    use crate::resolver::Lookup;

    fn test() -> LoadTestSpec {
        serde_json::from_value(json!({
            "target": {"baseURL": "http://shop.test"},
            "scenarios": [{"name": "a", "steps": [{"request": {"url": "/"}}]}],
            "load": {"constant": {"level": 1, "duration": "1s"}},
        }))
        .unwrap()
    }

    /// A connector that keeps no answer, under a policy that blocks one address, with a resolver that says these one after the
    /// other.
    fn rebound(blocked: &str, answers: Vec<Vec<SocketAddr>>) -> (Connector, Rc<Cell<usize>>) {
        let mut settings = compile(&test()).unwrap();
        let rules = ReachRules { blocked: vec![blocked.to_owned()], ..ReachRules::default() };
        settings.reach = rules.compile().unwrap();
        let setup = Setup::new(&settings, &BTreeMap::new(), &Files::default()).unwrap();
        let (asked, answers) = (Rc::new(Cell::new(0)), RefCell::new(VecDeque::from(answers)));
        let count = Rc::clone(&asked);
        let lookup: Lookup = Box::new(move |name: &str, _: u16| {
            assert_eq!(name, "shop.test");
            count.set(count.get() + 1);
            let answer = answers.borrow_mut().pop_front().ok_or_else(|| io::Error::other("no more answers"));
            async move { answer }.boxed_local()
        });
        let dns = Dns { ttl: Duration::ZERO, select: DnsSelect::First, policy: DnsPolicy::Any };
        let mut connector = Connector::new(&setup).unwrap();
        connector.resolver = Resolver::asking(lookup, dns, Vec::new());
        (connector, asked)
    }

    #[tokio::test]
    async fn a_name_that_leads_elsewhere_from_one_question_to_the_next_leads_past_no_policy() {
        let listen = |ip: &str| std::net::TcpListener::bind((ip, 0)).unwrap();
        let (allowed, forbidden) = (listen("127.0.0.1"), listen("127.0.0.2"));
        forbidden.set_nonblocking(true).unwrap();
        let [good, bad] = [&allowed, &forbidden].map(|listener| listener.local_addr().unwrap());
        let answers = vec![vec![good], vec![bad], vec![good], vec![bad, good], vec![bad]];
        let (connector, asked) = rebound("127.0.0.2/32", answers);
        let uri = format!("http://shop.test:{}/", good.port()).parse().unwrap();
        let (origin, traffic) = (Arc::new(Origin::of(&uri).unwrap()), Rc::default());
        for (number, leads_on) in (1..).zip([true, false, true, true, false]) {
            let made = connector.connect(&origin, &traffic, &mut Timings::begin()).await;
            match made {
                Ok(_) => assert!(leads_on, "connection {number}"),
                Err(error) => {
                    assert!(!leads_on && matches!(error, TransportError::Forbidden(_)), "{number}: {error}");
                }
            }
            // The address that was judged is the one that is dialled: between the two nobody is asked once more.
            assert_eq!(asked.get(), number);
        }
        let reached = forbidden.accept().map(|(_, from)| from);
        assert_eq!(reached.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    /// An address that answers no SYN: its queue of connections is full.
    async fn silent() -> (SocketAddr, Vec<TcpStream>, tokio::net::TcpListener) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut taken = Vec::new();
        while let Ok(stream) = tokio::time::timeout(ATTEMPT_DELAY, TcpStream::connect(address)).await {
            taken.push(stream.unwrap());
        }
        (address, taken, listener)
    }

    #[tokio::test]
    async fn an_address_that_nobody_answers_at_costs_a_moment_only() {
        let (dead, _taken, _queue) = silent().await;
        let alive = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let alive = alive.local_addr().map(|address| (address, alive)).unwrap();
        let begin = Instant::now();
        let stream = first_of(&[dead, dead, alive.0], TcpStream::connect).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), alive.0);
        let least = ATTEMPT_DELAY * 2;
        assert!(begin.elapsed() >= least && begin.elapsed() < least * 10, "{:?}", begin.elapsed());
    }

    #[tokio::test]
    async fn the_next_address_is_tried_as_soon_as_one_fails() {
        let addresses: Vec<SocketAddr> =
            (1..=50).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect();
        let begin = Instant::now();
        let dial = async |address: SocketAddr| match address.port() {
            50 => Ok(address.port()),
            port => Err(io::Error::other(port.to_string())),
        };
        assert_eq!(first_of(&addresses, dial).await.unwrap(), 50);
        assert!(begin.elapsed() < ATTEMPT_DELAY * 20, "{:?}", begin.elapsed());
        let error = first_of(&addresses[..7], dial).await.unwrap_err();
        assert_eq!(error.to_string(), "7");
        assert_eq!(first_of(&[], dial).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
