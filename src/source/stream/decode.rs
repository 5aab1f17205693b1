//! A record to a row: the values of the stream's columns, and the event time.

use super::config::{Format, Stream, Unit};
use super::debezium::{self, Change};
use super::{csv, epoch, json};
use crate::timeline::UpsertKind;
use crate::value::{Column, Datum, Row, RowBuilder, Time, ValueError, text};

/// From 1970, where times begin, to 2000, where Postgres's timestamps do, in microseconds.
pub(super) const POSTGRES_EPOCH: i128 = 946_684_800_000_000;

/// A row, and its event time if the stream has one.
pub(super) type Decoded = Result<(Row, Option<Time>), ValueError>;

/// A write to a table.
pub(super) struct Write {
    /// The key columns' values, in key order.
    pub(super) key: Row,
    pub(super) kind: UpsertKind,
}

/// Reads records into rows of fixed columns.
pub(super) struct Decoder {
    columns: Vec<Column>,
    event_time: Option<usize>,
    unit: Option<Unit>,
    format: Format,
    /// For values that come in an order: whose value each one is.
    order: Vec<Option<usize>>,
    /// The columns that identify a row of a table.
    key: Vec<usize>,
    builder: RowBuilder,
}

impl Decoder {
    pub(super) fn new(stream: &Stream) -> Decoder {
        let decoder = Decoder::of_columns(stream.columns.clone(), stream.format);
        let key = stream.key.clone().unwrap_or_default();
        Decoder { event_time: stream.event_time, unit: stream.unit, key, ..decoder }
    }

    /// Without an event time.
    pub(super) fn of_columns(columns: Vec<Column>, format: Format) -> Decoder {
        let order = (0..columns.len()).map(Some).collect();
        Decoder {
            columns,
            event_time: None,
            unit: None,
            format,
            order,
            key: Vec::new(),
            builder: RowBuilder::default(),
        }
    }

    /// A record that names the columns of those that follow. A column that may not be null must be named.
    pub(super) fn header(&mut self, record: &[u8]) -> Result<(), ValueError> {
        let Format::Csv { delimiter, .. } = self.format else { return Ok(()) };
        let names = csv::fields(utf8(record)?.trim_start_matches('\u{feff}'), delimiter)?;
        let position = |name: &str| self.columns.iter().position(|column| column.name == name);
        self.order = names.iter().map(|name| position(name.as_deref().unwrap_or_default().trim())).collect();
        let is_missing = |position: &usize| !self.columns[*position].nullable && !self.order.contains(&Some(*position));
        match (0..self.columns.len()).find(is_missing) {
            None => Ok(()),
            Some(position) => {
                let column = &self.columns[position].name;
                Err(ValueError::new("22P04", format!("the header names no column \"{column}\", which is not null")))
            }
        }
    }

    /// Reads a record of the stream's format.
    pub(super) fn decode(&mut self, record: &[u8]) -> Decoded {
        let record = utf8(record)?;
        match self.format {
            // Changes are read by `decode_change`.
            Format::Json | Format::Debezium => {
                let fields = json::fields(&self.columns, record)?;
                self.build(fields, json::value)
            }
            Format::Csv { delimiter, .. } => {
                let values = csv::fields(record, delimiter)?;
                csv::check_length(&values, &self.order, &self.columns)?;
                let mut fields = vec![None; self.columns.len()];
                for (value, position) in values.iter().zip(&self.order) {
                    if let Some(position) = position {
                        fields[*position] = value.as_deref();
                    }
                }
                self.build(fields, plain)
            }
        }
    }

    /// Whether records are changes of a table rather than events.
    pub(super) fn reads_changes(&self) -> bool {
        self.format == Format::Debezium
    }

    /// Reads a record that is a change of a table.
    pub(super) fn decode_change(&mut self, record: &[u8]) -> Result<Option<Write>, ValueError> {
        match debezium::change(utf8(record)?)? {
            Change::Nothing => Ok(None),
            Change::Truncate => Ok(Some(Write { key: Row::default(), kind: UpsertKind::Truncate })),
            Change::Put(row) => {
                let fields = json::fields(&self.columns, row)?;
                let values: Vec<Datum> =
                    (0..fields.len()).map(|position| self.known(&fields, position)).collect::<Result<_, _>>()?;
                let key = Row::pack(self.key.iter().map(|position| &values[*position]));
                Ok(Some(Write { key, kind: UpsertKind::Put(Row::pack(&values)) }))
            }
            Change::Delete(row) => {
                let fields = json::fields(&self.columns, row)?;
                let key: Vec<Datum> =
                    self.key.iter().map(|position| self.known(&fields, *position)).collect::<Result<_, _>>()?;
                Ok(Some(Write { key: Row::pack(&key), kind: UpsertKind::Delete }))
            }
        }
    }

    /// A value of an envelope's row, not null where it may not be.
    fn known(&self, fields: &[Option<&str>], position: usize) -> Result<Datum, ValueError> {
        let column = &self.columns[position];
        let value = fields[position].map_or(Ok(Datum::Null), |raw| debezium::value(column, raw));
        let value = value.map_err(|error| located(column, error))?;
        if value.is_null() && !column.nullable { Err(not_null(column)) } else { Ok(value) }
    }

    /// Reads a record that is names and texts already.
    pub(super) fn decode_fields(&mut self, named: &[(&[u8], &[u8])]) -> Decoded {
        let mut fields = vec![None; self.columns.len()];
        for (name, value) in named {
            if let Some(position) = self.columns.iter().position(|column| column.name.as_bytes() == *name) {
                fields[position] = Some(utf8(value)?);
            }
        }
        self.build(fields, plain)
    }

    /// The row of these values, one per column, read by `read`.
    fn build(
        &mut self,
        fields: Vec<Option<&str>>,
        read: impl Fn(&Column, &str) -> Result<Datum, ValueError>,
    ) -> Decoded {
        let mut event_time = None;
        self.builder.clear();
        for (position, (column, raw)) in self.columns.iter().zip(fields).enumerate() {
            let is_event_time = self.event_time == Some(position);
            let counted = self.unit.filter(|_| is_event_time).zip(raw);
            let value = match counted.and_then(|(unit, raw)| epoch::read(raw.trim_matches('"'), unit)) {
                Some(micros) => micros.and_then(|micros| epoch::timestamp(&column.ty, micros)),
                None => raw.map_or(Ok(Datum::Null), |raw| read(column, raw)),
            };
            let value = value.map_err(|error| located(column, error))?;
            if value.is_null() && !column.nullable {
                return Err(not_null(column));
            }
            if is_event_time {
                event_time = Some(time(&value).map_err(|error| located(column, error))?);
            }
            self.builder.push(&value);
        }
        Ok((self.builder.finish(), event_time))
    }
}

/// A text as the column's input function reads it.
fn plain(column: &Column, raw: &str) -> Result<Datum, ValueError> {
    if raw.contains('\0') {
        return Err(ValueError::new("22021", "a zero byte is no part of a text"));
    }
    text::parse(&column.ty, column.modifier, raw)
}

fn utf8(record: &[u8]) -> Result<&str, ValueError> {
    std::str::from_utf8(record).map_err(|error| ValueError::new("22021", format!("invalid UTF-8: {error}")))
}

fn not_null(column: &Column) -> ValueError {
    ValueError::new("23502", format!("null value in column \"{}\", which is not null", column.name))
}

fn located(column: &Column, error: ValueError) -> ValueError {
    ValueError::new(error.code, format!("column \"{}\": {}", column.name, error.message))
}

/// An event time as a time.
fn time(value: &Datum) -> Result<Time, ValueError> {
    let out_of_range = |what: &str| Err(ValueError::new("22008", format!("an event time must be {what}")));
    match value {
        Datum::Timestamptz(i64::MIN | i64::MAX) | Datum::Timestamp(i64::MIN | i64::MAX) => out_of_range("finite"),
        Datum::Timestamptz(micros) | Datum::Timestamp(micros) => {
            match u64::try_from(i128::from(*micros) + POSTGRES_EPOCH) {
                Ok(time) => Ok(time),
                Err(_) => out_of_range("after 1970"),
            }
        }
        _ => out_of_range("a timestamp"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::stream::config::tests::stream;

    /// What a record of a stream so configured is read as: each value's text, or the error.
    fn read(settings: &str, records: &[&str]) -> Vec<String> {
        let stream =
            stream(&format!("schema = {{ id = 'int not null', note = 'text', at = 'timestamptz' }}\n{settings}"));
        let mut decoder = Decoder::new(&stream);
        let mut shown = vec![];
        for (number, record) in records.iter().enumerate() {
            if number == 0 && matches!(stream.format, Format::Csv { header: Some(true), .. }) {
                shown.extend(decoder.header(record.as_bytes()).err().map(|error| error.to_string()));
                continue;
            }
            shown.push(match decoder.decode(record.as_bytes()) {
                Ok((row, time)) => format!("{:?} {time:?}", row.unpack()),
                Err(error) => error.to_string(),
            });
        }
        shown
    }

    fn row(id: i32, note: Option<&str>, at: Option<i64>) -> Vec<Datum> {
        let note = note.map_or(Datum::Null, Datum::text);
        vec![Datum::Int4(id), note, at.map_or(Datum::Null, Datum::Timestamptz)]
    }

    #[test]
    fn a_refused_record_leaves_nothing_behind() {
        let shown =
            read("", &[r#"{"id": 1, "note": [}"#, r#"{"id": 2, "at": "x"}"#, r#"{"note": "n"}"#, r#"{"id": 3}"#]);
        assert!(shown[0].contains("22P02") && shown[1].contains("column \"at\"") && shown[2].contains("23502"));
        assert_eq!(shown[3], format!("{:?} None", row(3, None, None)));
    }

    #[test]
    fn csv_with_and_without_a_header() {
        let header = read(
            "format = 'csv'\nheader = true\ndelimiter = ';'",
            &["note;other; id", "a;b;1", "\"a;\"\"b\";;2", "\"\";x;3", ";x;4", "a;b", "a;b;1;2"],
        );
        let rows = [(1, Some("a")), (2, Some("a;\"b")), (3, Some("")), (4, None)];
        for (shown, (id, note)) in header.iter().zip(rows) {
            assert_eq!(*shown, format!("{:?} None", row(id, note, None)));
        }
        assert!(header[4].contains("22P04") && header[4].contains("missing data"), "{}", header[4]);
        assert!(header[5].contains("22P04") && header[5].contains("extra data"), "{}", header[5]);
        let missing = read("format = 'csv'\nheader = true", &["note,at"]);
        assert!(missing[0].contains("names no column \"id\""), "{}", missing[0]);
        let plain = read("format = 'csv'\nheader = false", &["1,n,2000-01-01T00:00:00Z", "1,n", "x,,"]);
        assert_eq!(plain[0], format!("{:?} None", row(1, Some("n"), Some(0))));
        assert!(plain[1].contains("missing data for column \"at\"") && plain[2].contains("column \"id\""));
    }

    #[test]
    fn numbers_count_from_1970() {
        let at = POSTGRES_EPOCH as i64 / 1000 + 1;
        let cases = [
            ("ms", format!("{at}"), 1000),
            ("ms", format!("\"{at}\""), 1000),
            ("ms", format!("{at}.5"), 1500),
            ("s", "946684800.25".into(), 250_000),
            ("us", "946684800000007".into(), 7),
            ("ms", "\"2000-01-01T00:00:00.000001Z\"".into(), 1),
        ];
        for (unit, written, micros) in cases {
            let record = format!("{{\"id\": 1, \"at\": {written}}}");
            let shown = read(&format!("event_time = 'at'\nevent_time_unit = '{unit}'"), &[&record]);
            let time = micros as u64 + POSTGRES_EPOCH as u64;
            assert_eq!(shown[0], format!("{:?} {:?}", row(1, None, Some(micros)), Some(time)), "{unit} {written}");
        }
        let far = r#"{"id": 1, "at": 99999999999999999999}"#;
        let before = r#"{"id": 1, "at": -1}"#;
        let csv = read("format = 'csv'\nheader = false\nevent_time = 'at'\nevent_time_unit = 's'", &["1,,946684800"]);
        assert_eq!(csv[0], format!("{:?} {:?}", row(1, None, Some(0)), Some(POSTGRES_EPOCH as u64)));
        for shown in read("event_time = 'at'\nevent_time_unit = 's'", &[far, before]) {
            assert!(shown.contains("22008"), "{shown}");
        }
    }

    #[test]
    fn event_times_lie_after_1970() {
        assert_eq!(time(&Datum::Timestamptz(0)).unwrap(), POSTGRES_EPOCH as u64);
        assert_eq!(time(&Datum::Timestamp(-POSTGRES_EPOCH as i64)).unwrap(), 0);
        for value in [Datum::Timestamptz(-POSTGRES_EPOCH as i64 - 1), Datum::Timestamptz(i64::MAX), Datum::Int8(3)] {
            assert_eq!(time(&value).unwrap_err().code, "22008");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        let mut decoder = Decoder::new(&stream("schema = { a = 'text' }"));
        assert_eq!(decoder.decode(b"{\"\xff\": 1}").unwrap_err().code, "22021");
        assert_eq!(decoder.decode_fields(&[(b"a", b"\xff")]).unwrap_err().code, "22021");
        assert_eq!(decoder.decode_fields(&[(b"a", b"a\0")]).unwrap_err().code, "22021");
        assert_eq!(decoder.decode_fields(&[(b"b", b""), (b"a", b"x")]).unwrap().0.unpack(), [Datum::text("x")]);
    }
}
