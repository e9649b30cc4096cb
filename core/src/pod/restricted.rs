// SPDX-License-Identifier: Apache-2.0
//! The pod security standard *restricted*, held against what a test says itself: whoever may write a test gets no more by it
//! than a restricted pod, also in namespaces that enforce nothing. What it leaves open is filled as the platform team wants,
//! who may loosen it for all.
//!
//! The rules are those of <https://kubernetes.io/docs/concepts/security/pod-security-standards/>.

use k8s_openapi::api::core::v1::{
    AppArmorProfile, Container, PodSecurityContext, SELinuxOptions, SeccompProfile, SecurityContext,
    WindowsSecurityContextOptions,
};
use serde_json::Value;
use upsurge_crds::v1alpha1::RunnerSpec;

use super::{PATH, PodParts};
use crate::field_error::Errors;

/// Why it is refused.
pub(super) const STANDARD: &str = "runner pods keep the pod security standard restricted";
/// Beginning of the annotations that were AppArmor's before it had a field.
const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";
const PROFILES: [&str; 2] = ["RuntimeDefault", "Localhost"];
const SE_LINUX_TYPES: [&str; 5] =
    ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];
/// Those that touch nobody but the pod.
const SYSCTLS: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

pub(super) fn check(runner: &RunnerSpec, parts: &PodParts, errors: &mut Errors) {
    for (key, value) in runner.annotations.iter().filter(|(key, _)| key.starts_with(APP_ARMOR)) {
        if value != "runtime/default" && !value.starts_with("localhost/") {
            refuse(&format!("{PATH}.annotations.{key}"), &format!("can't be {value:?}"), errors);
        }
    }
    if let Some(context) = &parts.security_context {
        of_pod(context, &format!("{PATH}.securityContext"), errors);
    }
    if let Some(context) = &parts.container_security_context {
        of_container(context, &format!("{PATH}.containerSecurityContext"), errors);
    }
    for (index, container) in parts.init_containers.iter().enumerate() {
        let path = format!("{PATH}.initContainers[{index}]");
        init_container(container, &path, errors);
    }
}

fn refuse(path: &str, what: &str, errors: &mut Errors) {
    errors.add(path, format_args!("{what}: {STANDARD}"));
}

/// What both kinds of context have.
struct Both<'a> {
    run_as_non_root: Option<bool>,
    run_as_user: Option<i64>,
    seccomp: Option<&'a SeccompProfile>,
    app_armor: Option<&'a AppArmorProfile>,
    se_linux: Option<&'a SELinuxOptions>,
    windows: Option<&'a WindowsSecurityContextOptions>,
}

impl Both<'_> {
    fn check(&self, path: &str, errors: &mut Errors) {
        let mut refuse = |field: &str, what: &str| refuse(&format!("{path}.{field}"), what, errors);
        if self.run_as_non_root == Some(false) {
            refuse("runAsNonRoot", "can't be false");
        }
        if self.run_as_user == Some(0) {
            refuse("runAsUser", "can't be 0");
        }
        let profiles = [
            ("seccompProfile.type", self.seccomp.map(|profile| &profile.type_)),
            ("appArmorProfile.type", self.app_armor.map(|profile| &profile.type_)),
        ];
        for (field, type_) in profiles {
            if let Some(type_) = type_.filter(|type_| !PROFILES.contains(&type_.as_str())) {
                refuse(field, &format!("can't be {type_}"));
            }
        }
        if let Some(options) = self.se_linux {
            if let Some(type_) = options.type_.as_deref().filter(|type_| !SE_LINUX_TYPES.contains(type_)) {
                refuse("seLinuxOptions.type", &format!("can't be {type_}"));
            }
            for (field, value) in [("user", &options.user), ("role", &options.role)] {
                if value.as_ref().is_some_and(|value| !value.is_empty()) {
                    refuse(&format!("seLinuxOptions.{field}"), "can't be set");
                }
            }
        }
        if self.windows.is_some_and(|options| options.host_process == Some(true)) {
            refuse("windowsOptions.hostProcess", "can't be true");
        }
    }
}

fn of_pod(context: &PodSecurityContext, path: &str, errors: &mut Errors) {
    let both = Both {
        run_as_non_root: context.run_as_non_root,
        run_as_user: context.run_as_user,
        seccomp: context.seccomp_profile.as_ref(),
        app_armor: context.app_armor_profile.as_ref(),
        se_linux: context.se_linux_options.as_ref(),
        windows: context.windows_options.as_ref(),
    };
    both.check(path, errors);
    for (index, sysctl) in context.sysctls.iter().flatten().enumerate() {
        if !SYSCTLS.contains(&sysctl.name.as_str()) {
            let what = format!("can't be {}; there are {}", sysctl.name, SYSCTLS.join(", "));
            refuse(&format!("{path}.sysctls[{index}].name"), &what, errors);
        }
    }
}

fn of_container(context: &SecurityContext, path: &str, errors: &mut Errors) {
    let both = Both {
        run_as_non_root: context.run_as_non_root,
        run_as_user: context.run_as_user,
        seccomp: context.seccomp_profile.as_ref(),
        app_armor: context.app_armor_profile.as_ref(),
        se_linux: context.se_linux_options.as_ref(),
        windows: context.windows_options.as_ref(),
    };
    both.check(path, errors);
    let mut refuse = |field: &str, what: &str| refuse(&format!("{path}.{field}"), what, errors);
    for (field, value) in
        [("privileged", context.privileged), ("allowPrivilegeEscalation", context.allow_privilege_escalation)]
    {
        if value == Some(true) {
            refuse(field, "can't be true");
        }
    }
    if let Some(kind) = context.proc_mount.as_deref().filter(|kind| *kind != "Default") {
        refuse("procMount", &format!("can't be {kind}"));
    }
    if let Some(capabilities) = &context.capabilities {
        if !capabilities.drop.iter().flatten().any(|name| name == "ALL") {
            refuse("capabilities.drop", "must have ALL");
        }
        for name in capabilities.add.iter().flatten().filter(|name| *name != "NET_BIND_SERVICE") {
            refuse("capabilities.add", &format!("can't have {name}"));
        }
    }
}

fn init_container(container: &Container, path: &str, errors: &mut Errors) {
    if let Some(context) = &container.security_context {
        of_container(context, &format!("{path}.securityContext"), errors);
    }
    for (index, port) in container.ports.iter().flatten().enumerate() {
        if port.host_port.is_some_and(|port| port != 0) {
            refuse(&format!("{path}.ports[{index}].hostPort"), "can't be set", errors);
        }
    }
    let written = serde_json::to_value(container).unwrap_or_default();
    for field in ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle"] {
        // The kubelet would ask it, from the network of the node.
        if written.get(field).is_some_and(|value| has_field(value, "host")) {
            refuse(&format!("{path}.{field}"), "can't name a host", errors);
        }
    }
}

/// Whether a value has a field somewhere within it.
fn has_field(value: &Value, name: &str) -> bool {
    match value {
        Value::Object(fields) => {
            fields.contains_key(name) || fields.values().any(|value| has_field(value, name))
        }
        Value::Array(items) => items.iter().any(|value| has_field(value, name)),
        _ => false,
    }
}
