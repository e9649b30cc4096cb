// SPDX-License-Identifier: Apache-2.0
//! A request, ready to be filled in.

use std::{collections::BTreeMap, time::Duration};

use upsurge_crds::v1alpha1::{Coding, FileSource, HttpMethod, StatusRange};

use super::{
    Content,
    response::{Capture, Expectation, Matcher, Subject, subjects},
};
use crate::template::{JsonTemplate, Template};

/// An HTTP request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Name that results use.
    pub name: String,
    /// Method.
    pub method: HttpMethod,
    /// A whole URL if it starts with `http://` or `https://` once filled in, else joined to `target.baseURL`.
    pub url: Template,
    /// Query parameters, to be percent-encoded and added to the URL.
    pub query: Vec<(String, Template)>,
    /// Headers with those of `spec.http.headers` and the content type that the body implies; names in lower case, each once.
    pub headers: Vec<(String, Template)>,
    /// Body.
    pub body: Body,
    /// Tags of all that it records, besides those of its scenario.
    pub tags: BTreeMap<String, String>,
    /// Longest time.
    pub timeout: Duration,
    /// What is taken from the response.
    pub capture: Vec<Capture>,
    /// What the response must be like; each is a check.
    pub expect: Vec<Expectation>,
    /// Status codes that don't count as failed.
    pub expected_status: Vec<StatusRange>,
    /// Redirects that an expectation wants to see, and that are not followed therefore.
    pub wanted_redirects: Vec<u16>,
    /// Most redirects that are followed.
    pub max_redirects: usize,
    /// Credentials.
    pub auth: Option<Auth>,
    /// Cookies besides those from responses.
    pub cookies: Vec<(String, Template)>,
    /// What the body is compressed with, in order.
    pub compression: Vec<Coding>,
    /// Largest body of the response, if it is limited.
    pub max_response_size: Option<u64>,
}

/// Status codes that don't count as failed unless the spec says otherwise.
pub const DEFAULT_STATUSES: StatusRange = StatusRange { first: 200, last: 399 };

impl Request {
    /// Whether a response with that status counts as failed in `http_req_failed`.
    pub fn is_failure(&self, status: u16) -> bool {
        !self.expected_status.iter().any(|range| range.contains(status))
    }

    /// Whether the body of the response is needed, and not only its length.
    pub fn needs_body(&self) -> bool {
        self.subjects().any(Subject::is_in_body)
            || self
                .expect
                .iter()
                .any(|expect| matches!(expect.matcher, Matcher::BodyContains(_) | Matcher::BodyMatches(_)))
    }

    /// What expectations, then captures, look at.
    pub fn subjects(&self) -> impl Iterator<Item = &Subject> {
        subjects(&self.expect, &self.capture)
    }
}

/// Body of a request.
#[derive(Clone, Debug, Default)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// JSON.
    Json(JsonTemplate),
    /// Text as it stands.
    Text(Template),
    /// Fields to be URL-encoded.
    Form(Vec<(String, Template)>),
    /// `multipart/form-data`.
    Multipart(Vec<Part>),
    /// Contents of a file.
    File(FileSource),
    /// Bytes as they stand.
    Bytes(Vec<u8>),
    /// Contents that are made up.
    Generated(Content),
}

/// A part of a multipart body.
#[derive(Clone, Debug)]
pub struct Part {
    /// Name of the field.
    pub name: String,
    /// What it holds.
    pub content: PartContent,
    /// Media type, if it is given.
    pub content_type: Option<String>,
}

/// What a part of a multipart body holds.
#[derive(Clone, Debug)]
pub enum PartContent {
    /// Text.
    Text(Template),
    /// A file.
    File {
        /// Where it is.
        source: FileSource,
        /// Its name as the server sees it.
        name: Template,
    },
    /// A file that is made up.
    Generated {
        /// What is in it.
        content: Content,
        /// Its name as the server sees it.
        name: Template,
    },
}

/// Credentials of a request.
#[derive(Clone, Debug)]
pub struct Auth {
    /// What is sent.
    pub scheme: AuthScheme,
    /// Whether they are those of the test, which are for the host of the base URL only.
    pub of_test: bool,
}

/// What is sent to prove who the user is.
#[derive(Clone, Debug)]
pub enum AuthScheme {
    /// User name and password (RFC 7617).
    Basic(Template, Template),
    /// A token (RFC 6750).
    Bearer(Template),
    /// User name and a digest of the password (RFC 7616).
    Digest(Template, Template),
}
