// SPDX-License-Identifier: Apache-2.0
//! A proxy that remembers what it was asked.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    thread,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

/// A proxy on its own thread; gone when dropped. Whatever place is asked for, it leads to one server.
pub struct Proxy {
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    _stop: oneshot::Sender<()>,
}

impl Proxy {
    /// A proxy to a server; one without refuses tunnels with 407.
    pub fn start(server: Option<SocketAddr>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let (stop, stopped) = oneshot::channel();
        let log = Arc::clone(&heads);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                let accepting = async {
                    while let Ok((stream, _)) = listener.accept().await {
                        tokio::spawn(forward(stream, server, Arc::clone(&log)));
                    }
                };
                tokio::select! {
                    () = accepting => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        Self { address, heads, _stop: stop }
    }

    /// Heads of the requests that the proxy itself read.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn forward(mut client: TcpStream, server: Option<SocketAddr>, log: Arc<Mutex<Vec<String>>>) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = client.read_u8().await else { return };
            head.push(byte);
        }
        let head = String::from_utf8(head).unwrap();
        log.lock().unwrap().push(head.clone());
        let Some(server) = server else {
            let _ = client.write_all(b"HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n").await;
            return;
        };
        if head.starts_with("CONNECT ") {
            let mut server = TcpStream::connect(server).await.unwrap();
            client.write_all(b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n").await.unwrap();
            // Either side may hang up.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            return;
        }
        // What is not a tunnel is answered right here.
        if client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-via: proxy\r\n\r\n{}").await.is_err()
        {
            return;
        }
    }
}
