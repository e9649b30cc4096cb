// SPDX-License-Identifier: Apache-2.0
//! Tests to be run, as text.

#![allow(dead_code, reason = "each test file uses its own part")]

/// A LoadTest with the given load and thresholds, of one request to one route. That a busy machine makes iterations late
/// is of no interest.
pub fn manifest(load: &str, thresholds: &str) -> String {
    format!(
        "apiVersion: upsurge.dev/v1alpha1\nkind: LoadTest\nmetadata: {{name: shop}}\nspec:\n  \
         target: {{baseURL: \"http://127.0.0.1:9\"}}\n  runner: {{maxLag: 3s}}\n  \
         scenarios: [{{name: browse, steps: [{{request: {{name: item, url: \"/items/{{{{ iteration }}}}\", expect: [{{status: [200]}}]}}}}]}}]\n  \
         load: {load}\n  thresholds: [{thresholds}]\n"
    )
}

/// A second of iterations by a rate.
pub const FEW: &str = "{unit: IterationsPerSecond, constant: {level: 50, duration: 1s}}";
/// A second of users. No schedule to be late for, whatever else the machine does.
pub const USERS: &str = "{unit: Users, constant: {level: 2, duration: 1s}}";
/// A minute of them: to be ended.
pub const LONG: &str = "{unit: IterationsPerSecond, constant: {level: 50, duration: 60s}}";
