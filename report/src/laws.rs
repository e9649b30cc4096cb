// SPDX-License-Identifier: Apache-2.0
//! The laws of scalability that were fitted to what was measured, in sentences.

use upsurge_crds::v1alpha1::{FittedResult, ScalabilityResult};

/// Both laws, each in a sentence, or why there is none; and why they are to be read with care.
pub(crate) fn fits(found: &ScalabilityResult) -> Vec<String> {
    let usl = found.usl.as_ref().map(|fit| {
        let (contention, coherency) = (figure(&fit.contention), figure(&fit.coherency));
        let peak = fit.peak.as_ref().map(|peak| format!(", beyond {peak} replicas more serve less"));
        let (peak, squared) = (peak.unwrap_or_default(), &fit.r_squared);
        format!("Universal Scalability Law: contention α {contention}, coherency β {coherency}{peak}; R² {squared}")
    });
    let unfitted = found.unfitted.as_ref().map(|why| format!("No Universal Scalability Law: {why}"));
    let amdahl = found.amdahl.as_ref().map(|fit| {
        let limit =
            fit.limit.as_ref().map(|limit| format!(", at most {limit} times what one replica serves"));
        let (limit, squared) = (limit.unwrap_or_default(), &fit.r_squared);
        format!("Amdahl's law: serial share σ {}{limit}; R² {squared}", figure(&fit.serial))
    });
    let doubts = (!found.doubts.is_empty()).then(|| format!("Read with care: {}", found.doubts.join(", ")));
    [usl, unfitted, amdahl, doubts].into_iter().flatten().collect()
}

fn figure(fitted: &FittedResult) -> String {
    format!("{} ({} to {})", fitted.estimate, fitted.low, fitted.high)
}
