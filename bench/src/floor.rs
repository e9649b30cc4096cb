// SPDX-License-Identifier: Apache-2.0
//! The least that a load at a rate takes here: one loop around the system calls that no tool can do without. It measures nothing,
//! checks nothing and understands only as much of the answers as it must to count them. What tools need beyond it is their own;
//! what it needs is the kernel's and the machine's, so that no goal can lie below.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use rustix::{
    buffer::spare_capacity,
    event::epoll,
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    },
};

/// How long answers may take after the last request.
const PATIENCE: Duration = Duration::from_secs(5);
/// What the timer is called among the connections.
const TIMER: u64 = u64::MAX;

/// What is asked of it.
#[derive(Debug, Args)]
pub struct Floor {
    /// The server.
    address: SocketAddr,
    /// Requests per second.
    #[arg(long)]
    rate: u32,
    /// Connections, which take turns.
    #[arg(long)]
    connections: u32,
    /// How long.
    #[arg(long)]
    seconds: u32,
}

impl Floor {
    /// Sends the requests, each when it is due, and prints how many were answered.
    ///
    /// # Errors
    /// When a connection breaks, or answers stay out.
    pub fn run(&self) -> Result<()> {
        ensure!(self.rate > 0 && self.connections > 0, "a rate and connections are needed");
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut connections = Vec::new();
        for number in 0..u64::from(self.connections) {
            let connection = TcpStream::connect(self.address).context("can't connect")?;
            connection.set_nodelay(true)?;
            connection.set_nonblocking(true)?;
            let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
            epoll::add(&epoll, &connection, epoll::EventData::new_u64(number), flags)?;
            connections.push(connection);
        }
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, &timer, epoll::EventData::new_u64(TIMER), flags)?;

        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
        let total = u64::from(self.rate) * u64::from(self.seconds);
        let (mut sent, mut received, mut answer) = (0, 0, None);
        let (mut buffer, mut events) = (vec![0; 65_536], Vec::with_capacity(64));
        let start = Instant::now();
        let due = |number: u64| start + Duration::from_nanos(number * 1_000_000_000 / u64::from(self.rate));
        set(&timer, due(0))?;
        let limit = due(total) + PATIENCE;
        while answer.is_none_or(|length| received < total * length) {
            ensure!(Instant::now() < limit, "answers to {sent} requests stay out: {received} bytes came");
            events.clear();
            epoll::wait(&epoll, spare_capacity(&mut events), Some(&Timespec { tv_sec: 1, tv_nsec: 0 }))?;
            for event in &events {
                let number = event.data.u64();
                if number == TIMER {
                    while sent < total && due(sent) <= Instant::now() {
                        let index = (sent % u64::from(self.connections)) as usize;
                        let connection = connections.get_mut(index).context("made above")?;
                        connection.write_all(request.as_bytes()).context("can't send")?;
                        sent += 1;
                    }
                    if sent < total {
                        set(&timer, due(sent))?;
                    }
                } else if let Some(connection) = connections.get_mut(number as usize) {
                    match connection.read(&mut buffer) {
                        Ok(0) => anyhow::bail!("the server closed a connection"),
                        // All answers are the same; the first one comes alone.
                        Ok(read) => {
                            answer.get_or_insert(read as u64);
                            received += read as u64;
                        }
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        Err(error) => return Err(error).context("can't receive"),
                    }
                }
            }
        }
        println!("{total}");
        Ok(())
    }
}

fn set(timer: &impl std::os::fd::AsFd, at: Instant) -> Result<()> {
    // Zero would turn it off.
    let wait = at.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
    let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
    let once = Timespec { tv_sec: wait.as_secs() as _, tv_nsec: wait.subsec_nanos().into() };
    timerfd_settime(timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: zero, it_value: once })?;
    Ok(())
}
