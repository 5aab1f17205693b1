//! Network addresses, which are held as Postgres shows them, and equality of such types.

use super::Kind::*;
use super::compare::{equal, not_equal};
use super::{Definition, lift, partial, total};
use crate::expr::EvalError;
use crate::value::text::Network;

type Result<X> = std::result::Result<X, EvalError>;

macro_rules! addresses {
    ($($kind:ident: $is_cidr:literal),*) => {
        &[
            total("=", &[Canonical, Canonical], Bool, equal),
            total("<>", &[Canonical, Canonical], Bool, not_equal),
            partial("<<", &[Inet, Cidr], Bool, lift!(|a: &str, b: &str| within(a, b, true))),
            partial("<<=", &[Inet, Cidr], Bool, lift!(|a: &str, b: &str| within(a, b, false))),
            partial(">>", &[Cidr, Inet], Bool, lift!(|a: &str, b: &str| within(b, a, true))),
            partial(">>=", &[Cidr, Inet], Bool, lift!(|a: &str, b: &str| within(b, a, false))),
            // Beside an `inet`, a `cidr` is one.
            $(total("=", &[$kind, $kind], Bool, equal),
            total("<>", &[$kind, $kind], Bool, not_equal),
            partial("<<", &[$kind, $kind], Bool, lift!(|a: &str, b: &str| within(a, b, true))),
            partial("<<=", &[$kind, $kind], Bool, lift!(|a: &str, b: &str| within(a, b, false))),
            partial(">>", &[$kind, $kind], Bool, lift!(|a: &str, b: &str| within(b, a, true))),
            partial(">>=", &[$kind, $kind], Bool, lift!(|a: &str, b: &str| within(b, a, false))),
            partial("&&", &[$kind, $kind], Bool, lift!(|a: &str, b: &str| {
                let (a, b) = (read(a)?, read(b)?);
                Ok(a.holds(&b) || b.holds(&a))
            })),
            partial("host", &[$kind], Text, lift!(|a: &str| Ok(read(a)?.host()))),
            partial("family", &[$kind], Int4, lift!(|a: &str| Ok(if read(a)?.six { 6 } else { 4 }))),
            partial("masklen", &[$kind], Int4, lift!(|a: &str| Ok(i32::from(read(a)?.bits)))),
            partial("network", &[$kind], Cidr, lift!(|a: &str| {
                Ok(read(a)?.whole().shown(true))
            })),
            partial("broadcast", &[$kind], Inet, lift!(|a: &str| {
                let network = read(a)?;
                Ok(Network { address: network.address | network.host_mask(), ..network }.shown(false))
            })),
            partial("netmask", &[$kind], Inet, lift!(|a: &str| {
                let network = read(a)?;
                let all = u128::MAX >> (128 - u32::from(network.most()));
                Ok(Network { address: all & !network.host_mask(), bits: network.most(), ..network }.shown(false))
            })),
            partial("set_masklen", &[$kind, Int4], $kind, lift!(|a: &str, bits: i32| with_bits(a, bits, $is_cidr))),)*
        ]
    };
}

pub(super) static FUNCTIONS: &[Definition] = addresses![Inet: false, Cidr: true];

pub(super) fn read(shown: &str) -> Result<Network> {
    Network::parse(shown).ok_or_else(EvalError::mistyped)
}

/// Whether an address lies in a network, which may be more than it if `strictly`.
fn within(inner: &str, outer: &str, strictly: bool) -> Result<bool> {
    let (inner, outer) = (read(inner)?, read(outer)?);
    Ok(outer.holds(&inner) && !(strictly && outer.bits == inner.bits))
}

/// With another length; -1 is that of a whole address. The bits of a `cidr` behind it are cleared.
fn with_bits(shown: &str, bits: i32, is_cidr: bool) -> Result<String> {
    let network = read(shown)?;
    let bits = if bits == -1 { Some(network.most()) } else { u8::try_from(bits).ok() };
    let Some(bits) = bits.filter(|bits| *bits <= network.most()) else {
        return Err(EvalError::new("22023", "invalid mask length"));
    };
    let network = Network { bits, ..network };
    Ok(if is_cidr { network.whole() } else { network }.shown(is_cidr))
}
