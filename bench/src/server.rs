// SPDX-License-Identifier: Apache-2.0
//! The server that every tool is measured against: one thread, HTTP/1.1 with keep-alive, answers made with as
//! little work as possible, so that the tools are the slower side. It counts requests and notes when they
//! arrive; these counts, not the tools' own, are what CPU times are divided by.

mod handle;
mod request;
mod service;

use std::{cell::RefCell, io, io::Write as _, rc::Rc};

use anyhow::{Context as _, Result};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    task::{LocalSet, spawn_local},
};

pub use handle::{Server, Taken};
use service::Service;

/// Connections that may wait to be accepted: ten thousand users connect at once.
const BACKLOG: u32 = 16_384;

/// Serves on a free port of 127.0.0.1, prints its number, and goes on until it is killed.
///
/// # Errors
/// When it can't listen.
#[tokio::main(flavor = "current_thread")]
pub async fn serve() -> Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into()).context("can't bind a port of 127.0.0.1")?;
    let listener = socket.listen(BACKLOG)?;
    println!("{}", listener.local_addr()?.port());
    io::stdout().flush()?;
    let service = Rc::new(RefCell::new(Service::default()));
    LocalSet::new()
        .run_until(async move {
            loop {
                // Out of descriptors is not the end: tools that close connections free some.
                let Ok((stream, _)) = listener.accept().await else {
                    tokio::task::yield_now().await;
                    continue;
                };
                let service = service.clone();
                spawn_local(async move {
                    // A client that goes away is no fault of the server.
                    let _ = connection(stream, &service).await;
                });
                // After a freeze many wait to be accepted: who came first is answered before the next one.
                tokio::task::yield_now().await;
            }
        })
        .await
}

async fn connection(mut stream: TcpStream, service: &RefCell<Service>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::with_capacity(1024);
    let mut answers = Vec::with_capacity(512);
    loop {
        let mut read = 0;
        let mut close = false;
        while let Some(request) = request::parse(&received[read..])? {
            service.borrow_mut().answer(&request, &mut answers);
            close |= request.close;
            read += request.length;
        }
        received.drain(..read);
        if !answers.is_empty() {
            stream.write_all(&answers).await?;
            answers.clear();
        }
        if close || stream.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
    }
}
