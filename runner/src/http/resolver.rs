//! Names to addresses: the system's resolver, off the load thread, with a short memory per core.

use std::{
    cell::{Cell, RefCell},
    io,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    time::{Duration, Instant},
};

/// How long an answer is used. Short, so that a changed record (a headless Service that scales) is
/// seen soon; long enough that a burst of new connections asks once.
const TIME_TO_LIVE: Duration = Duration::from_secs(5);

/// A cache of addresses.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    hosts: RefCell<Vec<Rc<Host>>>,
    turn: Cell<usize>,
}

#[derive(Debug)]
struct Host {
    name: String,
    port: u16,
    answer: RefCell<Option<(Instant, Rc<[SocketAddr]>)>>,
    /// Held while asking: those who come meanwhile wait for the same answer.
    asking: tokio::sync::Mutex<()>,
}

impl Host {
    fn fresh(&self) -> Option<Rc<[SocketAddr]>> {
        let answer = self.answer.borrow();
        let (expires, addresses) = answer.as_ref()?;
        (*expires > Instant::now()).then(|| Rc::clone(addresses))
    }
}

impl Resolver {
    /// The addresses of a host, never none, beginning with another one at each call.
    pub(crate) async fn resolve(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = name.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let host = self.host(name, port);
        let addresses = match host.fresh() {
            Some(addresses) => addresses,
            None => ask(&host).await?,
        };
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        let first = turn % addresses.len().max(1);
        Ok(addresses[first..].iter().chain(&addresses[..first]).copied().collect())
    }

    fn host(&self, name: &str, port: u16) -> Rc<Host> {
        let mut hosts = self.hosts.borrow_mut();
        if let Some(host) = hosts.iter().find(|host| host.port == port && host.name == name) {
            return Rc::clone(host);
        }
        let host = Rc::new(Host {
            name: name.to_owned(),
            port,
            answer: RefCell::default(),
            asking: tokio::sync::Mutex::default(),
        });
        hosts.push(Rc::clone(&host));
        host
    }
}

async fn ask(host: &Host) -> io::Result<Rc<[SocketAddr]>> {
    let _asking = host.asking.lock().await;
    if let Some(addresses) = host.fresh() {
        return Ok(addresses);
    }
    let found: Rc<[SocketAddr]> = tokio::net::lookup_host((host.name.as_str(), host.port)).await?.collect();
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "no addresses"));
    }
    host.answer.replace(Some((Instant::now() + TIME_TO_LIVE, Rc::clone(&found))));
    Ok(found)
}
