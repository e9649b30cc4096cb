// SPDX-License-Identifier: Apache-2.0
//! What the server answers: a fixed text, a small shop (log in, create, read), and a freeze that stops all of
//! it at a set time after the first request of its kind.

use std::{
    io::Write as _,
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::request::Request;

/// The body of most answers.
const TEXT: &str = "The quick brown fox jumps over the lazy dog, again and again, until a hundred and twenty-eight \
                    bytes are full of what it does...";
/// What is to be sent along after logging in.
const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyIn0.c2lnbmF0dXJl";

/// A page of some 50 KiB, as shops have them: a form with a token, and a list of products.
static PAGE: LazyLock<String> = LazyLock::new(|| {
    let mut page = String::from(
        "<!DOCTYPE html><html><head><title>Shop</title></head><body><form id=search method=post>\
         <input type=hidden name=csrf value='a&#x2F;b=='><input name=q></form><ul class=products>",
    );
    for number in 1..=PRODUCTS {
        page.push_str(&format!(
            "<li class=\"product card\" data-id={number}><a href=\"/product/{number}?a=1&amp;b=2\"><img src=\"/img/{number}.jpg\" \
             alt=\"\"><h3>Sock number {number}</h3></a><p class=description>Soft &amp; warm, for the feet of <b>everyone</b> who \
             has some.</p><span class='price'>{number}.99</span>\n"
        ));
    }
    page + "</ul></body></html>"
});
const PRODUCTS: u32 = 220;

/// What has been asked so far.
#[derive(Debug)]
pub struct Service {
    started: Instant,
    requests: u64,
    refused: u64,
    items: u64,
    arrivals: Vec<u64>,
    frozen: bool,
}

impl Default for Service {
    fn default() -> Self {
        let started = Instant::now();
        Self { started, requests: 0, refused: 0, items: 0, arrivals: Vec::new(), frozen: false }
    }
}

impl Service {
    /// Appends the answer to a request.
    pub fn answer(&mut self, request: &Request<'_>, answers: &mut Vec<u8>) {
        let path = request.path.split_once('?').map_or(request.path, |(path, _)| path);
        if path == "/control/take" {
            return self.take(answers);
        }
        self.requests += 1;
        let keep = request.confirm_keep_alive;
        match (request.method, path) {
            ("GET", "/") => write(answers, "200 OK", "text/plain", TEXT.as_bytes(), keep),
            ("GET", "/page") => write(answers, "200 OK", "text/html", PAGE.as_bytes(), keep),
            ("GET", "/paced") => {
                self.arrivals.push(self.now());
                write(answers, "200 OK", "text/plain", TEXT.as_bytes(), keep);
            }
            ("GET", "/freezing") => {
                self.freeze(request.path);
                write(answers, "200 OK", "text/plain", TEXT.as_bytes(), keep);
            }
            ("POST", "/login") => {
                let body = format!(r#"{{"token":"{TOKEN}","expiresIn":3600}}"#);
                write(answers, "200 OK", "application/json", body.as_bytes(), keep);
            }
            ("POST", "/items") if logged_in(request) => {
                self.items += 1;
                let body = format!(r#"{{"id":"{}","state":"created"}}"#, self.items);
                write(answers, "201 Created", "application/json", body.as_bytes(), keep);
            }
            ("GET", _) if path.starts_with("/items/") && logged_in(request) => {
                let id = path.trim_start_matches("/items/");
                let body = format!(r#"{{"id":"{id}","name":"teapot","tags":["a","b"],"price":12.5}}"#);
                write(answers, "200 OK", "application/json", body.as_bytes(), keep);
            }
            _ => {
                self.refused += 1;
                write(answers, "404 Not Found", "text/plain", b"no such thing", keep);
            }
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The first request sets the time of the freeze: `?after=4000&for=1000` in milliseconds. Nothing is
    /// accepted, read or answered meanwhile, as of a process that the kernel or a collector of garbage stops.
    fn freeze(&mut self, target: &str) {
        if std::mem::replace(&mut self.frozen, true) {
            return;
        }
        let parameter = |name: &str| {
            let query = target.split_once('?').map_or("", |(_, query)| query);
            let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            Duration::from_millis(value.and_then(|value| value.parse().ok()).unwrap_or(0))
        };
        let (after, length) = (parameter("after"), parameter("for"));
        tokio::task::spawn_local(async move {
            tokio::time::sleep(after).await;
            thread::sleep(length);
        });
    }

    /// What was counted since the last time this was asked, which it begins anew.
    fn take(&mut self, answers: &mut Vec<u8>) {
        let taken = json!({"requests": self.requests, "refused": self.refused, "arrivals": self.arrivals});
        write(answers, "200 OK", "application/json", taken.to_string().as_bytes(), false);
        *self = Self::default();
    }
}

fn logged_in(request: &Request<'_>) -> bool {
    request.authorization.and_then(|value| value.strip_prefix(b"Bearer ")) == Some(TOKEN.as_bytes())
}

fn write(answers: &mut Vec<u8>, status: &str, content_type: &str, body: &[u8], confirm_keep_alive: bool) {
    let keep_alive = if confirm_keep_alive { "Connection: keep-alive\r\n" } else { "" };
    // Writing to memory can't fail.
    let _ = write!(
        answers,
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{keep_alive}Content-Length: {}\r\n\r\n",
        body.len()
    );
    answers.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::request::parse;

    fn ask(service: &mut Service, request: &str) -> String {
        let mut answer = Vec::new();
        service.answer(&parse(request.as_bytes()).unwrap().unwrap(), &mut answer);
        String::from_utf8(answer).unwrap()
    }

    #[test]
    fn only_who_has_logged_in_may_create_and_read() {
        let mut service = Service::default();
        let refused = ask(&mut service, "GET /items/1 HTTP/1.1\r\n\r\n");
        assert!(refused.starts_with("HTTP/1.1 404"), "{refused}");
        let login = ask(&mut service, "POST /login HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}");
        assert!(login.contains(TOKEN), "{login}");
        let authorization = format!("Authorization: Bearer {TOKEN}");
        let created = ask(&mut service, &format!("POST /items HTTP/1.1\r\n{authorization}\r\n\r\n"));
        assert!(created.starts_with("HTTP/1.1 201") && created.contains(r#""id":"1""#), "{created}");
        let read = ask(&mut service, &format!("GET /items/1 HTTP/1.1\r\n{authorization}\r\n\r\n"));
        assert!(read.contains(r#""name":"teapot""#), "{read}");
        let counted = ask(&mut service, "GET /control/take HTTP/1.1\r\n\r\n");
        assert!(counted.contains(r#""refused":1,"requests":4"#), "{counted}");
    }

    #[test]
    fn arrivals_are_noted_in_order_and_taken_once() {
        let mut service = Service::default();
        (0..3).for_each(|_| drop(ask(&mut service, "GET /paced HTTP/1.1\r\n\r\n")));
        assert!(service.arrivals.is_sorted());
        assert_eq!(service.arrivals.len(), 3);
        ask(&mut service, "GET /control/take HTTP/1.1\r\n\r\n");
        assert!(service.arrivals.is_empty());
        assert_eq!(service.requests, 0);
    }

    #[test]
    fn the_text_is_as_long_as_it_says() {
        assert_eq!(TEXT.len(), 128);
    }
}
