// SPDX-License-Identifier: Apache-2.0
//! JSON values as CEL sees them, and back.

use std::sync::Arc;

use cel::{Value as CelValue, objects::Key};
use serde_json::Value;

/// Whole numbers become `int` whatever their sign: CEL does not compute with `uint` and `int` together.
pub(super) fn to_cel(value: &Value) -> CelValue {
    match value {
        Value::Null => CelValue::Null,
        Value::Bool(value) => CelValue::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => CelValue::Int(number),
            (None, Some(number)) => CelValue::UInt(number),
            (None, None) => CelValue::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => CelValue::String(Arc::new(text.clone())),
        Value::Array(items) => CelValue::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(fields) => map(fields.iter().map(|(name, field)| (name.as_str(), field))),
    }
}

/// A map of some fields.
pub(super) fn map<'a>(fields: impl Iterator<Item = (&'a str, &'a Value)>) -> CelValue {
    let fields = fields.map(|(name, field)| (Key::from(name.to_owned()), to_cel(field)));
    CelValue::Map(cel::objects::Map { map: Arc::new(fields.collect()) })
}

/// `None` for what JSON can't hold: functions, types, numbers that are none.
pub(super) fn from_cel(value: &CelValue) -> Option<Value> {
    Some(match value {
        CelValue::Null => Value::Null,
        CelValue::Bool(value) => (*value).into(),
        CelValue::Int(number) => (*number).into(),
        CelValue::UInt(number) => (*number).into(),
        CelValue::Float(number) => serde_json::Number::from_f64(*number)?.into(),
        CelValue::String(text) => text.as_str().into(),
        CelValue::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned().into(),
        CelValue::List(items) => items.iter().map(from_cel).collect::<Option<Vec<_>>>()?.into(),
        CelValue::Map(fields) => {
            let fields = fields.map.iter();
            let fields = fields.map(|(name, field)| Some((name.to_string(), from_cel(field)?)));
            Value::Object(fields.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}
