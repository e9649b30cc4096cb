// SPDX-License-Identifier: Apache-2.0
//! Connections that the users of a core share.
//!
//! For each server there are so many places; a place is taken by a connection from the moment it begins to
//! connect until it is closed. Who finds nothing free waits in a queue, and whatever becomes free is handed
//! to the first in it: nobody who comes later gets in between. An HTTP/2 connection is a lane that carries
//! several requests at a time.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::{Rc, Weak},
    sync::Arc,
    time::Instant,
};

use tokio::sync::oneshot;

use super::{
    connection::{Connection, Protocol},
    error::TransportError,
    h2::H2Connection,
    message::{Incoming, Keep, Message},
    meter::Traffic,
    origin::Origin,
    timings::Timings,
    transport::Tried,
};

/// The shared connections of a core.
#[derive(Debug)]
pub(crate) struct Pool {
    most: usize,
    most_streams: usize,
    servers: RefCell<Vec<Rc<Server>>>,
}

/// The connections to one server.
#[derive(Debug)]
struct Server {
    origin: Arc<Origin>,
    most: usize,
    most_streams: usize,
    /// Places taken.
    taken: Cell<usize>,
    /// Places whose connection is being made.
    connecting: Cell<usize>,
    /// Whether the server speaks HTTP/2, once that is known.
    lanes_only: Cell<Option<bool>>,
    idle: RefCell<Vec<(Connection, Place)>>,
    lanes: RefCell<Vec<Rc<Lane>>>,
    queue: RefCell<VecDeque<oneshot::Sender<Grant>>>,
}

/// An HTTP/2 connection and how many requests are on it.
#[derive(Debug)]
struct Lane {
    connection: RefCell<Connection>,
    streams: Cell<usize>,
    _place: Place,
}

/// A place for a connection; free again when dropped.
#[derive(Debug)]
struct Place {
    server: Weak<Server>,
    connecting: Cell<bool>,
}

/// What somebody who asks gets.
#[derive(Debug)]
pub(crate) enum Grant {
    /// The use of a connection.
    Use(Lease),
    /// Permission to make one.
    Open(Permit),
}

/// Permission to make a connection; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit(Place);

/// The use of a connection for one request. Dropped without [`Self::finish`], an HTTP/1 connection is closed.
#[derive(Debug)]
pub(crate) struct Lease {
    server: Weak<Server>,
    held: Option<Held>,
}

#[derive(Debug)]
enum Held {
    Whole(Box<(Connection, Place)>),
    Stream(Rc<Lane>),
}

impl Pool {
    /// An empty pool: at most so many connections to each server, at most so many requests on each.
    pub(crate) fn new(most: usize, most_streams: usize) -> Self {
        Self { most: most.max(1), most_streams: most_streams.max(1), servers: RefCell::default() }
    }

    /// Waits for a connection or for permission to make one.
    pub(crate) async fn acquire(&self, origin: &Arc<Origin>) -> Option<Grant> {
        let server = self.server(origin);
        let waiting = {
            let mut queue = server.queue.borrow_mut();
            queue.retain(|waiting| !waiting.is_closed());
            let grant = if queue.is_empty() { server.grant(Instant::now()) } else { None };
            if let Some(grant) = grant {
                return Some(grant);
            }
            let (sender, receiver) = oneshot::channel();
            queue.push_back(sender);
            receiver
        };
        // The pool lives as long as those who wait.
        waiting.await.ok()
    }

    fn server(&self, origin: &Arc<Origin>) -> Rc<Server> {
        let mut servers = self.servers.borrow_mut();
        let known =
            servers.iter().find(|server| Arc::ptr_eq(&server.origin, origin) || server.origin == *origin);
        if let Some(server) = known {
            return Rc::clone(server);
        }
        let server = Rc::new(Server {
            origin: Arc::clone(origin),
            most: self.most,
            most_streams: self.most_streams,
            taken: Cell::new(0),
            connecting: Cell::new(0),
            lanes_only: Cell::new(None),
            idle: RefCell::default(),
            lanes: RefCell::default(),
            queue: RefCell::default(),
        });
        servers.push(Rc::clone(&server));
        server
    }
}

impl Server {
    /// Something to use, if there is any.
    fn grant(self: &Rc<Self>, now: Instant) -> Option<Grant> {
        loop {
            // The one that was used last: its buffers are warm, and the others may grow old and go.
            let Some((mut connection, place)) = self.idle.borrow_mut().pop() else { break };
            if connection.is_fresh(now) && connection.is_usable() {
                connection.count_request();
                let held = Some(Held::Whole(Box::new((connection, place))));
                return Some(Grant::Use(Lease { server: Rc::downgrade(self), held }));
            }
            self.vacate(place);
        }
        self.lane(now).or_else(|| self.permit())
    }

    /// A stream on the lane with the fewest requests.
    fn lane(self: &Rc<Self>, now: Instant) -> Option<Grant> {
        // Lanes that are no more good go when their last request is over.
        let gone: Vec<Rc<Lane>> = self.lanes.borrow_mut().extract_if(.., |lane| !lane.is_good(now)).collect();
        gone.into_iter().filter_map(Rc::into_inner).for_each(|lane| self.vacate(lane._place));
        let lanes = self.lanes.borrow();
        let open = lanes.iter().filter(|lane| lane.streams.get() < lane.room().min(self.most_streams));
        let lane = Rc::clone(open.min_by_key(|lane| lane.streams.get())?);
        lane.begin();
        Some(Grant::Use(Lease { server: Rc::downgrade(self), held: Some(Held::Stream(lane)) }))
    }

    /// A place for a new connection. As long as it is not known that the server speaks HTTP/1, one is made
    /// at a time: it may carry all who wait.
    fn permit(self: &Rc<Self>) -> Option<Grant> {
        let one_by_one = self.lanes_only.get() != Some(false);
        if self.taken.get() >= self.most || (one_by_one && self.connecting.get() > 0) {
            return None;
        }
        self.taken.set(self.taken.get() + 1);
        self.connecting.set(self.connecting.get() + 1);
        Some(Grant::Open(Permit(Place { server: Rc::downgrade(self), connecting: Cell::new(true) })))
    }

    /// Frees a place without serving the queue.
    fn vacate(&self, mut place: Place) {
        place.server = Weak::new();
        self.free(&place);
    }

    fn free(&self, place: &Place) {
        self.taken.set(self.taken.get() - 1);
        self.connected(place);
    }

    fn connected(&self, place: &Place) {
        if place.connecting.replace(false) {
            self.connecting.set(self.connecting.get() - 1);
        }
    }

    /// Hands what is free to those who wait.
    fn serve(self: &Rc<Self>) {
        loop {
            let next = {
                let mut queue = self.queue.borrow_mut();
                // Who gave up is not there any more.
                while queue.front().is_some_and(oneshot::Sender::is_closed) {
                    queue.pop_front();
                }
                queue.pop_front()
            };
            let Some(next) = next else { return };
            match self.grant(Instant::now()) {
                // It was listening a moment ago, and nothing else runs on this core meanwhile.
                Some(grant) => drop(next.send(grant)),
                None => {
                    self.queue.borrow_mut().push_front(next);
                    return;
                }
            }
        }
    }
}

impl Lane {
    fn is_good(&self, now: Instant) -> bool {
        let mut connection = self.connection.borrow_mut();
        connection.is_fresh(now) && connection.is_usable()
    }

    /// Most requests at a time, by the server's word.
    fn room(&self) -> usize {
        match &self.connection.borrow().protocol {
            Protocol::H2(connection) => connection.most_streams(),
            Protocol::H1(_) => 1,
        }
    }

    fn begin(&self) {
        self.streams.set(self.streams.get() + 1);
        self.connection.borrow_mut().count_request();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(server) = self.server.upgrade() {
            server.free(self);
            server.serve();
        }
    }
}

impl Permit {
    /// The place is taken by this connection, which the caller uses first.
    pub(crate) fn occupy(self, mut connection: Connection) -> Lease {
        let Self(place) = self;
        let server = place.server.clone();
        let up = server.upgrade();
        if let Some(server) = &up {
            server.connected(&place);
            server.lanes_only.set(Some(matches!(connection.protocol, Protocol::H2(_))));
        }
        let held = match (&connection.protocol, &up) {
            (Protocol::H2(_), Some(server)) => {
                let lane = Rc::new(Lane {
                    connection: RefCell::new(connection),
                    streams: Cell::new(0),
                    _place: place,
                });
                lane.begin();
                server.lanes.borrow_mut().push(Rc::clone(&lane));
                Held::Stream(lane)
            }
            _ => {
                connection.count_request();
                Held::Whole(Box::new((connection, place)))
            }
        };
        let lease = Lease { server, held: Some(held) };
        if let Some(server) = up {
            server.serve();
        }
        lease
    }
}

impl Lease {
    /// The connection, for an HTTP/1 one.
    pub(crate) fn whole(&mut self) -> Option<&mut Connection> {
        match &mut self.held {
            Some(Held::Whole(whole)) => Some(&mut whole.0),
            _ => None,
        }
    }

    /// Sends a request over a stream of an HTTP/2 connection and reads the response.
    pub(crate) async fn exchange(
        &self,
        origin: &Origin,
        message: Message<'_>,
        keep: Keep<'_>,
        traffic: &Traffic,
        timings: &mut Timings,
    ) -> Result<Incoming, TransportError> {
        // There is one as long as the lease is not given back.
        let connection = self.stream().ok_or(TransportError::Timeout)?;
        let result = connection.exchange(origin, message, keep, timings).await;
        traffic.add(connection.take_traffic());
        Ok(result?)
    }

    /// What became of the last exchange.
    pub(crate) fn tried(&self, reused: bool, timings: &Timings) -> Tried {
        match (&self.held, self.stream()) {
            (Some(Held::Whole(whole)), _) => whole.0.tried(reused, timings),
            (_, Some(connection)) => connection.tried(reused, timings),
            _ => Tried { reused, heard: true, least_first_byte: None },
        }
    }

    fn stream(&self) -> Option<H2Connection> {
        match &self.held {
            Some(Held::Stream(lane)) => match &lane.connection.borrow().protocol {
                Protocol::H2(connection) => Some(connection.clone()),
                Protocol::H1(_) => None,
            },
            _ => None,
        }
    }

    /// Gives the connection back for others, if it is still good.
    pub(crate) fn finish(mut self) {
        let Some(server) = self.server.upgrade() else { return };
        if let Some(Held::Whole(whole)) = self.held.take_if(|held| matches!(held, Held::Whole(_))) {
            let (connection, place) = *whole;
            if connection.is_reusable() {
                server.idle.borrow_mut().push((connection, place));
                server.serve();
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(Held::Stream(lane)) = self.held.take() {
            lane.streams.set(lane.streams.get().saturating_sub(1));
            drop(lane);
            if let Some(server) = self.server.upgrade() {
                server.serve();
            }
        }
    }
}
