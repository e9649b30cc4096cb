// SPDX-License-Identifier: Apache-2.0
//! A run of several workloads: what it waits for is what the last of them needs.

use serde_json::json;

use super::*;

#[test]
fn a_run_goes_on_until_time_decides_nothing_more_about_any_workload() {
    let workload = |name: &str, settles: &str| json!({"name": name, "capacityPerReplica": 5, "expect": {"maxSettlingTime": settles}});
    let until = |first: &str, second: &str| {
        let plan = fixtures::plan(&json!({
            "target": {
                "baseURL": "http://gateway:8080",
                "workloads": [workload("gateway", first), workload("cart", second)],
            },
            "load": {"unit": "IterationsPerSecond", "constant": {"level": 6, "duration": "1m"}},
        }));
        let mut snapshot = fixtures::session(None, Some(fixtures::at(0)));
        snapshot.elapsed = Duration::from_secs(60);
        snapshot.further = vec![snapshot.workload.clone()];
        watch_until(&plan, &snapshot, Phase::Collecting, fixtures::at(70))
    };
    let longest = Some(fixtures::at(60 + 180));
    assert_eq!([until("1m", "3m"), until("3m", "1m")], [longest; 2]);
}
