// SPDX-License-Identifier: Apache-2.0
//! What an object is called: the store's kind, its bucket, and the key, as one URL without anything secret.

use std::{fmt, str::FromStr};

use object_store::path::Path;
use url::Url;

/// Between the kind of a store and the rest.
const AFTER_SCHEME: &str = "://";

/// An object in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    kind: Kind,
    url: Url,
    key: Path,
    name: String,
}

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// S3, and whatever speaks like it.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage.
    Azure,
}

/// Why a text is no address. None of them repeats the text, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no URL.
    #[error("this is no URL of an object: {0}")]
    Url(String),
    /// Another kind of store.
    #[error(
        "{0}:// is no store that is known: use s3://BUCKET/KEY, gs://BUCKET/KEY, az://CONTAINER/KEY or \
         abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/KEY"
    )]
    Scheme(String),
    /// No bucket.
    #[error("the URL of an object names a bucket and a key, as in s3://BUCKET/KEY; this one has no bucket")]
    Bucket,
    /// No key, or that of a folder.
    #[error(
        "the URL of an object names a bucket and a key, as in s3://BUCKET/KEY; this one has no key, or a key that ends with /"
    )]
    Key,
    /// A key that no store takes.
    #[error("no object can have that key: {0}")]
    BadKey(String),
    /// A port, which a bucket has not.
    #[error(
        "a bucket has no port: where a server of your own listens is said by AWS_ENDPOINT_URL or AZURE_STORAGE_ENDPOINT"
    )]
    Port,
    /// Credentials in the URL.
    #[error(
        "credentials don't belong into the URL of an object, where logs would show them: set them as environment variables"
    )]
    Credentials,
    /// Something after the key.
    #[error("the URL of an object ends with its key: leave out ? and # and what follows")]
    Rest,
}

/// Whether a text is meant as the address of an object, and not as a file.
pub fn is_address(text: &str) -> bool {
    text.split_once(AFTER_SCHEME).is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.chars().all(|letter| letter.is_ascii_alphanumeric())
    })
}

impl Address {
    /// The last part of the key.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn url(&self) -> &str {
        self.url.as_str()
    }

    pub(crate) fn key(&self) -> &Path {
        &self.key
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let url = Url::parse(text).map_err(|error| AddressError::Url(error.to_string()))?;
        let kind = match url.scheme() {
            "s3" => Kind::S3,
            "gs" => Kind::Google,
            "az" | "abfss" => Kind::Azure,
            other => return Err(AddressError::Scheme(other.to_owned())),
        };
        // abfss:// names a container before the @.
        let is_login = !url.username().is_empty() && url.scheme() != "abfss";
        if is_login || url.password().is_some() {
            return Err(AddressError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError::Rest);
        }
        if url.port().is_some() {
            return Err(AddressError::Port);
        }
        if url.host_str().unwrap_or_default().is_empty() {
            return Err(AddressError::Bucket);
        }
        if url.path().ends_with('/') {
            return Err(AddressError::Key);
        }
        let key = Path::from_url_path(url.path()).map_err(|error| AddressError::BadKey(error.to_string()))?;
        let name = key.filename().ok_or(AddressError::Key)?.to_owned();
        Ok(Self { kind, url, key, name })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.url())
    }
}

impl Kind {
    /// Environment variables that it heeds begin like this.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::S3 => "AWS_",
            Self::Google => "GOOGLE_",
            Self::Azure => "AZURE_",
        }
    }

    /// Environment variables that say who asks.
    pub(crate) fn credentials(self) -> &'static str {
        match self {
            Self::S3 => {
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN"
            }
            Self::Google => "GOOGLE_SERVICE_ACCOUNT or GOOGLE_APPLICATION_CREDENTIALS",
            Self::Azure => {
                "AZURE_STORAGE_ACCOUNT_KEY, or AZURE_STORAGE_SAS_TOKEN, or AZURE_CLIENT_ID with AZURE_TENANT_ID and \
                 AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("s3://runs/shop/spike.record", Kind::S3, "shop/spike.record")]
    #[case("gs://runs/spike.record", Kind::Google, "spike.record")]
    #[case("az://runs/spike.record", Kind::Azure, "spike.record")]
    #[case("abfss://runs@shop.dfs.core.windows.net/a/spike.record", Kind::Azure, "a/spike.record")]
    #[case("s3://runs/two%20words/spike.record", Kind::S3, "two words/spike.record")]
    fn an_object_has_a_kind_a_bucket_and_a_key(#[case] text: &str, #[case] kind: Kind, #[case] key: &str) {
        let address: Address = text.parse().unwrap();
        assert_eq!((address.kind(), address.key().as_ref(), address.name()), (kind, key, "spike.record"));
        assert_eq!(address.to_string(), text);
    }

    #[rstest]
    #[case("http://runs/spike.record", AddressError::Scheme("http".into()))]
    #[case("s3:///spike.record", AddressError::Bucket)]
    #[case("s3://runs", AddressError::Key)]
    #[case("s3://runs/", AddressError::Key)]
    #[case("s3://runs/shop/", AddressError::Key)]
    #[case("s3://localhost:9000/spike.record", AddressError::Port)]
    #[case("s3://key:hunter2@runs/spike.record", AddressError::Credentials)]
    #[case("s3://key@runs/spike.record", AddressError::Credentials)]
    #[case("abfss://runs:hunter2@shop.dfs.core.windows.net/a", AddressError::Credentials)]
    #[case("az://runs/spike.record?sig=hunter2", AddressError::Rest)]
    #[case("gs://runs/spike.record#x", AddressError::Rest)]
    fn what_is_no_address_is_told_without_its_secrets(#[case] text: &str, #[case] expected: AddressError) {
        let error = text.parse::<Address>().unwrap_err();
        assert_eq!(error, expected);
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn files_are_no_addresses() {
        assert!(["s3://runs/a", "http://x", "S3://runs/a", "x://"].into_iter().all(is_address));
        assert!(
            !["spike.record", "./a/b", "/tmp/a", "C:/a", "-", "", "://a", "a b://c"]
                .into_iter()
                .any(is_address)
        );
    }
}
