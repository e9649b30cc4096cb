// SPDX-License-Identifier: Apache-2.0
//! A value that is looked at without being copied: whoever changes it while somebody looks gets a copy of its own.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A shared value. Clones are as cheap as a number; changing one makes a copy if others still look.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shared<T>(Arc<T>);

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        T::serialize(self, serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_looks_sees_what_there_was_and_copies_are_made_only_then() {
        let mut value = Shared::from(vec![1]);
        value.push(2);
        value.reserve(8);
        let looked = value.clone();
        assert_eq!(looked.as_ptr(), value.as_ptr(), "looking copies nothing");
        value.push(3);
        assert_eq!((&*looked, &*value), (&vec![1, 2], &vec![1, 2, 3]));
        let own = value.as_ptr();
        drop(looked);
        value[0] = 7;
        assert_eq!(value.as_ptr(), own, "nobody looks any more");
        let text = serde_json::to_string(&value).unwrap();
        assert_eq!(
            (text.as_str(), serde_json::from_str::<Shared<Vec<i32>>>(&text).unwrap()),
            ("[7,2,3]", value)
        );
    }
}
