// SPDX-License-Identifier: Apache-2.0
//! Places for those who connect: so many for each address, and so many in all, so that one machine that connects and says
//! nothing keeps nobody out.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// How many places there are.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// In all.
    pub all: usize,
    /// For one address. All runners of a node may share one.
    pub of_one: usize,
}

/// The places; clones share them.
#[derive(Clone, Debug)]
pub struct Places {
    limits: Limits,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// Where there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// For an address.
    Of(IpAddr),
    /// At all.
    All,
}

/// A place; free again when dropped.
#[derive(Debug)]
pub struct Place {
    places: Places,
    address: IpAddr,
}

impl Places {
    /// As many as the limits say.
    pub fn new(limits: Limits) -> Self {
        Self { limits, taken: Arc::default() }
    }

    /// Takes a place for an address.
    ///
    /// # Errors
    /// When there is none.
    pub fn take(&self, address: IpAddr) -> Result<Place, Full> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_this = taken.get(&address).copied().unwrap_or(0);
        if of_this >= self.limits.of_one {
            return Err(Full::Of(address));
        }
        if taken.values().sum::<usize>() >= self.limits.all {
            return Err(Full::All);
        }
        taken.insert(address, of_this + 1);
        Ok(Place { places: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_this) = taken.get_mut(&self.address) {
            *of_this -= 1;
            if *of_this == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const LIMITS: Limits = Limits { all: 20, of_one: 5 };

    fn address(number: usize) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(u32::try_from(number).unwrap()))
    }

    #[test]
    fn one_address_takes_no_more_than_its_share() {
        let places = Places::new(LIMITS);
        let mut held: Vec<Place> = (0..LIMITS.of_one).map(|_| places.take(address(1)).unwrap()).collect();
        assert_eq!(places.take(address(1)).unwrap_err(), Full::Of(address(1)));
        assert!(places.take(address(2)).is_ok(), "another one is not kept out");
        held.pop();
        assert!(places.take(address(1)).is_ok(), "a place that is left is free again");
    }

    #[test]
    fn all_together_take_no_more_than_there_are_and_nothing_is_remembered_of_them() {
        let places = Places::new(LIMITS);
        let held: Vec<Place> = (0..LIMITS.all).map(|number| places.take(address(number)).unwrap()).collect();
        assert_eq!(places.take(address(LIMITS.all)).unwrap_err(), Full::All);
        drop(held);
        assert!(places.taken.lock().unwrap().is_empty());
    }
}
