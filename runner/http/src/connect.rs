//! From a URL's server to a connection: name, address, socket, proxy, TLS, and the version of HTTP.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::net::{TcpSocket, TcpStream};
use upsurge_crds::v1alpha1::HttpVersion;

use super::{
    connection::{Connection, Protocol, Transport},
    error::TransportError,
    h1::{Buffers, H1Connection},
    h2::H2Connection,
    meter::{Meter, Traffic},
    origin::Origin,
    proxy::Proxy,
    resolver::Resolver,
    setup::{Setup, SetupError},
    timings::Timings,
    tls::Connectors,
};

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
            let stream = handshake.map_err(TransportError::Tls)?;
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
        Ok(Connection { origin: Arc::clone(origin), expires, requests_left, proxy: absolute, protocol })
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
        let mut last = TransportError::Connect(io::Error::new(io::ErrorKind::NotFound, "no addresses"));
        for address in addresses {
            if blocked(address.ip()) {
                last = TransportError::BlockedIp(address.ip());
                continue;
            }
            // The very address that is dialled: what the name led to a moment ago does not matter.
            if let Err(forbidden) = reach.address(address.ip()) {
                last = forbidden.into();
                continue;
            }
            match self.dial(address).await {
                Ok(stream) => {
                    timings.connecting = begin.elapsed();
                    stream.set_nodelay(true).map_err(TransportError::Connect)?;
                    return Ok(stream);
                }
                Err(error) => last = TransportError::Connect(error),
            }
        }
        timings.connecting = begin.elapsed();
        Err(match (proxy, last) {
            (Some(proxy), TransportError::Connect(error)) => TransportError::Proxy(format!(
                "can't connect to the proxy {}:{}: {error}",
                proxy.host, proxy.port
            )),
            (_, error) => error,
        })
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
