// SPDX-License-Identifier: Apache-2.0
//! Reads a configuration, and checks what its types can't say.

use super::{ConcurrencyLimit, Latency, TargetConfig};

impl TargetConfig {
    /// Reads a YAML file's text.
    ///
    /// # Errors
    /// What is wrong and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(Self::default());
        }
        let config: Self = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        config.check()?;
        Ok(config)
    }

    /// What the types can't say.
    ///
    /// # Errors
    /// The first wrong field.
    pub fn check(&self) -> Result<(), String> {
        let rates = self
            .routes
            .iter()
            .enumerate()
            .map(|(index, route)| (format!("routes[{index}].errorRate"), route.error_rate));
        let own = [("errorRate", self.error_rate), ("resetRate", self.reset_rate)];
        for (path, rate) in rates.chain(own.map(|(path, rate)| (path.into(), Some(rate)))) {
            if rate.is_some_and(|rate| !(0.0..=1.0).contains(&rate)) {
                return Err(format!("{path}: must be from 0 to 1"));
            }
        }
        let latencies =
            self.routes.iter().enumerate().filter_map(|(index, route)| {
                Some((format!("routes[{index}].latency"), route.latency.as_ref()?))
            });
        for (path, latency) in latencies.chain([("latency".into(), &self.latency)]) {
            latency.check().map_err(|message| format!("{path}: {message}"))?;
        }
        for (index, route) in self.routes.iter().enumerate() {
            if !route.path.starts_with('/') {
                return Err(format!("routes[{index}].path: {:?} must start with /", route.path));
            }
            if route.json.is_some() && route.body.is_some() {
                return Err(format!("routes[{index}]: has json and body; at most one of them"));
            }
        }
        for (index, freeze) in self.freezes.iter().enumerate() {
            if freeze.every.is_some_and(|every| every <= freeze.lasts) {
                return Err(format!(
                    "freezes[{index}].every: must be longer than the freeze itself, or nothing ever leaves"
                ));
            }
        }
        self.check_peers()?;
        match self.concurrency_limit {
            Some(ConcurrencyLimit { max: 0, .. }) => Err("concurrencyLimit.max: must be at least 1".into()),
            _ => Ok(()),
        }
    }

    fn check_peers(&self) -> Result<(), String> {
        for (path, share) in [("contention", self.contention), ("coherency", self.coherency)] {
            // A share may be above 1, but no latency is without end.
            if !(0.0..=1_000.0).contains(&share) {
                return Err(format!("{path}: must be from 0 to 1000"));
            }
            if share > 0.0 && self.peers.is_none() {
                return Err(format!("{path}: needs peers, the name by which replicas are counted"));
            }
        }
        match &self.peers {
            Some(name) if name.is_empty() || name.contains([':', '/', ' ']) => {
                Err(format!("peers: {name:?} must be a name without a port, as shop-peers"))
            }
            _ => Ok(()),
        }
    }
}

impl Latency {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Uniform { min, max } if max < min => Err(format!("max {max} is less than min {min}")),
            Self::Percentiles(points) if points.is_empty() => {
                Err("percentiles needs at least one point".into())
            }
            Self::Percentiles(points) => {
                let ordered = points.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
                let within = points.iter().all(|(at, _)| (0.0..=100.0).contains(at));
                if ordered && within {
                    Ok(())
                } else {
                    Err("percentiles must rise from 0 to 100, with latencies that don't fall".into())
                }
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_for_peers_needs_a_name_to_count_them_by() {
        let config = TargetConfig::parse("peers: shop-peers\ncontention: 0.05\ncoherency: 0.02").unwrap();
        assert_eq!((config.peers.as_deref(), config.contention), (Some("shop-peers"), 0.05));
        for (text, path) in [
            ("contention: 0.05", "contention: needs peers"),
            ("{peers: a, coherency: -1}", "coherency: must be"),
            ("peers: shop-peers:8080", "peers: "),
            ("peers: ''", "peers: "),
        ] {
            let error = TargetConfig::parse(text).unwrap_err();
            assert!(error.starts_with(path), "{text}: {error}");
        }
    }
}
