// SPDX-License-Identifier: Apache-2.0
//! Resident memory per user that waits: the difference between many users and one, by the number of users.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use serde_json::json;

use super::{Bench, Name, Table};
use crate::{
    measure::{Core, resident},
    number::{number, range},
    peers::{Installed, Job, Task},
    results::{Case, Goal},
    statistics::spread,
};

/// Users of a tool that is made for many.
const MANY: u32 = 10_000;
/// Users of a tool to which each is a JavaScript engine.
const FEW: u32 = 1000;
/// KiB per user without and with a connection.
const GOALS: [(bool, f64); 2] = [(false, 8.0), (true, 32.0)];
/// Memory is settled when it moves by less than this share in the time below.
const SETTLED_SHARE: f64 = 0.003;
const SETTLED_TIME: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(60);
/// Time for many users to come to be, as nobody sees those who only wait.
const SHORTEST: Duration = Duration::from_secs(6);

/// Measures it.
pub fn measure(bench: &Bench) -> Result<Case> {
    let how = format!(
        "Users who wait, before their first request or after it with the connection open: resident memory with \
         {} users (k6: {}), less that with one user, per user; each when it has settled.",
        number(f64::from(MANY)),
        number(f64::from(FEW)),
    );
    let mut case = bench.case(Name::Memory, "Memory per idle user", how);
    let tables = [(false, Table::default()), (true, Table::default())];
    let (mut tables, mut samples) = (tables, Vec::new());
    for round in 0..bench.rounds {
        for (connected, table) in &mut tables {
            for tool in bench.tools(Name::Memory) {
                let name = tool.peer.name();
                let users = if name == "k6" { FEW } else { MANY };
                let one = settled(bench, tool, 1, *connected)?;
                let all = settled(bench, tool, users, *connected)?;
                let per_user = (all - one) / f64::from(users - 1) / 1024.0;
                eprintln!(
                    "bench: memory, round {}, {name}, connected {connected}: {} KiB",
                    round + 1,
                    number(per_user)
                );
                table.add(name, per_user);
                samples.push(json!({
                    "round": round + 1, "tool": name, "connected": connected, "users": users,
                    "bytesWithOne": one, "bytesWithAll": all, "kibibytesPerUser": per_user,
                }));
            }
        }
    }
    case.columns = ["tool", "without connection, KiB", "with connection, KiB"].map(str::to_owned).into();
    for tool in bench.tools(Name::Memory) {
        let name = tool.peer.name();
        let cell = |table: &Table| spread(table.of(name)).map_or_else(String::new, |value| range(&value));
        case.rows.push(vec![name.to_owned(), cell(&tables[0].1), cell(&tables[1].1)]);
    }
    for ((connected, table), (_, limit)) in tables.iter().zip(GOALS) {
        let what = if *connected { "with an open connection" } else { "without a connection" };
        case.goals.extend(Goal::new(
            format!("memory per idle user, {what}, at {} users", number(f64::from(MANY))),
            "KiB",
            limit,
            table.of("upsurge"),
        ));
    }
    case.samples = samples.into();
    Ok(case)
}

/// Starts so many users and waits until their memory stays as it is; then they are of no use any more.
fn settled(bench: &Bench, tool: &Installed, users: u32, connected: bool) -> Result<f64> {
    bench.server.take()?;
    let job = Job {
        url: &bench.server.url(),
        directory: &bench.directory,
        seconds: 300,
        task: Task::Idle { users, connected },
    };
    let mut running = tool.start(&job, Core::Tool)?;
    let (started, mut requests) = (Instant::now(), 0);
    let (mut since, mut reference) = (Instant::now(), 0.0_f64);
    loop {
        thread::sleep(Duration::from_millis(250));
        if !running.is_running()? {
            bail!("{} ended while {users} users were to wait:\n{}", tool.peer.name(), running.errors());
        }
        let now = resident(running.id())?;
        requests += bench.server.take()?.requests;
        let are_there = !connected || requests >= u64::from(users);
        if !are_there || (now - reference).abs() > SETTLED_SHARE * reference {
            (since, reference) = (Instant::now(), now);
        } else if since.elapsed() >= SETTLED_TIME && (users == 1 || started.elapsed() >= SHORTEST) {
            return Ok(now);
        }
        if started.elapsed() > LONGEST {
            bail!("{}: after {LONGEST:?}, {requests} of {users} users are there", tool.peer.name());
        }
    }
}
