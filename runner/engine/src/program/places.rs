// SPDX-License-Identifier: Apache-2.0
//! Values at known places of a JSON text, found while reading over it, without a tree of all of it.
//!
//! Most captures and checks name one place, like `$.order.id`. What lies elsewhere is skipped: it has to
//! be JSON, but nobody looks at its numbers and texts. Paths that may match several places, or that ask
//! conditions, still need the tree.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;
use serde_json_path::JsonPath;

/// Most places of one response: one bit each.
const MOST_PLACES: usize = 64;

/// Places to look at.
#[derive(Debug)]
pub(crate) struct Places(Vec<Vec<Turn>>);

/// One step from a value to one inside of it.
#[derive(Debug, PartialEq)]
enum Turn {
    Name(String),
    Index(usize),
}

impl Places {
    /// The places of paths that lead to one place each; `None` if one may lead to several, or if there are
    /// none or very many.
    pub(crate) fn of<'a>(paths: impl Iterator<Item = &'a JsonPath>) -> Option<Self> {
        let routes = paths.map(route).collect::<Option<Vec<_>>>()?;
        (1..=MOST_PLACES).contains(&routes.len()).then_some(Self(routes))
    }

    /// What is at each place; `None` if the text is not JSON.
    pub(crate) fn find(&self, json: &[u8]) -> Option<Vec<Option<Value>>> {
        let mut found = vec![None; self.0.len()];
        let active = u64::MAX >> (MOST_PLACES - self.0.len());
        let walk = Walk { routes: &self.0, active, depth: 0, found: &mut found };
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        walk.deserialize(&mut deserializer).and_then(|()| deserializer.end()).ok()?;
        Some(found)
    }
}

/// The turns of a path that can lead to one place only.
fn route(path: &JsonPath) -> Option<Vec<Turn>> {
    let text = path.to_string();
    // Names are written without escapes: one with quotes in it could be taken for several turns.
    if JsonPath::parse(&text).ok().as_ref() != Some(path) {
        return None;
    }
    let mut rest = text.strip_prefix('$')?;
    let mut turns = Vec::new();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("['") {
            let (name, after) = quoted.split_once("']")?;
            if name.contains('\'') {
                // Several names, or one with quotes in it.
                return None;
            }
            turns.push(Turn::Name(name.to_owned()));
            rest = after;
        } else if let Some(bracketed) = rest.strip_prefix('[') {
            let (index, after) = bracketed.split_once(']')?;
            turns.push(Turn::Index(index.parse().ok()?));
            rest = after;
        } else {
            let named = rest.strip_prefix('.')?;
            let end = named.find(['.', '[']).unwrap_or(named.len());
            let (name, after) = named.split_at(end);
            if name.is_empty() || name == "*" {
                return None;
            }
            turns.push(Turn::Name(name.to_owned()));
            rest = after;
        }
    }
    Some(turns)
}

/// A value inside of a tree.
fn follow<'v>(value: &'v Value, turns: &[Turn]) -> Option<&'v Value> {
    turns.iter().try_fold(value, |value, turn| match turn {
        Turn::Name(name) => value.as_object()?.get(name),
        Turn::Index(index) => value.as_array()?.get(*index),
    })
}

/// A look at a value that lies on the way to some of the places.
struct Walk<'p> {
    routes: &'p [Vec<Turn>],
    /// The places whose way leads through here, as bits.
    active: u64,
    depth: usize,
    found: &'p mut [Option<Value>],
}

impl Walk<'_> {
    /// The routes that lead through here, by number.
    fn active(&self) -> impl Iterator<Item = (usize, &Vec<Turn>)> {
        self.routes.iter().enumerate().filter(|(number, _)| self.active >> number & 1 == 1)
    }

    /// The routes that go on through a certain turn, as bits.
    fn through(&self, is_turn: impl Fn(&Turn) -> bool) -> u64 {
        self.active()
            .filter(|(_, turns)| turns.get(self.depth).is_some_and(&is_turn))
            .fold(0, |bits, (number, _)| bits | 1 << number)
    }

    fn further(&mut self, active: u64) -> Walk<'_> {
        // Of two fields of the same name the last one counts.
        for (number, found) in self.found.iter_mut().enumerate() {
            if active >> number & 1 == 1 {
                *found = None;
            }
        }
        Walk { routes: self.routes, active, depth: self.depth + 1, found: self.found }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.active().all(|(_, turns)| turns.len() > self.depth) {
            return deserializer.deserialize_any(self);
        }
        // A place is reached: what lies inside of it is wanted as a whole.
        let value = Value::deserialize(deserializer)?;
        for (number, turns) in self.routes.iter().enumerate() {
            if self.active >> number & 1 == 1
                && let Some(found) = self.found.get_mut(number)
            {
                *found = follow(&value, turns.get(self.depth..).unwrap_or_default()).cloned();
            }
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(active) = map.next_key_seed(Name(&self))? {
            if active == 0 {
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(self.further(active))?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        for index in 0.. {
            let active = self.through(|turn| *turn == Turn::Index(index));
            let more = if active == 0 {
                list.next_element::<IgnoredAny>()?.is_some()
            } else {
                list.next_element_seed(self.further(active))?.is_some()
            };
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// The name of a field, read to the routes that go on through it.
struct Name<'w, 'p>(&'w Walk<'p>);

impl<'de> DeserializeSeed<'de> for Name<'_, '_> {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_, '_> {
    type Value = u64;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<u64, E> {
        Ok(self.0.through(|turn| matches!(turn, Turn::Name(wanted) if wanted == name)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;

    /// Values with few names, so that paths often hit.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9).prop_map(Value::from),
            "[a-z\"\\\\\u{e9}\n]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 4, |inner| {
            let fields = (select(&["a", "b", "c d", "'"][..]), inner.clone());
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Value::from),
                prop::collection::vec(fields, 0..4).prop_map(|fields| {
                    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
                }),
            ]
        })
    }

    const PATHS: &[&str] = &[
        "$",
        "$.a",
        "$['a']",
        "$.a.b",
        "$[0]",
        "$[1].a",
        "$.a[0]",
        "$['c d'].a",
        "$.b[1][0]",
        "$.b",
        "$.a.a.a",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_found_is_what_the_tree_holds(
            value in value(),
            paths in prop::collection::vec(select(PATHS), 1..5),
            cut in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let paths: Vec<JsonPath> = paths.iter().map(|path| JsonPath::parse(path).unwrap()).collect();
            let mut text = value.to_string();
            // Cut short it is, nearly always, no JSON any more.
            if let Some(cut) = cut {
                let at = cut.index(text.len());
                let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
                text.truncate(at);
            }
            let tree: Option<Value> = serde_json::from_str(&text).ok();
            let expected: Option<Vec<Option<Value>>> = tree.map(|tree| {
                paths.iter().map(|path| path.query(&tree).first().cloned()).collect()
            });
            let places = Places::of(paths.iter()).unwrap();
            prop_assert_eq!(places.find(text.as_bytes()), expected, "{}", text);
        }
    }

    #[test]
    fn the_last_of_two_fields_of_the_same_name_counts() {
        let path = [JsonPath::parse("$.a.b").unwrap()];
        let places = Places::of(path.iter()).unwrap();
        assert_eq!(places.find(br#"{"a":{"b":1},"a":{"b":2}}"#), Some(vec![Some(2.into())]));
        assert_eq!(places.find(br#"{"a":{"b":1},"a":{"c":2}}"#), Some(vec![None]));
        assert_eq!(places.find(br#"{"a":{"b":1}} x"#), None);
    }

    #[test]
    fn paths_that_may_lead_to_several_places_need_the_tree() {
        for path in
            ["$.*", "$..a", "$[*]", "$[-1]", "$[0,1]", "$[1:2]", "$[?@.a]", "$['a','b']", r#"$["a']['b"]"#]
        {
            let path = [JsonPath::parse(path).unwrap()];
            assert!(Places::of(path.iter()).is_none(), "{}", path[0]);
        }
        assert!(Places::of([].iter()).is_none());
    }
}
