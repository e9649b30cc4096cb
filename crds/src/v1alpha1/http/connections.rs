// SPDX-License-Identifier: Apache-2.0
//! Whom connections belong to and how long they are used.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{super::duration::TimeSpan, is_default};

/// Whom connections belong to and how long they are used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionOptions {
    /// Whom connections belong to. Default: PerUser.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: ConnectionMode,

    /// Most shared connections to one server (scheme, host and port), of all runners together; each of
    /// their cores has at least one. A request that finds none free waits, which counts as
    /// `http_req_blocked`. Only with mode Shared. Default: 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max: Option<i32>,

    /// Most requests at a time on one shared HTTP/2 connection; when all connections have as many, and
    /// `max` allows it, another one is opened. The server's own limit holds too. Only with mode Shared.
    /// Default: 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub max_streams: Option<i32>,

    /// Age at which a connection is replaced, between two requests; up to half as much is added at
    /// random, so that connections are not replaced all at once. A Service of Kubernetes chooses a pod per
    /// connection: with connections that live for ever, new pods get no load. 0s: no limit. Default: 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<TimeSpan>,

    /// Number of requests after which a connection is replaced. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub max_requests: Option<i32>,

    /// Whether a connection is used for more than one request. Default: true.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub keep_alive: bool,

    /// Whether users close their connections at the end of each iteration, as a visitor who leaves. Only
    /// with mode PerUser. Default: false.
    #[serde(default, skip_serializing_if = "is_default")]
    pub close_after_iteration: bool,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self {
            mode: ConnectionMode::default(),
            max: None,
            max_streams: None,
            max_age: None,
            max_requests: None,
            keep_alive: true,
            close_after_iteration: false,
        }
    }
}

/// Whom connections belong to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConnectionMode {
    /// Each user has its own, as a browser has.
    #[default]
    PerUser,
    /// Users share them, as the threads of a service do that calls another.
    Shared,
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_true(value: &bool) -> bool {
    *value
}
