//! `upsurge run`.
use std::process::ExitCode;

use super::{arguments::RunArguments, exit, manifest};

pub(super) fn run(arguments: &RunArguments) -> ExitCode {
    match manifest::read(&arguments.manifest, arguments.target.as_deref()) {
        Ok(_) => exit::of(upsurge_crds::v1alpha1::Verdict::Error),
        Err(error) => exit::error(error),
    }
}
