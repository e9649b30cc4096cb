// SPDX-License-Identifier: Apache-2.0
//! `run: NAME`: the steps of a block, as if they stood where it is run.
//!
//! A block is compiled anew for each place that runs it, as what it may refer to depends on the place. So its size counts
//! as often as it is run, and there is a limit to that.

use upsurge_crds::v1alpha1::LoadTestSpec;

use super::{Step, compile::Compiler};
use crate::field_error::Errors;

/// Most steps of a test, those of blocks counted wherever they are run.
const MOST_STEPS: usize = 10_000;

/// What is known of blocks while steps are compiled.
pub(super) struct Blocks {
    /// Indices of the blocks that are being compiled, the outermost first.
    under_way: Vec<usize>,
    /// Steps compiled so far.
    steps: usize,
}

impl Blocks {
    pub(super) fn new(spec: &LoadTestSpec, errors: &mut Errors) -> Self {
        for (index, block) in spec.blocks.iter().enumerate() {
            if spec.blocks[..index].iter().any(|other| other.name == block.name) {
                errors.add(
                    format_args!("spec.blocks[{index}].name"),
                    format_args!("another block is named {:?} too", block.name),
                );
            }
        }
        Self { under_way: Vec::new(), steps: 0 }
    }

    /// Counts a step; `false` once there are too many.
    pub(super) fn count(&mut self) -> bool {
        self.steps += 1;
        self.steps <= MOST_STEPS
    }
}

/// Says that there are too many steps.
pub(super) fn too_many() -> String {
    format!("has more than {MOST_STEPS} steps, those of blocks counted wherever they are run")
}

impl Compiler<'_> {
    /// The steps of the block of a name; `None` if there is no such block, or it is being compiled already.
    pub(super) fn block(&mut self, name: &str, path: &str, depth: usize) -> Option<Vec<Step>> {
        let spec = self.spec;
        let blocks = &spec.blocks;
        let Some(index) = blocks.iter().position(|block| block.name == name) else {
            let known = blocks.iter().map(|block| block.name.as_str()).collect::<Vec<_>>();
            let known = if known.is_empty() {
                "spec.blocks has none".into()
            } else {
                format!("there are {}", known.join(", "))
            };
            self.errors.add(path, format_args!("no block is named {name:?}; {known}"));
            return None;
        };
        if self.blocks.under_way.contains(&index) {
            let way = self.blocks.under_way.iter().chain([&index]).map(|index| blocks[*index].name.as_str());
            let way = way.collect::<Vec<_>>().join(" → ");
            self.errors.add(path, format_args!("a block must not run itself: {way}"));
            return None;
        }
        self.blocks.under_way.push(index);
        let steps = self.steps(&blocks[index].steps, &format!("spec.blocks[{index}].steps"), depth);
        self.blocks.under_way.pop();
        Some(steps)
    }
}
