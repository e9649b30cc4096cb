// SPDX-License-Identifier: Apache-2.0
//! What connections need of the system: file descriptors and local ports.

use std::{collections::BTreeMap, fs, io};

/// State of a listening socket in the kernel's tables: it has no peer.
const LISTENING: &str = "0A";

/// Whether an error says that there are no file descriptors left, here or on the whole system.
pub fn is_exhausted(error: &io::Error) -> bool {
    // EMFILE and ENFILE have no kind of their own.
    error.raw_os_error().is_some_and(|code| [24, 23].contains(&code))
}

/// File descriptors that this process may still open; `None` where the system does not tell.
pub(super) fn files_left() -> Option<u64> {
    let open = match fs::read_dir("/proc/self/fd") {
        Ok(open) => open.count() as u64,
        // To look takes one, too.
        Err(error) if is_exhausted(&error) => return Some(0),
        Err(_) => return None,
    };
    // One of them was the directory itself.
    Some(limit()?.saturating_sub(open.saturating_sub(1)))
}

#[cfg(target_os = "linux")]
fn limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(not(target_os = "linux"))]
fn limit() -> Option<u64> {
    None
}

/// Lets this process open as many files as the system allows: each user may have a connection.
pub fn raise_file_limit() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        // Without more rights it stays as it is, and running out of them is reported.
        if current != maximum {
            let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        }
    }
}

/// Local ports that are left for connections to the address that has most; `None` where the system does not tell.
///
/// A port can be used again for another address. The tables of all sockets are long when it matters, so they are
/// read only if the sums say that it might.
pub(super) fn ports_left() -> Option<u64> {
    let (first, last) = range(&fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?)?;
    let all = u64::from(last.saturating_sub(first)) + 1;
    let sums = ["/proc/self/net/sockstat", "/proc/self/net/sockstat6"].map(fs::read_to_string);
    let used: u64 = sums.iter().flatten().filter_map(|text| sockets(text)).sum();
    if used <= all / 2 {
        return Some(all - used);
    }
    let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].map(fs::read_to_string);
    let mut peers = BTreeMap::new();
    tables.iter().flatten().for_each(|table| count(table, first..=last, &mut peers));
    Some(all.saturating_sub(peers.into_values().max().unwrap_or(0)))
}

fn range(text: &str) -> Option<(u16, u16)> {
    let mut ends = text.split_whitespace().map(str::parse);
    Some((ends.next()?.ok()?, ends.next()?.ok()?))
}

/// Sockets in use and those that wait after their end: `TCP: inuse 5 orphan 0 tw 3 alloc 5 mem 176`.
fn sockets(sockstat: &str) -> Option<u64> {
    let line =
        sockstat.lines().find_map(|line| line.strip_prefix("TCP").and_then(|rest| rest.split_once(':')))?.1;
    let words: Vec<&str> = line.split_whitespace().collect();
    let field = |name: &str| {
        let at = words.iter().position(|word| *word == name)?;
        words.get(at + 1)?.parse::<u64>().ok()
    };
    Some(field("inuse")? + field("tw").unwrap_or(0))
}

/// Counts the sockets with a local port in the range, by peer.
fn count<'a>(table: &'a str, range: std::ops::RangeInclusive<u16>, peers: &mut BTreeMap<&'a str, u64>) {
    for line in table.lines().skip(1) {
        let mut fields = line.split_whitespace().skip(1);
        let (Some(local), Some(peer), Some(state)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let port = local.rsplit_once(':').and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
        if state != LISTENING && port.is_some_and(|port| range.contains(&port)) {
            *peers.entry(peer).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, net::TcpListener};

    use super::*;

    #[test]
    fn open_files_and_connections_are_missing_from_what_is_left() {
        // Other tests open and close files meanwhile, but not a thousand.
        let before = files_left().unwrap();
        let files: Vec<File> = (0..1_000).map_while(|_| File::open("/dev/null").ok()).collect();
        let after = files_left().unwrap();
        assert!(before - after > 500, "{before} before, {after} after opening {}", files.len());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ports = ports_left().unwrap();
        assert!(ports > 0 && ports < 65_536, "{ports} with {listener:?}");
    }

    #[test]
    fn the_kernels_tables_are_read() {
        assert_eq!(range("32768\t60999\n"), Some((32_768, 60_999)));
        let sockstat = "sockets: used 48\nTCP: inuse 5 orphan 0 tw 3 alloc 5 mem 176\nUDP: inuse 0 mem 0\n";
        assert_eq!(sockets(sockstat), Some(8));
        assert_eq!(sockets("TCP6: inuse 2\nUDP6: inuse 0\n"), Some(2));
        let table = "  sl  local_address rem_address   st tx_queue\n\
            0: 00000000:9C40 00000000:0000 0A 0\n\
            1: 0100007F:9C41 0100007F:1F90 01 0\n\
            2: 0100007F:9C42 0100007F:1F90 06 0\n\
            3: 0100007F:9C42 0200007F:1F90 01 0\n\
            4: 0100007F:1F90 0100007F:9C41 01 0\n";
        let mut peers = BTreeMap::new();
        count(table, 32_768..=60_999, &mut peers);
        assert_eq!(peers, BTreeMap::from([("0100007F:1F90", 2), ("0200007F:1F90", 1)]));
    }
}
