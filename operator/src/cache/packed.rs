// SPDX-License-Identifier: Apache-2.0
//! Tests as they are kept: as compressed text. Read, each step of a scenario has room for all that a step may be, which is
//! ten times its text, and most of a thousand tests are looked at once a day.

use std::{
    borrow::Cow,
    io::{self, Read as _},
};

use flate2::{Compression, bufread::ZlibDecoder, write::ZlibEncoder};
use kube::{Resource, api::ObjectMeta, core::error_boundary::InvalidObject};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::value::RawValue;
use upsurge_crds::LoadTest;

use super::guarded::Guarded;
use crate::audit;

/// The annotation in which `kubectl apply` keeps the whole manifest once more.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A test, to be read when it is looked at.
#[derive(Clone, Debug)]
pub struct PackedTest {
    metadata: ObjectMeta,
    /// All of it but its metadata, as JSON in zlib's form, or why it can't be read.
    rest: Result<Box<[u8]>, Box<str>>,
}

impl PackedTest {
    /// Packs a test.
    pub fn of(test: Guarded<LoadTest>) -> Self {
        let (mut metadata, rest) = match test.0 {
            Ok(mut test) => {
                let metadata = std::mem::take(&mut test.metadata);
                (metadata, packed(&test).map_err(|error| error.to_string().into_boxed_str()))
            }
            Err(invalid) => (invalid.metadata, Err(invalid.error.into_boxed_str())),
        };
        if let Some(fields) = &mut metadata.managed_fields {
            audit::prune(fields);
        }
        if let Some(annotations) = &mut metadata.annotations {
            annotations.remove(LAST_APPLIED);
        }
        Self { metadata, rest }
    }

    /// The test.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn read(&self) -> Result<LoadTest, Box<InvalidObject>> {
        let invalid = |error: &dyn std::fmt::Display| {
            let (error, metadata) = (error.to_string(), self.metadata.clone());
            Box::new(InvalidObject { error, metadata })
        };
        let packed = self.rest.as_ref().map_err(|error| invalid(error))?;
        let mut test = unpacked(packed).map_err(|error| invalid(&error))?;
        test.metadata = self.metadata.clone();
        Ok(test)
    }
}

fn packed(test: &LoadTest) -> io::Result<Box<[u8]>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    // As text first: the encoder does not like very small pieces.
    io::Write::write_all(&mut encoder, &serde_json::to_vec(test)?)?;
    Ok(encoder.finish()?.into_boxed_slice())
}

/// The text is our own, so it needs no bounds.
fn unpacked(packed: &[u8]) -> io::Result<LoadTest> {
    let mut text = Vec::new();
    ZlibDecoder::new(packed).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

impl<'de> Deserialize<'de> for PackedTest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        Guarded::read(text.get()).map(Self::of).map_err(D::Error::custom)
    }
}

impl Resource for PackedTest {
    type DynamicType = ();
    type Scope = <LoadTest as Resource>::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        LoadTest::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        LoadTest::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        LoadTest::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        LoadTest::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
