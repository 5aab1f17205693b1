//! Network addresses: `inet`, `cidr` and `macaddr`, whose values are kept as Postgres shows them.

use super::super::{OpaqueType, ValueError};
use std::borrow::Cow;
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

/// An address, and how many of its leading bits are the network's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Whether it is one of IPv6.
    pub six: bool,
    /// How many bits are the network's.
    pub bits: u8,
    /// The address's bits, the last one lowest.
    pub address: u128,
}

impl Network {
    /// An `inet` from text: an address without a length is whole, and one of IPv4 with a length may lack octets.
    pub fn parse(input: &str) -> Option<Network> {
        let (address, bits) = match input.split_once('/') {
            Some((address, bits)) => (address, Some(length(bits)?)),
            None => (input, None),
        };
        let (six, address, given) = match address.contains(':') {
            true => (true, u128::from(address.parse::<Ipv6Addr>().ok()?), 128),
            false => octets(address).map(|(address, count)| (false, u128::from(address), 8 * count))?,
        };
        let most = if six { 128 } else { 32 };
        let bits = bits.or((given == most).then_some(most))?;
        // What is not written is not the network's.
        (bits <= most && bits / 8 * 8 <= given).then_some(Network { six, bits: bits as u8, address })
    }

    /// How many bits an address has.
    pub fn most(&self) -> u8 {
        if self.six { 128 } else { 32 }
    }

    /// The bits that are not the network's.
    pub fn host_mask(&self) -> u128 {
        let all = u128::MAX >> (128 - u32::from(self.most()));
        all.checked_shr(self.bits.into()).unwrap_or(0)
    }

    /// The network alone.
    pub fn whole(&self) -> Network {
        Network { address: self.address & !self.host_mask(), ..*self }
    }

    /// Whether the other address lies in this network.
    pub fn holds(&self, other: &Network) -> bool {
        self.six == other.six && self.bits <= other.bits && (self.address ^ other.address) & !self.host_mask() == 0
    }

    /// As Postgres shows it: an `inet` without the length of a whole address.
    pub fn shown(&self, is_cidr: bool) -> String {
        let mut out = self.host();
        if is_cidr || self.bits != self.most() {
            // Writing to a string cannot fail.
            let _ = write!(out, "/{}", self.bits);
        }
        out
    }

    /// The address alone.
    pub fn host(&self) -> String {
        let low = Ipv4Addr::from(self.address as u32);
        match self.six {
            false => low.to_string(),
            // Ninety-six zeros, of which the last word is not part of a longer run.
            true if self.address >> 32 == 0 && self.address >> 16 != 0 => format!("::{low}"),
            true => Ipv6Addr::from(self.address).to_string(),
        }
    }
}

/// Digits and nothing else.
fn length(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.len() < 10 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// The first octets of an address, and how many there are.
fn octets(text: &str) -> Option<(u32, u32)> {
    let (mut address, mut count) = (0, 0);
    for part in text.split('.') {
        let octet = length(part).filter(|octet| *octet < 256 && count < 4)?;
        count += 1;
        address |= octet << (32 - 8 * count);
    }
    Some((address, count))
}

/// A network of IPv4 of which only the first octets are written: it is as long as they are, and as its class.
fn classful(input: &str) -> Option<Network> {
    let (address, count) = octets(input)?;
    let of_class = match address >> 24 {
        224 if count == 1 => 4,
        0..128 | 224..240 => 8,
        128..192 => 16,
        192..224 => 24,
        _ => 32,
    };
    Some(Network {
        six: false,
        bits: of_class.max(if count == 1 { 0 } else { 8 * count as u8 }),
        address: address.into(),
    })
}

/// Six bytes, in any form that Postgres reads.
fn hardware(input: &str) -> Option<String> {
    let input = input.trim_matches(super::is_space);
    let separator = input.chars().find(|c| matches!(c, ':' | '-' | '.'));
    let groups: Vec<&str> = separator.map_or(vec![input], |separator| input.split(separator).collect());
    let width = match (groups.len(), separator) {
        (6, Some(':' | '-')) => 2,
        (3, Some('.' | '-')) => 4,
        (2, Some(':' | '-')) => 6,
        (1, None) => 12,
        _ => return None,
    };
    let is_group = |group: &&str| {
        let fits = group.len() == width || (width == 2 && group.len() == 1);
        fits && group.bytes().all(|b| b.is_ascii_hexdigit())
    };
    if !groups.iter().all(is_group) {
        return None;
    }
    let digits: String = groups.iter().map(|group| format!("{group:0>2}").to_ascii_lowercase()).collect();
    let bytes: Vec<&str> = (0..6).map(|at| &digits[2 * at..2 * at + 2]).collect();
    Some(bytes.join(":"))
}

/// Text of a type that is kept as Postgres shows it. Of other types than these it has to be shown so already.
pub(super) fn read<'i>(ty: &OpaqueType, input: &'i str) -> Result<Cow<'i, str>, ValueError> {
    match ty.name.as_str() {
        "inet" | "cidr" | "macaddr" => canonical(ty, input).map(Cow::Owned),
        _ => Ok(Cow::Borrowed(input)),
    }
}

/// A literal of a type whose values are kept as text, as Postgres would show it.
pub fn canonical(ty: &OpaqueType, input: &str) -> Result<String, ValueError> {
    let wrong = || ValueError::syntax(&ty.name, input);
    match ty.name.as_str() {
        "inet" => Network::parse(input).map(|network| network.shown(false)).ok_or_else(wrong),
        "cidr" => {
            let network = Network::parse(input).or_else(|| classful(input)).ok_or_else(wrong)?;
            match network.address & network.host_mask() {
                0 => Ok(network.shown(true)),
                _ => Err(ValueError::new("22P02", format!("invalid cidr value: \"{input}\""))),
            }
        }
        "macaddr" => hardware(input).ok_or_else(wrong),
        name => Err(ValueError::new("0A000", format!("a literal of type {name} is not supported yet"))),
    }
}
