// SPDX-License-Identifier: Apache-2.0
//! Why a store did not do what was asked, in words that say what to do.

use std::{error::Error, io};

use object_store::client::HttpError;

use crate::{MAY_ASK_METADATA, address::Kind};

/// Most characters of what a store or a library says.
const MOST_TOLD: usize = 300;
/// Parts of an answer in XML that are told.
const TOLD: [&str; 3] = ["Code", "Message", "Details"];

/// Why a store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It can't be asked at all.
    #[error("{place}: this store can't be used: {why}")]
    Setup {
        /// The object.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// Nobody said who asks.
    #[error(
        "{place}: there are no credentials: set {variables} as environment variables, or {MAY_ASK_METADATA}=true to use those \
         of the machine or the pod"
    )]
    Credentials {
        /// The object.
        place: String,
        /// What to set.
        variables: &'static str,
    },
    /// It does not know who asks.
    #[error("{place}: the store does not accept these credentials: {why}")]
    Login {
        /// The object.
        place: String,
        /// What it said.
        why: String,
    },
    /// Who asks may not do that, or did not prove to be who may.
    #[error("{place}: the store does not allow it: {why}")]
    Denied {
        /// The object.
        place: String,
        /// What it said.
        why: String,
    },
    /// There is no such object or bucket.
    #[error("{place} is not there, or its bucket is not")]
    Missing {
        /// The object.
        place: String,
    },
    /// There was no answer, or only a part of one.
    #[error("{place}: the store can't be reached: {why}")]
    Unreachable {
        /// The object.
        place: String,
        /// What went wrong.
        why: String,
    },
    /// It said no, for whatever reason.
    #[error("{place}: the store refuses: {why}")]
    Refused {
        /// The object.
        place: String,
        /// What it said.
        why: String,
    },
    /// It took too long.
    #[error("{place}: the store did not do it within {milliseconds} ms")]
    Late {
        /// The object.
        place: String,
        /// How long it was waited for.
        milliseconds: u128,
    },
    /// The object is larger than what is read.
    #[error("{place} is larger than {} MiB, which no record is", .most >> 20)]
    Large {
        /// The object.
        place: String,
        /// Most bytes.
        most: u64,
    },
    /// There is no thread to ask from.
    #[error("a store can't be asked from here: {0}")]
    Start(#[from] io::Error),
}

impl StoreError {
    /// What a library says, in our words. `refused` says whether it was kept from asking a metadata address.
    pub(crate) fn of(error: &object_store::Error, place: String, kind: Kind, refused: bool) -> Self {
        use object_store::Error as Told;

        if refused {
            return Self::Credentials { place, variables: kind.credentials() };
        }
        let why = told(error);
        match error {
            Told::NotFound { .. } => Self::Missing { place },
            Told::PermissionDenied { .. } => Self::Denied { place, why },
            Told::Unauthenticated { .. } => Self::Login { place, why },
            _ if is_of_connection(error) => Self::Unreachable { place, why },
            _ => Self::Refused { place, why },
        }
    }
}

/// An error and what led to it, from the outermost on.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}

/// Whether there was no answer.
fn is_of_connection(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<HttpError>())
}

/// The innermost cause as one line: it tells what happened, and those around it where.
pub(crate) fn told(error: &(dyn Error + 'static)) -> String {
    let innermost = in_short(causes(error).last().unwrap_or(error).to_string());
    let line = innermost.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST_TOLD) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// What a store says in XML, without all but these parts: S3 repeats the token of a session in others.
fn in_short(text: String) -> String {
    let Some((before, document)) = text.split_once("<Error") else { return text };
    let before = before.split_once("<?").map_or(before, |(before, _)| before).trim_end();
    let parts = TOLD.iter().filter_map(|name| {
        let (_, rest) = document.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0)
    });
    std::iter::once(before).chain(parts).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_cause_is_told_in_one_line() {
        let source = io::Error::other("503:\n  SlowDown");
        let error = object_store::Error::Generic { store: "S3", source: Box::new(source) };
        let error = StoreError::of(&error, "s3://runs/a".into(), Kind::S3, false);
        assert_eq!(error.to_string(), "s3://runs/a: the store refuses: 503: SlowDown");
    }

    #[test]
    fn an_answer_in_xml_is_told_without_what_may_be_secret() {
        let answer = "400 Bad Request: <?xml version=\"1.0\"?>\n<Error><Code>ExpiredToken</Code><Message>It has expired.</Message>\
                      <Token-0>hunter2</Token-0></Error>";
        assert_eq!(told(&io::Error::other(answer)), "400 Bad Request: ExpiredToken It has expired.");
        let odd = "403 Forbidden: <Error><Token-0>hunter2</Token-0><Message>hunter3";
        assert_eq!(told(&io::Error::other(odd)), "403 Forbidden:");
    }

    #[test]
    fn what_a_store_says_is_cut_off() {
        assert_eq!(told(&io::Error::other("ä".repeat(400))).chars().count(), MOST_TOLD + 1);
    }
}
