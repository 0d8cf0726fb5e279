//! Which addresses are the public Internet's.
//!
//! Of IPv4 everything that the IANA special-purpose registry does not take out of it; of IPv6 only what is assigned
//! as global unicast, less what is special in it: whatever carries an IPv4 address inside would be a way around.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks of IPv4 that are not public: the first address, and how many bits of it count.
const SPECIAL_V4: [(Ipv4Addr, u8); 17] = [
    (Ipv4Addr::UNSPECIFIED, 8),            // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),       // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),    // shared by carriers
    (Ipv4Addr::new(127, 0, 0, 0), 8),      // this machine
    (Ipv4Addr::new(168, 63, 129, 16), 32), // Azure's own, where machines get their secrets
    (Ipv4Addr::new(169, 254, 0, 0), 16),   // this link, and the metadata of clouds
    (Ipv4Addr::new(172, 16, 0, 0), 12),    // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),     // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),   // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),   // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),    // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),      // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),      // reserved
    (Ipv4Addr::BROADCAST, 32),             // everybody here
];

/// What is assigned as global unicast.
const GLOBAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// What is special in it.
const SPECIAL_V6: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments: Teredo, benchmarks, ORCHID
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// Whether an address is one of the public Internet.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|network| holds_v4(*network, address)),
        IpAddr::V6(address) => {
            holds_v6(GLOBAL_V6, address) && !SPECIAL_V6.iter().any(|network| holds_v6(*network, address))
        }
    }
}

fn holds_v4((first, bits): (Ipv4Addr, u8), address: Ipv4Addr) -> bool {
    (first.to_bits() ^ address.to_bits()).leading_zeros() >= u32::from(bits)
}

fn holds_v6((first, bits): (Ipv6Addr, u8), address: Ipv6Addr) -> bool {
    (first.to_bits() ^ address.to_bits()).leading_zeros() >= u32::from(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First and last addresses of what is not public, and forms that hide them.
    const INSIDE: &str = "
        0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 100.100.100.200 127.0.0.1
        127.255.255.255 168.63.129.16 169.254.0.0 169.254.169.254 169.254.170.2 172.16.0.0 172.31.255.255
        192.0.0.0 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.0 192.168.255.255 198.18.0.0 198.19.255.255
        198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
        :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::ffff:0:10.0.0.1 64:ff9b::7f00:1
        64:ff9b::808:808 64:ff9b:1::a00:1 100::1 100:0:0:1::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1
        2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::1 2002:a00:1:: 3fff::1 4000::1 5f00::1 fc00::1 fd00::1
        fd00:ec2::254 fd20:ce::254 fe80::1 fe80::a9fe:a9fe febf::1 fec0::1 ff02::1 ff0e::1";

    /// Neighbours of them on the outside.
    const OUTSIDE: &str = "
        1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 168.63.129.15
        168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0
        192.88.98.1 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.1 203.0.112.1 223.255.255.255
        2001:200::1 2001:4860:4860::8888 2003::1 2606:4700:4700::1111 2a00::1 3fff:1000::1";

    #[test]
    fn what_is_inside_is_not_public() {
        for text in INSIDE.split_whitespace() {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_outside_is_public() {
        for text in OUTSIDE.split_whitespace() {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }
}
