// SPDX-License-Identifier: Apache-2.0
//! Records of tests of scalability.

use serde_json::json;
use upsurge_record::model::Record;

use super::search;

/// A test of scalability at one and two replicas.
pub fn scalability() -> Record {
    let mut record = search();
    record.outcome.reason = "ScalabilityMeasured".into();
    record.outcome.message = "2 replicas serve 1.9 times what 1 replica can".into();
    record.capacity = None;
    record.epochs.truncate(2);
    for (epoch, replicas) in record.epochs.iter_mut().zip(1..) {
        epoch.result.as_mut().unwrap().pinned_replicas = Some(replicas);
    }
    let found = json!({
        "counts": [
            {"replicas": 1, "users": 20, "passed": 3, "failed": 0, "inconclusive": 0, "throughput": "40", "speedup": "1",
                "efficiency": "1"},
            {"replicas": 2, "users": 40, "passed": 3, "failed": 0, "inconclusive": 0, "throughput": "76", "speedup": "1.9",
                "efficiency": "0.95", "efficiencyInterval": {"low": "0.93", "high": "0.97"}},
        ],
        "unfitted": "a fit needs 3 different counts of replicas",
        "amdahl": {
            "serial": {"estimate": "0.053", "low": "0.03", "high": "0.08"},
            "single": {"estimate": "40", "low": "39", "high": "41"},
            "limit": "18.9",
            "rSquared": "0.998",
        },
        "doubts": ["FewPoints"],
    });
    record.scalability = Some(serde_json::from_value(found).unwrap());
    record
}

/// A test of scalability with two sizes.
pub fn sizes() -> Record {
    let mut record = search();
    record.outcome.reason = "ScalabilityMeasured".into();
    record.outcome.message = "large serves 3.2 times what small does".into();
    record.capacity = None;
    record.epochs.truncate(2);
    for (epoch, size) in record.epochs.iter_mut().zip(["small", "large"]) {
        epoch.result.as_mut().unwrap().size = Some(size.into());
    }
    let found = json!({"sizes": [
        {"name": "small", "cpu": "1.5", "passed": 3, "failed": 0, "inconclusive": 0, "throughput": "30", "speedup": "1",
            "perCore": "20", "efficiency": "1"},
        {"name": "large", "cpu": "6", "passed": 1, "failed": 2, "inconclusive": 0, "throughput": "96", "speedup": "3.2",
            "perCore": "16", "efficiency": "0.8", "limit": "http_req_failed rate < 1%"},
    ]});
    record.scalability = Some(serde_json::from_value(found).unwrap());
    record
}
