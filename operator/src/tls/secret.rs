// SPDX-License-Identifier: Apache-2.0
//! The Secret in which the authorities are kept, and its form.

use std::{collections::BTreeMap, str};

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client,
    api::{ObjectMeta, Patch},
};
use upsurge_crds::names::labels;

use super::{
    Unusable,
    authority::{Authority, is_certificate},
    rotation::{Authorities, Found},
};
use crate::status::parameters;

/// What runners are told. For people and tools; nothing of ours reads it.
const TOLD: &str = "ca.crt";
const PREVIOUS: &str = "previous.crt";
const CURRENT: [&str; 2] = ["current.crt", "current.key"];
const NEXT: [&str; 2] = ["next.crt", "next.key"];

/// The place of the Secret.
pub struct Store {
    api: Api<Secret>,
    name: String,
}

/// What a look has found, and the version that it is of.
pub struct Look {
    pub found: Found,
    version: Option<String>,
}

impl Store {
    pub fn new(client: Client, namespace: &str, name: &str) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.into() }
    }

    /// The name, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub async fn look(&self) -> Result<Look, kube::Error> {
        let Some(secret) = self.api.get_opt(&self.name).await? else {
            return Ok(Look { found: Found::Nothing, version: None });
        };
        let found = read(&secret).map_or_else(Found::Broken, Found::Some);
        Ok(Look { found, version: secret.metadata.resource_version })
    }

    /// Writes over what was found, unless it has changed since. An apply also makes what is not there, and that can be
    /// granted for this one name; to create can't.
    pub async fn write(&self, look: Look, authorities: &Authorities) -> Result<(), kube::Error> {
        let mut secret = written(authorities);
        secret.metadata.name = Some(self.name.clone());
        secret.metadata.resource_version = look.version;
        self.api.patch(&self.name, &parameters(), &Patch::Apply(&secret)).await.map(drop)
    }
}

fn read(secret: &Secret) -> Result<Authorities, Unusable> {
    let text = |key: &str| -> Result<Option<&str>, Unusable> {
        let Some(value) = secret.data.as_ref().and_then(|data| data.get(key)) else { return Ok(None) };
        str::from_utf8(&value.0).map(Some).map_err(|error| Unusable::wrong(key, error))
    };
    let needed = |key: &str| text(key)?.ok_or_else(|| Unusable::Missing(key.into()));
    let authority = |[certificate, key]: [&str; 2]| {
        let read = Authority::read(needed(certificate)?, needed(key)?);
        read.map_err(|error| Unusable::wrong(certificate, error))
    };
    Ok(Authorities {
        // Of use for moments only: no reason to give up the others.
        previous: text(PREVIOUS)?.filter(|text| is_certificate(text)).map(str::to_owned),
        current: authority(CURRENT)?,
        next: authority(NEXT)?,
    })
}

fn written(authorities: &Authorities) -> Secret {
    let Authorities { previous, current, next } = authorities;
    let pairs = [
        (CURRENT[0], Some(current.certificate())),
        (CURRENT[1], Some(current.key())),
        (NEXT[0], Some(next.certificate())),
        (NEXT[1], Some(next.key())),
        (PREVIOUS, previous.as_deref()),
    ];
    let pairs = pairs.into_iter().filter_map(|(key, text)| Some((key, text?.to_owned())));
    let data = pairs.chain([(TOLD, authorities.told())]);
    let labels = [(labels::MANAGED_BY, labels::MANAGED_BY_VALUE), (labels::COMPONENT, "collector")];
    Secret {
        metadata: ObjectMeta {
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
            ..ObjectMeta::default()
        },
        data: Some(
            data.map(|(key, text)| (key.to_owned(), ByteString(text.into_bytes())))
                .collect::<BTreeMap<_, _>>(),
        ),
        ..Secret::default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn what_is_written_is_read_back() {
        let begun = Authorities::begin(Timestamp::now(), DAY).unwrap();
        assert_eq!(read(&written(&begun)).unwrap(), begun);
        let rotated = begun.rotated(Timestamp::now(), DAY).unwrap();
        let secret = written(&rotated);
        assert_eq!(read(&secret).unwrap(), rotated);
        let told = String::from_utf8(secret.data.unwrap()[TOLD].0.clone()).unwrap();
        assert_eq!(told, rotated.told());
        assert!(!told.contains("PRIVATE"), "keys are not told");
    }

    #[test]
    fn what_is_spoilt_is_told_by_its_key() {
        let whole = written(&Authorities::begin(Timestamp::now(), DAY).unwrap());
        for key in CURRENT.into_iter().chain(NEXT) {
            let mut without = whole.clone();
            without.data.as_mut().unwrap().remove(key);
            assert_eq!(read(&without).unwrap_err().to_string(), format!("{key} is missing"));
            for garbage in [&b"nonsense"[..], b"\xff"] {
                let mut spoilt = whole.clone();
                spoilt.data.as_mut().unwrap().insert(key.into(), ByteString(garbage.to_vec()));
                let error = read(&spoilt).unwrap_err().to_string();
                assert!(error.contains(&key[..4]), "{error}");
            }
        }
        let mut swapped = whole;
        let data = swapped.data.as_mut().unwrap();
        let next = data[NEXT[1]].clone();
        data.insert(CURRENT[1].into(), next);
        assert!(read(&swapped).unwrap_err().to_string().contains("for another key"));
        let mut rotated = written(
            &Authorities::begin(Timestamp::now(), DAY).unwrap().rotated(Timestamp::now(), DAY).unwrap(),
        );
        rotated.data.as_mut().unwrap().insert(PREVIOUS.into(), ByteString(b"nonsense".to_vec()));
        assert_eq!(read(&rotated).unwrap().previous, None);
        assert_eq!(read(&Secret::default()).unwrap_err(), Unusable::Missing(CURRENT[0].into()));
    }
}
