// SPDX-License-Identifier: Apache-2.0
//! Writes the JSON Schema of the record into the given file.

use std::{error::Error, fs};

use upsurge_record::schema::schema;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args_os().nth(1).ok_or("usage: recordgen FILE")?;
    Ok(fs::write(file, serde_json::to_string_pretty(&schema())? + "\n")?)
}
