// SPDX-License-Identifier: Apache-2.0
//! Names of what a directory of reports holds, whoever fills it: the run itself, or `upsurge report` later.

/// The argument that names the directory.
pub(super) const ARGUMENT: &str = "report-dir";
/// The record, from which the others are made.
pub(super) const RECORD: &str = "run.record";
/// The page.
pub(super) const PAGE: &str = "report.html";
/// The summary.
pub(super) const MARKDOWN: &str = "report.md";
/// The outcome for CI systems.
pub(super) const JUNIT: &str = "junit.xml";
