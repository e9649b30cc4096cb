// SPDX-License-Identifier: Apache-2.0
//! Loops of an iteration.

use std::vec;

use serde_json::Value;
use upsurge_core::{scenario::LOOP_COUNT_SLOT, template::Scope};

use super::iteration::{Ended, Iteration};
use crate::program::{Elements, Limits, Repetitions};

/// A loop under way.
pub(super) struct Repetition {
    done: u64,
    most: Option<u64>,
    /// What is left to go through, and the slot that takes it.
    elements: Option<(usize, vec::IntoIter<Value>)>,
    /// The count and the element of the loop around.
    outer: (Option<Value>, Option<Value>),
}

impl Iteration<'_> {
    /// Begins a loop.
    pub(super) fn enter_loop(&mut self, limits: &Limits) -> Result<(), Ended> {
        let most = match limits.count {
            None => None,
            Some(Repetitions::Fixed(count)) => Some(count),
            Some(Repetitions::Between(low, high)) => {
                let width = (high - low + 1) as f64;
                Some(low + (self.user.variables.fraction() * width) as u64)
            }
            Some(Repetitions::Computed(expression)) => Some(self.count(expression)?),
        };
        let elements = match &limits.elements {
            None => None,
            Some((slot, elements)) => Some((*slot, self.elements(elements)?.into_iter())),
        };
        let variables = &self.user.variables;
        let element = elements.as_ref().and_then(|(slot, _)| variables.variable(*slot).cloned());
        let outer = (variables.variable(LOOP_COUNT_SLOT).cloned(), element);
        self.loops.push(Repetition { done: 0, most, elements, outer });
        Ok(())
    }

    /// Begins the next repetition of the innermost loop, or leaves the loop.
    pub(super) fn repeat(&mut self, condition: Option<usize>) -> Result<bool, Ended> {
        let Some(repetition) = self.loops.last_mut() else { return Ok(false) };
        let mut again = repetition.most.is_none_or(|most| repetition.done < most);
        if again && let Some((slot, elements)) = &mut repetition.elements {
            match elements.next() {
                Some(element) => self.user.variables.set(*slot, element),
                None => again = false,
            }
        }
        if again {
            repetition.done += 1;
            let number = repetition.done;
            self.user.variables.set(LOOP_COUNT_SLOT, number.into());
            if let Some(condition) = condition {
                again = self.holds(condition)?;
            }
        }
        if !again && let Some(repetition) = self.loops.pop() {
            let (count, element) = repetition.outer;
            self.user.variables.set(LOOP_COUNT_SLOT, count.unwrap_or_default());
            if let Some((slot, _)) = repetition.elements {
                self.user.variables.restore(slot, element);
            }
        }
        Ok(again)
    }

    fn count(&mut self, expression: usize) -> Result<u64, Ended> {
        let value = self.compute(expression)?;
        let count =
            value.as_u64().or_else(|| value.as_f64().filter(|count| *count >= 0.0).map(|count| count as u64));
        count.ok_or_else(|| self.unfit(expression, &value, "a number of repetitions"))
    }

    fn elements(&mut self, elements: &Elements) -> Result<Vec<Value>, Ended> {
        match elements {
            Elements::Literal(json) => match json.render(&mut self.user.variables) {
                Value::Array(elements) => Ok(elements),
                other => Ok(vec![other]),
            },
            Elements::Computed(expression) => match self.compute(*expression)? {
                Value::Array(elements) => Ok(elements),
                other => Err(self.unfit(*expression, &other, "a list")),
            },
        }
    }
}
