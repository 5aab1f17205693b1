//! The auction house: which event has which number, which ids there are by then, and when it happens.
//!
//! Of fifty events the first is a person who registers, the next three are auctions that open, the others bids. Ids follow
//! from an event's number. Half of the bids are for the hot auction, and three quarters of the auctions and bids come from the
//! hot seller and the hot bidder, who change with every hundredth auction or person; the others are spread over those of late,
//! and a few that are yet to come.

use super::draw::Draw;
use crate::value::Time;

const PERSONS: u64 = 1;
const AUCTIONS: u64 = 3;
/// Events after which the kinds come again.
const ROUND: u64 = 50;

const FIRST_PERSON: u64 = 1000;
const FIRST_AUCTION: u64 = 1000;
/// Hot ids change after so many.
const HOT_EVERY: u64 = 100;
const ACTIVE_PERSONS: u64 = 1000;
const OPEN_AUCTIONS: u64 = 100;
/// Ids so far ahead may occur before what they name.
const LEAD: u64 = 10;

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Person,
    Auction,
    Bid,
}

impl Kind {
    /// Of the event with this number.
    pub(super) fn of(number: u64) -> Kind {
        match number % ROUND {
            ..PERSONS => Kind::Person,
            offset if offset < PERSONS + AUCTIONS => Kind::Auction,
            _ => Kind::Bid,
        }
    }
}

/// The last person who has registered when the event with this number happens, from 0: a round begins with its only one.
fn last_person(number: u64) -> u64 {
    number / ROUND * PERSONS
}

/// How many auctions have opened, the event itself included.
fn auctions(number: u64) -> u64 {
    let offset = number % ROUND;
    number / ROUND * AUCTIONS + (offset + 1).saturating_sub(PERSONS).min(AUCTIONS)
}

/// The id of the person who registers.
pub(super) fn person_id(number: u64) -> u64 {
    FIRST_PERSON + last_person(number)
}

/// The id of the auction that opens.
pub(super) fn auction_id(number: u64) -> u64 {
    FIRST_AUCTION + auctions(number).saturating_sub(1)
}

/// Who sells.
pub(super) fn seller(number: u64, draw: &mut Draw) -> u64 {
    match draw.below(4) {
        0 => some_person(number, draw),
        _ => FIRST_PERSON + last_person(number) / HOT_EVERY * HOT_EVERY,
    }
}

/// Who bids. The hot bidder is not the hot seller.
pub(super) fn bidder(number: u64, draw: &mut Draw) -> u64 {
    match draw.below(4) {
        0 => some_person(number, draw),
        _ => FIRST_PERSON + last_person(number) / HOT_EVERY * HOT_EVERY + 1,
    }
}

fn some_person(number: u64, draw: &mut Draw) -> u64 {
    let persons = last_person(number) + 1;
    let active = persons.min(ACTIVE_PERSONS);
    FIRST_PERSON + persons - active + draw.below(active + LEAD)
}

/// The auction of a bid.
pub(super) fn auction(number: u64, draw: &mut Draw) -> u64 {
    let last = auctions(number).saturating_sub(1);
    match draw.below(2) {
        0 => {
            let first = last.saturating_sub(OPEN_AUCTIONS);
            FIRST_AUCTION + first + draw.below(last - first + 1 + LEAD)
        }
        _ => FIRST_AUCTION + last / HOT_EVERY * HOT_EVERY,
    }
}

/// A price in cents, from 100 on; each power of ten up to 10⁸ is as frequent as the others.
pub(super) fn price(draw: &mut Draw) -> u64 {
    (10f64.powf(draw.share() * 6.0) * 100.0).round() as u64
}

/// When events happen: a grid of milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// The time of the first event.
    pub(super) base: Time,
    /// Events per second.
    pub(super) rate: u64,
}

impl Clock {
    /// Milliseconds from the first event to this one.
    pub(super) fn millisecond(self, number: u64) -> u64 {
        narrow(u128::from(number) * 1000 / u128::from(self.rate))
    }

    /// The number of the first event of this millisecond, or after it.
    pub(super) fn first_of(self, millisecond: u64) -> u64 {
        narrow((u128::from(millisecond) * u128::from(self.rate)).div_ceil(1000))
    }

    /// The time of a millisecond.
    pub(super) fn time(self, millisecond: u64) -> Time {
        self.base.saturating_add(millisecond.saturating_mul(1000))
    }

    /// When the auction of this event closes: on average when as many others have opened as are open at a time.
    pub(super) fn expires(self, number: u64, draw: &mut Draw) -> Time {
        let opened = self.millisecond(number);
        let horizon = self.millisecond(number + OPEN_AUCTIONS * ROUND / AUCTIONS) - opened;
        self.time(opened + 1 + draw.below((2 * horizon).max(1)))
    }
}

fn narrow(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_from_the_number() {
        let mut next = (FIRST_PERSON, FIRST_AUCTION);
        for number in 0..10_000 {
            match Kind::of(number) {
                Kind::Person => {
                    assert_eq!(person_id(number), next.0);
                    next.0 += 1;
                }
                Kind::Auction => {
                    assert_eq!(auction_id(number), next.1);
                    next.1 += 1;
                }
                Kind::Bid => {
                    let draw = &mut Draw::new(number);
                    assert!((next.1.saturating_sub(110)..next.1 + LEAD).contains(&auction(number, draw)));
                    let (seller, bidder) = (seller(number, draw), bidder(number, draw));
                    assert!(seller.max(bidder) < next.0 + LEAD && seller.min(bidder) >= FIRST_PERSON);
                }
            }
        }
        assert_eq!(next, (FIRST_PERSON + 200, FIRST_AUCTION + 600));
    }

    #[test]
    fn a_millisecond_begins_with_its_first_event() {
        for rate in [1, 3, 999, 1000, 1001, 10_000, 123_457, 10_000_000] {
            let clock = Clock { base: 0, rate };
            for number in (0..5000).chain([u64::from(u32::MAX)]) {
                let millisecond = clock.millisecond(number);
                let first = clock.first_of(millisecond);
                assert!(first <= number && clock.millisecond(first) == millisecond, "{number} at {rate}");
                assert!(first == 0 || clock.millisecond(first - 1) < millisecond);
                assert!(clock.first_of(millisecond + 1) > number);
            }
        }
    }
}
