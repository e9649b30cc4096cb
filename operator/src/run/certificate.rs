// SPDX-License-Identifier: Apache-2.0
//! Where the collector's certificate comes from: authorities of the operator's own, or a directory.

use kube::Client;
use tokio_util::sync::CancellationToken;

use super::spawn;
use crate::{
    args::Args,
    fence::Fence,
    tls::{Names, Served, files, keeper::Keeper},
};

/// Has a certificate shown until told to stop.
///
/// # Errors
/// When the directory that was named holds none that can be used.
pub fn show(
    args: &Args,
    client: &Client,
    fence: &Fence,
    served: &Served,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let address = args.collector_address().map(|address| address.ip());
    let names = Names::of(&args.collector_url, address)?;
    let (served, stop) = (served.clone(), stop.clone());
    match args.collector_certificate_directory.clone() {
        Some(directory) => {
            files::show(&directory, &names, &served)?;
            spawn(files::watch(directory, names, served, stop));
        }
        None => {
            let place = (args.namespace.as_str(), args.collector_secret.as_str());
            let lifetime = args.collector_authority_lifetime;
            let keeper = Keeper::new(client.clone(), place, names, lifetime, fence.clone(), served);
            spawn(keeper.keep(stop));
        }
    }
    Ok(())
}
