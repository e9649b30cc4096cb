// SPDX-License-Identifier: Apache-2.0
//! The page in a real browser. `make report-browser` runs these tests: they need Chromium (`tools/build chromium`) and axe-core
//! (`tools/build axe`), named by `UPSURGE_CHROMIUM` and `UPSURGE_AXE`. Pictures of the page are left in `UPSURGE_SCREENSHOTS`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests say what they expect")]

mod chromium;
#[path = "../report/played.rs"]
mod played;
mod show;
mod speed;
mod work;
