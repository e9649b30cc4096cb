// SPDX-License-Identifier: Apache-2.0
//! Where the leading operator serves runners, as far as this operator knows.
//!
//! The lease is what tells: its holder writes its address there, and all others, who look at it anyway, read it. So a standby
//! can lead runners to the leader without any right on pods. Neither the lease nor the collector knows the other.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use k8s_openapi::api::coordination::v1::Lease;
use upsurge_crds::names::annotations::COLLECTOR_ADDRESS;

/// Where the leader serves runners; clones share it. Nowhere, as long as nobody else is known to lead.
#[derive(Clone, Debug, Default)]
pub struct Leader {
    address: Arc<Mutex<Option<SocketAddr>>>,
}

impl Leader {
    /// Another operator leads there, or it is not known where.
    pub fn set(&self, address: Option<SocketAddr>) {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }

    /// Where another operator leads.
    pub fn get(&self) -> Option<SocketAddr> {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the holder's address into its lease; without one, that of an earlier holder must go.
pub fn write(lease: &mut Lease, address: Option<SocketAddr>) {
    let annotations = lease.metadata.annotations.get_or_insert_default();
    match address {
        Some(address) => drop(annotations.insert(COLLECTOR_ADDRESS.into(), address.to_string())),
        None => drop(annotations.remove(COLLECTOR_ADDRESS)),
    }
}

/// The address of a lease's holder.
pub fn read(lease: &Lease) -> Option<SocketAddr> {
    let holder = lease.spec.as_ref()?.holder_identity.as_deref()?;
    let address = lease.metadata.annotations.as_ref()?.get(COLLECTOR_ADDRESS)?;
    (!holder.is_empty()).then(|| address.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::coordination::v1::LeaseSpec;

    use super::*;

    fn held() -> Lease {
        let spec = LeaseSpec { holder_identity: Some("one".into()), ..LeaseSpec::default() };
        Lease { spec: Some(spec), ..Lease::default() }
    }

    #[test]
    fn what_the_holder_writes_is_what_the_others_read() {
        for text in ["10.0.0.7:8080", "[fd00::7]:8080"] {
            let mut lease = held();
            let address: SocketAddr = text.parse().unwrap();
            write(&mut lease, Some(address));
            assert_eq!(lease.metadata.annotations.as_ref().unwrap()[COLLECTOR_ADDRESS], text);
            assert_eq!(read(&lease), Some(address));
        }
    }

    #[test]
    fn a_lease_that_nobody_holds_or_of_a_holder_without_an_address_leads_nowhere() {
        let mut lease = held();
        assert_eq!(read(&lease), None);
        write(&mut lease, "10.0.0.7:8080".parse().ok());
        let mut given_back = lease.clone();
        given_back.spec.as_mut().unwrap().holder_identity = None;
        assert_eq!(read(&given_back), None);
        // The next holder does not know its own address.
        write(&mut lease, None);
        assert_eq!(read(&lease), None);
        lease.metadata.annotations = Some([(COLLECTOR_ADDRESS.into(), "nonsense".into())].into());
        assert_eq!(read(&lease), None);
    }
}
