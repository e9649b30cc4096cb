// SPDX-License-Identifier: Apache-2.0
//! One place per stage and thing, filled when it is first written to.

/// Places by stage and index.
#[derive(Debug)]
pub(super) struct Places<T> {
    width: usize,
    places: Vec<Option<Box<T>>>,
}

impl<T: Default> Places<T> {
    pub(super) fn new(stages: usize, width: usize) -> Self {
        let mut places = Vec::new();
        places.resize_with(stages * width, || None);
        Self { width, places }
    }

    pub(super) fn at(&mut self, stage: usize, index: usize) -> Option<&mut T> {
        self.places.get_mut(stage * self.width + index).map(|place| &mut **place.get_or_insert_default())
    }

    /// All places that are in use: stage, index, and what is there.
    pub(super) fn used(&self) -> impl Iterator<Item = (usize, usize, &T)> {
        let width = self.width.max(1);
        let places = self.places.iter().enumerate();
        places.filter_map(move |(at, place)| Some((at / width, at % width, place.as_deref()?)))
    }

    /// Empties what was used since the last time, and frees what was not: stages pass.
    pub(super) fn clear(&mut self, was_used: impl Fn(&T) -> bool, clear: impl Fn(&mut T)) {
        for place in &mut self.places {
            match place {
                Some(series) if was_used(series) => clear(series),
                _ => *place = None,
            }
        }
    }
}
