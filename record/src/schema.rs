// SPDX-License-Identifier: Apache-2.0
//! The JSON Schema of the record, made of its types.

#[cfg(test)]
mod checker;
#[cfg(test)]
mod tests;

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::model::{FORMAT, Record, VERSION};

/// The schema of records of this version, and of later minor ones: fields that it does not know are allowed.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Record>().to_value();
    schema["title"] = json!(format!("Record of a run, version {VERSION}"));
    schema["properties"]["format"]["const"] = json!(FORMAT);
    schema
}
