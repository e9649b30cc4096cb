// SPDX-License-Identifier: Apache-2.0
//! Routes, compiled.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use upsurge_core::template::{JsonTemplate, Template};

use super::{
    config::{RouteConfig, TargetConfig},
    latency::Sampler,
    scope::{self, RequestScope},
};

/// A route and what its answers are like.
#[derive(Debug)]
pub(super) struct Route {
    /// Method and path as the configuration has them.
    pub(super) name: String,
    method: Option<Method>,
    segments: Vec<Segment>,
    status: StatusCode,
    headers: Vec<(HeaderName, Template)>,
    body: Body,
    pub(super) latency: Sampler,
    pub(super) cpu: Duration,
    pub(super) memory: usize,
    error_rate: f64,
    answered: AtomicU64,
}

#[derive(Debug)]
enum Segment {
    Fixed(String),
    Named(String),
}

#[derive(Debug)]
enum Body {
    /// What the default answer says: method and path of the request.
    Echo,
    Fixed(Bytes),
    Json(JsonTemplate),
    Text(Template),
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
}

impl Route {
    /// Compiles a route; `path` names it in messages.
    pub(super) fn compile(
        config: &RouteConfig,
        service: &TargetConfig,
        index: usize,
        path: &str,
    ) -> Result<Self, String> {
        let wrong = |field: &str, error: &dyn std::fmt::Display| format!("{path}.{field}: {error}");
        let method = config.method.as_ref().map(|method| method.to_ascii_uppercase().parse::<Method>());
        let method = method.transpose().map_err(|error| wrong("method", &error))?;
        let names = scope::names();
        let mut headers = Vec::with_capacity(config.headers.len());
        for (name, value) in &config.headers {
            let field = format!("headers.{name}");
            let parsed = name.parse::<HeaderName>().map_err(|error| wrong(&field, &error))?;
            headers.push((parsed, Template::parse(value, &names).map_err(|error| wrong(&field, &error))?));
        }
        let body = match (&config.json, &config.body) {
            (Some(json), _) => match JsonTemplate::parse(json, &names) {
                Ok(JsonTemplate::Literal(value)) => Body::Fixed(value.to_string().into()),
                Ok(template) => Body::Json(template),
                Err(errors) => {
                    let errors = errors.iter().map(|(place, error)| wrong(&format!("json{place}"), error));
                    return Err(errors.collect::<Vec<_>>().join("; "));
                }
            },
            (None, Some(text)) => {
                let template = Template::parse(text, &names).map_err(|error| wrong("body", &error))?;
                match template.literal() {
                    Some(literal) => Body::Fixed(literal.to_owned().into()),
                    None => Body::Text(template),
                }
            }
            (None, None) => Body::Echo,
        };
        let implied = if matches!(&body, Body::Text(_)) || config.body.is_some() {
            "text/plain"
        } else {
            "application/json"
        };
        if !headers.iter().any(|(name, _)| *name == http::header::CONTENT_TYPE) {
            headers.push((
                http::header::CONTENT_TYPE,
                Template::parse(implied, &names).map_err(|error| error.to_string())?,
            ));
        }
        let latency = config.latency.as_ref().unwrap_or(&service.latency).clone();
        Ok(Self {
            name: format!("{} {}", method.as_ref().map_or("*", Method::as_str), config.path),
            method,
            segments: segments(&config.path),
            status: StatusCode::from_u16(config.status).map_err(|error| wrong("status", &error))?,
            headers,
            body,
            latency: Sampler::new(latency, service.seed.wrapping_add(index as u64)),
            cpu: config.cpu_per_request.unwrap_or(service.cpu_per_request).0,
            memory: config.memory_per_request.unwrap_or(service.memory_per_request).0,
            error_rate: config.error_rate.unwrap_or(service.error_rate),
            answered: AtomicU64::new(0),
        })
    }

    /// The named segments of a path, if method and path fit.
    pub(super) fn matches(&self, method: &Method, path: &str) -> Option<Map<String, Value>> {
        if self.method.as_ref().is_some_and(|wanted| wanted != method) {
            return None;
        }
        let mut names = Map::new();
        let mut given = path.trim_matches('/').split('/').filter(|segment| !segment.is_empty());
        for segment in &self.segments {
            let value = percent_decode_str(given.next()?).decode_utf8_lossy();
            match segment {
                Segment::Fixed(fixed) if *fixed == value => {}
                Segment::Fixed(_) => return None,
                Segment::Named(name) => drop(names.insert(name.clone(), value.into())),
            }
        }
        given.next().is_none().then_some(names)
    }

    /// Whether the next answer is to be an error: of N answers exactly ⌊N × rate⌋ are, at even distances.
    pub(super) fn fails(&self) -> bool {
        if self.error_rate <= 0.0 {
            return false;
        }
        is_due(self.error_rate, self.answered.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether an answer holds anything of the request.
    pub(super) fn is_fixed(&self) -> bool {
        !matches!(self.body, Body::Json(_) | Body::Text(_))
            && self.headers.iter().all(|(_, value)| value.literal().is_some())
    }

    /// The answer to a request.
    pub(super) fn answer(&self, scope: &mut RequestScope<'_>, parts: &http::request::Parts) -> Answer {
        let headers = self.headers.iter().filter_map(|(name, value)| {
            let value = HeaderValue::from_str(&value.render(scope)).ok()?;
            Some((name.clone(), value))
        });
        let headers = headers.collect();
        let body = match &self.body {
            Body::Echo => serde_json::json!({"method": parts.method.as_str(), "path": parts.uri.path()})
                .to_string()
                .into(),
            Body::Fixed(bytes) => bytes.clone(),
            Body::Json(template) => template.render(scope).to_string().into(),
            Body::Text(template) => template.render(scope).into(),
        };
        Answer { status: self.status, headers, body }
    }
}

fn segments(path: &str) -> Vec<Segment> {
    let segments = path.trim_matches('/').split('/').filter(|segment| !segment.is_empty());
    let parse = |segment: &str| match segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) {
        Some(name) => Segment::Named(name.into()),
        None => Segment::Fixed(segment.into()),
    };
    segments.map(parse).collect()
}

/// Whether what happens at that rate, at even distances, is due after so many answers.
pub(super) fn is_due(rate: f64, before: u64) -> bool {
    // A rate of 1/3 times 3 must come to 1.
    let due = |answers: f64| (answers * rate + 1e-9).floor();
    due(before as f64 + 1.0) > due(before as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &str, error_rate: f64) -> Route {
        let config = RouteConfig { path: path.into(), method: Some("get".into()), ..RouteConfig::default() };
        let service = TargetConfig { error_rate, ..TargetConfig::default() };
        Route::compile(&config, &service, 0, "routes[0]").unwrap()
    }

    #[test]
    fn a_path_matches_segment_by_segment() {
        let route = route("/items/{id}/parts", 0.0);
        let names = route.matches(&Method::GET, "/items/a%20b/parts/").unwrap();
        assert_eq!(names["id"], "a b");
        for (method, path) in
            [(Method::POST, "/items/1/parts"), (Method::GET, "/items/1"), (Method::GET, "/items/1/parts/2")]
        {
            assert!(route.matches(&method, path).is_none(), "{method} {path}");
        }
    }

    #[test]
    fn errors_come_exactly_as_often_as_asked_for() {
        for (rate, requests, errors) in
            [(0.01, 1_000, 10), (1.0 / 3.0, 300, 100), (0.0, 100, 0), (1.0, 100, 100), (0.25, 7, 1)]
        {
            let route = route("/", rate);
            assert_eq!((0..requests).filter(|_| route.fails()).count(), errors, "{rate}");
        }
    }

    #[test]
    fn a_wrong_template_is_named() {
        let config =
            RouteConfig { json: Some(serde_json::json!({"a": ["{{ pth.id }}"]})), ..RouteConfig::default() };
        let error = Route::compile(&config, &TargetConfig::default(), 0, "routes[3]").unwrap_err();
        assert!(error.starts_with("routes[3].json.a[0]: unknown variable \"pth\""), "{error}");
    }
}
