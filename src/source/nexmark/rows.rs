//! The events as rows, written straight into their encoding; columns that nobody reads are null and cost nothing.

use super::draw::Draw;
use super::house::{self, Clock, Kind};
use crate::value::{Column, Datum, Row, RowBuilder, Time, Type, calendar, encoding};

/// A column: its name and type. None holds a null.
type Declared = (&'static str, Type);

const PERSON: &[Declared] = &[
    ("id", Type::Int8),
    ("name", Type::Text),
    ("email_address", Type::Text),
    ("credit_card", Type::Text),
    ("city", Type::Text),
    ("state", Type::Text),
    ("date_time", Type::Timestamptz),
    ("extra", Type::Text),
];
const AUCTION: &[Declared] = &[
    ("id", Type::Int8),
    ("item_name", Type::Text),
    ("description", Type::Text),
    ("initial_bid", Type::Int8),
    ("reserve", Type::Int8),
    ("date_time", Type::Timestamptz),
    ("expires", Type::Timestamptz),
    ("seller", Type::Int8),
    ("category", Type::Int8),
    ("extra", Type::Text),
];
const BID: &[Declared] = &[
    ("auction", Type::Int8),
    ("bidder", Type::Int8),
    ("price", Type::Int8),
    ("channel", Type::Text),
    ("url", Type::Text),
    ("date_time", Type::Timestamptz),
    ("extra", Type::Text),
];

impl Kind {
    /// All kinds, by position.
    pub(super) const ALL: [Kind; 3] = [Kind::Person, Kind::Auction, Kind::Bid];

    /// The relation's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Person => "person",
            Kind::Auction => "auction",
            Kind::Bid => "bid",
        }
    }

    fn declared(self) -> &'static [Declared] {
        match self {
            Kind::Person => PERSON,
            Kind::Auction => AUCTION,
            Kind::Bid => BID,
        }
    }

    /// The relation's columns.
    pub(super) fn columns(self) -> Vec<Column> {
        self.declared().iter().map(|(name, ty)| Column::new(*name, ty.clone(), false)).collect()
    }

    /// The column that identifies a row, if one does.
    pub(super) fn key(self) -> Option<Vec<usize>> {
        (self != Kind::Bid).then(|| vec![0])
    }
}

/// What an event's size should be on average; what its columns lack is in `extra`.
const PERSON_BYTES: u64 = 200;
const AUCTION_BYTES: u64 = 500;
const BID_BYTES: u64 = 100;

const CITIES: &[&str] =
    &["Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"];
const STATES: &[&str] = &["AZ", "CA", "ID", "OR", "WA", "WY"];
const FIRST_NAMES: &[&str] =
    &["Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"];
const LAST_NAMES: &[&str] = &["Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"];
const HOT_CHANNELS: &[&str] = &["Google", "Facebook", "Baidu", "Apple"];
const CHANNELS: u64 = 10_000;
const FIRST_CATEGORY: u64 = 10;
const CATEGORIES: u64 = 5;
/// Letters from which `extra` is cut.
const LETTERS: usize = 1 << 16;

/// Makes rows.
pub(super) struct Rows {
    clock: Clock,
    draw: Draw,
    /// Whether the column at that position of that kind is read.
    reads: [Vec<bool>; 3],
    letters: String,
    /// Of each channel its name and its address, encoded; the hot ones first.
    channels: Vec<[Vec<u8>; 2]>,
    columns: RowBuilder,
    scratch: (String, Vec<u8>),
}

impl Rows {
    /// Of events with this seed, where `reads` tells which columns of a kind somebody reads.
    pub(super) fn new(clock: Clock, seed: u64, reads: impl Fn(Kind, usize) -> bool) -> Rows {
        let draw = Draw::new(seed);
        let mut letter = draw.part(u64::MAX);
        let letters = (0..LETTERS).map(|_| char::from(b'a' + letter.below(26) as u8)).collect();
        let reads = Kind::ALL.map(|kind| (0..kind.declared().len()).map(|column| reads(kind, column)).collect());
        let channels = channels(draw.part(u64::MAX - 1));
        Rows { clock, draw, reads, letters, channels, columns: RowBuilder::default(), scratch: Default::default() }
    }

    /// The event with this number, which happens at this time.
    pub(super) fn row(&mut self, number: u64, time: Time) -> Row {
        let draw = self.draw.part(number);
        match Kind::of(number) {
            Kind::Person => self.person(number, draw, time),
            Kind::Auction => self.auction(number, draw, time),
            Kind::Bid => self.bid(number, draw, time),
        }
        self.columns.finish()
    }

    fn person(&mut self, number: u64, draw: Draw, time: Time) {
        let Rows { reads, letters, columns, scratch: (text, bytes), .. } = self;
        let reads = |column: usize| reads[0][column];
        // Drawn in any case where others depend on them.
        let (first, last) = (draw.part(1).one_of(FIRST_NAMES), draw.part(2).one_of(LAST_NAMES));
        let (city, state) = (draw.part(3).one_of(CITIES), draw.part(4).one_of(STATES));
        columns.push(&int8(house::person_id(number)));
        let mut put = |column: usize, write: &dyn Fn(&mut String)| {
            text.clear();
            write(text);
            push_text(columns, bytes, reads(column).then_some(text.as_str()));
        };
        put(1, &|text| text.extend([first, " ", last]));
        put(2, &|text| {
            let mut draw = draw.part(5);
            word(&mut draw, 7, ' ', text);
            text.push('@');
            word(&mut draw, 5, ' ', text);
            text.push_str(".com");
        });
        put(3, &|text| card(&mut draw.part(6), text));
        put(4, &|text| text.push_str(city));
        put(5, &|text| text.push_str(state));
        push_time(columns, reads(6).then_some(time));
        // An id, and a card of sixteen digits in four groups; an address has ten letters on average.
        let size = 8 + (first.len() + 1 + last.len() + 13 + 19 + city.len() + state.len()) as u64;
        push_text(columns, bytes, reads(7).then(|| extra(letters, &mut draw.part(7), PERSON_BYTES - size)));
    }

    fn auction(&mut self, number: u64, draw: Draw, time: Time) {
        let Rows { clock, reads, letters, columns, scratch: (text, bytes), .. } = self;
        let reads = |column: usize| reads[1][column];
        columns.push(&int8(house::auction_id(number)));
        for (column, most) in [(1, 20), (2, 100)] {
            text.clear();
            word(&mut draw.part(column), most, ' ', text);
            push_text(columns, bytes, reads(column as usize).then_some(text.as_str()));
        }
        let initial = house::price(&mut draw.part(3));
        push_int8(columns, reads(3).then_some(initial));
        push_int8(columns, reads(4).then(|| initial + house::price(&mut draw.part(4))));
        push_time(columns, reads(5).then_some(time));
        push_time(columns, reads(6).then(|| clock.expires(number, &mut draw.part(5))));
        push_int8(columns, reads(7).then(|| house::seller(number, &mut draw.part(6))));
        push_int8(columns, reads(8).then(|| FIRST_CATEGORY + draw.part(7).below(CATEGORIES)));
        // Six numbers; name and description have 62 letters on average.
        push_text(columns, bytes, reads(9).then(|| extra(letters, &mut draw.part(8), AUCTION_BYTES - 48 - 62)));
    }

    fn bid(&mut self, number: u64, draw: Draw, time: Time) {
        let Rows { reads, letters, channels, columns, scratch: (_, bytes), .. } = self;
        let reads = |column: usize| reads[2][column];
        push_int8(columns, reads(0).then(|| house::auction(number, &mut draw.part(1))));
        push_int8(columns, reads(1).then(|| house::bidder(number, &mut draw.part(2))));
        push_int8(columns, reads(2).then(|| house::price(&mut draw.part(3))));
        if reads(3) || reads(4) {
            let draw = &mut draw.part(4);
            let hot = HOT_CHANNELS.len() as u64;
            let channel = if draw.below(2) > 0 { draw.below(hot) } else { hot + draw.below(CHANNELS) };
            let [name, address] = &channels[channel as usize];
            push_encoded(columns, reads(3).then_some(name));
            push_encoded(columns, reads(4).then_some(address));
        } else {
            columns.push(&Datum::Null);
            columns.push(&Datum::Null);
        }
        push_time(columns, reads(5).then_some(time));
        // Four numbers.
        push_text(columns, bytes, reads(6).then(|| extra(letters, &mut draw.part(5), BID_BYTES - 32)));
    }
}

fn int8(number: u64) -> Datum {
    Datum::Int8(number as i64)
}

fn push_int8(columns: &mut RowBuilder, number: Option<u64>) {
    columns.push(&number.map_or(Datum::Null, int8));
}

fn push_time(columns: &mut RowBuilder, time: Option<Time>) {
    columns.push(&time.map_or(Datum::Null, |time| Datum::Timestamptz(time as i64 - calendar::EPOCH_MICROS)));
}

fn push_encoded(columns: &mut RowBuilder, encoded: Option<&Vec<u8>>) {
    match encoded {
        Some(encoded) => columns.push_encoded(encoded),
        None => columns.push(&Datum::Null),
    }
}

fn push_text(columns: &mut RowBuilder, bytes: &mut Vec<u8>, text: Option<&str>) {
    bytes.clear();
    push_encoded(
        columns,
        text.map(|text| {
            encoding::encode_text(text, bytes);
            &*bytes
        }),
    );
}

/// Three letters or more and fewer than `most`, one of thirteen being `special`; appended without blanks at either end.
fn word(draw: &mut Draw, most: u64, special: char, text: &mut String) {
    const LEAST: u64 = 3;
    let start = text.len();
    for _ in 0..LEAST + draw.below(most - LEAST) {
        let letter = if draw.below(13) == 0 { special } else { char::from(b'a' + draw.below(26) as u8) };
        if letter != ' ' || text.len() > start {
            text.push(letter);
        }
    }
    text.truncate(start + text[start..].trim_end().len());
}

/// Four groups of four digits.
fn card(draw: &mut Draw, text: &mut String) {
    for group in 0..4 {
        if group > 0 {
            text.push(' ');
        }
        for _ in 0..4 {
            text.push(char::from(b'0' + draw.below(10) as u8));
        }
    }
}

/// Letters, `length` on average and up to a fifth more or fewer.
fn extra<'l>(letters: &'l str, draw: &mut Draw, length: u64) -> &'l str {
    let delta = (length as f64 * 0.2).round() as u64;
    let length = (length - delta + draw.below(2 * delta)) as usize;
    let start = draw.below((letters.len() - length) as u64) as usize;
    &letters[start..start + length]
}

/// Names and addresses; of ten addresses of the others nine name a number.
fn channels(mut draw: Draw) -> Vec<[Vec<u8>; 2]> {
    let mut encoded = |name: &str, number: Option<u32>| {
        let mut address = "https://www.nexmark.com/".to_owned();
        for _ in 0..3 {
            word(&mut draw, 5, '_', &mut address);
            address.push('/');
        }
        address.push_str("item.htm?query=1");
        if let Some(number) = number.filter(|_| draw.below(10) > 0) {
            address.push_str(&format!("&channel_id={number}"));
        }
        [name, &address].map(|text| {
            let mut bytes = Vec::new();
            encoding::encode_text(text, &mut bytes);
            bytes
        })
    };
    let hot: Vec<_> = HOT_CHANNELS.iter().map(|name| encoded(name, None)).collect();
    let others = (0..CHANNELS as i32).map(|channel| {
        let number = channel.reverse_bits().unsigned_abs();
        encoded(&format!("channel-{channel}"), Some(number))
    });
    hot.into_iter().chain(others).collect()
}
