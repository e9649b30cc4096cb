//! Places for connections that have not said who they are: so many for each address, and so many in all, so that one
//! machine that connects and says nothing keeps nobody out.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// Most at the same time.
const MOST: usize = 1_024;
/// Most of one address. Runners of one node may share one.
const MOST_OF_ONE: usize = 64;

/// The places; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Places {
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A place; free again when dropped.
#[derive(Debug)]
pub struct Place {
    places: Places,
    address: IpAddr,
}

impl Places {
    /// Takes a place for an address, if there is one.
    pub fn take(&self, address: IpAddr) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.values().sum::<usize>() >= MOST {
            return None;
        }
        let of_this = taken.entry(address).or_default();
        if *of_this >= MOST_OF_ONE {
            return None;
        }
        *of_this += 1;
        Some(Place { places: self.clone(), address })
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

    fn address(number: usize) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(u32::try_from(number).unwrap()))
    }

    #[test]
    fn one_address_takes_no_more_than_its_share() {
        let places = Places::default();
        let mut held: Vec<Place> = (0..MOST_OF_ONE).map(|_| places.take(address(1)).unwrap()).collect();
        assert!(places.take(address(1)).is_none());
        assert!(places.take(address(2)).is_some(), "another one is not kept out");
        held.pop();
        assert!(places.take(address(1)).is_some(), "a place that is left is free again");
    }

    #[test]
    fn all_together_take_no_more_than_there_are_and_nothing_is_remembered_of_them() {
        let places = Places::default();
        let held: Vec<Option<Place>> = (0..MOST).map(|number| places.take(address(number))).collect();
        assert!(held.iter().all(Option::is_some) && places.take(address(MOST)).is_none());
        drop(held);
        assert!(places.taken.lock().unwrap().is_empty());
    }
}
