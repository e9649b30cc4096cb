// SPDX-License-Identifier: Apache-2.0
//! Functions of texts: encodings, digests, case and length.
//!
//! A value that is no text is taken as a template writes it; a variable without a value is the empty text.

use std::collections::BTreeMap;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    prelude::BASE64_STANDARD,
};
use md5::{Digest as _, Md5};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::{digest, hmac};
use serde_json::Value;

use super::{Argument, Scope};

/// Everything but the unreserved characters of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Takes base64 with and without padding.
const DECODER: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What is done with a text.
#[derive(Clone, Debug, PartialEq)]
pub enum TextFunction {
    /// `upper(x)`.
    Upper,
    /// `lower(x)`.
    Lower,
    /// `base64(x)`: the standard alphabet, padded.
    Base64,
    /// `base64Decode(x)`: either alphabet, padded or not; the empty text when it is no base64.
    Base64Decode,
    /// `urlEncode(x)`: for a part of a path or a query.
    UrlEncode,
    /// `json(x)`: the value as JSON, texts in quotes.
    Json,
    /// `md5(x)` in hexadecimal.
    Md5,
    /// `sha256(x)` in hexadecimal.
    Sha256,
    /// `hmacSha256(key, x)` in hexadecimal.
    HmacSha256 {
        /// The key.
        key: Argument,
    },
    /// `length(x)`: characters of a text, elements of a list, fields of an object.
    Length,
}

impl TextFunction {
    /// The function of an argument.
    pub fn call(&self, argument: &Argument, scope: &mut dyn Scope) -> Value {
        match self {
            Self::Upper => argument.text(scope).to_uppercase().into(),
            Self::Lower => argument.text(scope).to_lowercase().into(),
            Self::Base64 => BASE64_STANDARD.encode(argument.text(scope)).into(),
            Self::Base64Decode => decode(&argument.text(scope)).into(),
            Self::UrlEncode => utf8_percent_encode(&argument.text(scope), RESERVED).to_string().into(),
            Self::Json => argument.value(scope).unwrap_or(Value::Null).to_string().into(),
            Self::Md5 => hexadecimal(&Md5::digest(argument.text(scope))).into(),
            Self::Sha256 => {
                hexadecimal(digest::digest(&digest::SHA256, argument.text(scope).as_bytes()).as_ref()).into()
            }
            Self::HmacSha256 { key } => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, key.text(scope).as_bytes());
                hexadecimal(hmac::sign(&key, argument.text(scope).as_bytes()).as_ref()).into()
            }
            Self::Length => match argument.value(scope) {
                Some(Value::Array(items)) => items.len().into(),
                Some(Value::Object(fields)) => fields.len().into(),
                _ => argument.text(scope).chars().count().into(),
            },
        }
    }

    /// The function and its argument with secrets filled in.
    pub(super) fn with_secrets(
        &self,
        argument: &Argument,
        secrets: &BTreeMap<String, String>,
    ) -> (Self, Argument) {
        let function = match self {
            Self::HmacSha256 { key } => Self::HmacSha256 { key: key.with_secrets(secrets) },
            other => other.clone(),
        };
        (function, argument.with_secrets(secrets))
    }
}

fn decode(text: &str) -> String {
    let standard = text.trim().replace('-', "+").replace('_', "/");
    let bytes = DECODER.decode(standard).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 0xf)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}
