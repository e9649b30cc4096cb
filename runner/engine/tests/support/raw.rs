// SPDX-License-Identifier: Apache-2.0
//! A server whose every byte is the test's own.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    thread,
};

/// A server on bare sockets that writes any bytes. What it was sent is text, with U+FFFD for what is not UTF-8.
pub struct Raw {
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Raw {
    /// `answer` gets the path, and the number of the request on its connection from 0; nothing ends the connection.
    pub fn start(answer: impl Fn(&str, usize) -> Option<Vec<u8>> + Send + Copy + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&heads);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, log) = (stream.unwrap(), Arc::clone(&log));
                thread::spawn(move || {
                    for number in 0.. {
                        let mut head = Vec::new();
                        let mut byte = [0];
                        while !head.ends_with(b"\r\n\r\n") {
                            match stream.read(&mut byte) {
                                Ok(1) => head.push(byte[0]),
                                _ => return,
                            }
                        }
                        let head = String::from_utf8_lossy(&head).into_owned();
                        log.lock().unwrap().push(head.clone());
                        let path = head.split(' ').nth(1).unwrap();
                        let Some(bytes) = answer(path, number) else { return };
                        if stream.write_all(&bytes).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, heads }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub fn paths(&self) -> Vec<String> {
        self.heads().iter().map(|head| head.split(' ').nth(1).unwrap().to_owned()).collect()
    }

    /// The values of a header in each request.
    pub fn values(&self, name: &str) -> Vec<Option<String>> {
        let value = |head: &String| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
        };
        self.heads().iter().map(value).collect()
    }
}

/// 200 with headers, each with the end of its line.
pub fn answer(headers: &[u8], body: &[u8]) -> Option<Vec<u8>> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", body.len());
    Some([head.as_bytes(), headers, b"\r\n", body].concat())
}

/// 302.
pub fn redirect(location: &[u8]) -> Option<Vec<u8>> {
    Some([b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: ", location, b"\r\n\r\n"].concat())
}
