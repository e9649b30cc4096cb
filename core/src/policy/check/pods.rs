// SPDX-License-Identifier: Apache-2.0
//! What a test adds to its runner pods, as far as it would get round what the platform team allows: images, Secrets and
//! service accounts that are named there, and names that are resolved otherwise.
//!
//! Two rules mean more than they name, as long as another one does not say it: a container with a command of its own can do
//! what no runner does, also with an image that runners may have; and a service account may read Secrets.

use std::net::IpAddr;

use super::{Checker, Pattern, Rule};
use crate::{
    files::FileKind,
    http::{Forbidden, Reach},
    pod::{PodParts, references},
};

impl Checker<'_> {
    pub(super) fn pods(&mut self, parts: &PodParts) {
        let test = self.test;
        let (own, implying) = (self.rules.init_container_images.clone(), self.rules.runner_images.clone());
        for (index, container) in parts.init_containers.iter().enumerate() {
            let field = format!("spec.runner.initContainers[{index}].image");
            let image = container.image.as_deref().unwrap_or_default();
            self.named(own.as_ref(), implying.as_ref(), "initContainerImages", &field, image);
        }
        let (own, implying) = (self.rules.service_accounts.clone(), self.rules.secret_names.clone());
        if let Some(name) = &test.runner.service_account_name {
            let field = "spec.runner.serviceAccountName";
            self.named(own.as_ref(), implying.as_ref(), "serviceAccounts", field, name);
        }
        if let (Some(rule), Some(name)) =
            (self.rules.priority_classes.clone(), &test.runner.priority_class_name)
        {
            self.pattern(&rule, "spec.runner.priorityClassName", name);
        }
        if let Some(rule) = self.rules.secret_names.clone() {
            let secrets = references(parts).into_iter().filter(|one| one.kind == FileKind::Secret);
            for secret in secrets {
                self.pattern(&rule, &secret.field, &secret.name);
            }
        }
    }

    /// Whether a name is allowed by its rule; without one, whether another rule means that it is not.
    fn named(
        &mut self,
        rule: Option<&Rule<Vec<Pattern>>>,
        implying: Option<&Rule<Vec<Pattern>>>,
        name_of_rule: &str,
        field: &str,
        asked: &str,
    ) {
        match (rule, implying) {
            (Some(rule), _) => self.pattern(rule, field, asked),
            (None, Some(implying)) => {
                let parent = implying.path.rsplit_once('.').map_or("policy.rules", |(parent, _)| parent);
                let allowed = format!(" (none are allowed unless {parent}.{name_of_rule} lists them)");
                self.refuse(implying, field, &format!("asks for {asked:?}"), allowed);
            }
            (None, None) => {}
        }
    }

    /// Names have to lead where they do for everybody: else any allowed name would open the way to every address.
    pub(super) fn names(&mut self, parts: &PodParts, reach: &Reach) {
        for (index, alias) in parts.host_aliases.iter().enumerate() {
            // What is no address, the API server refuses.
            let Ok(address) = alias.ip.parse::<IpAddr>() else { continue };
            if let Err(forbidden) = reach.redirected(address) {
                let field = format!("spec.runner.hostAliases[{index}].ip");
                self.forbidden(&field, &format!("sends a name to {address}"), &forbidden);
            }
        }
        let Some(dns) = &parts.dns_config else { return };
        // Where networks are limited too, it is the address that counts, wherever it comes from.
        for (index, server) in dns.nameservers.iter().flatten().enumerate() {
            let Ok(address) = server.parse::<IpAddr>() else { continue };
            if let Err(forbidden @ Forbidden::Host(_)) = reach.redirected(address) {
                let field = format!("spec.runner.dnsConfig.nameservers[{index}]");
                self.forbidden(&field, &format!("has names resolved by {address}"), &forbidden);
            }
        }
        for (index, domain) in dns.searches.iter().flatten().enumerate() {
            let domain = domain.trim_end_matches('.');
            if let Err(forbidden @ Forbidden::Host(_)) = reach.host(&format!("name.{domain}")) {
                let field = format!("spec.runner.dnsConfig.searches[{index}]");
                self.forbidden(&field, &format!("leads names to {domain}"), &forbidden);
            }
        }
    }
}
