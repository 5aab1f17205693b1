//! Values against a real Postgres: what it reads, shows, orders and computes is what this crate's values do.
//!
//! Every case goes through one door: Postgres evaluates an expression over generated text, and says a text or an SQLSTATE;
//! ours must say the same.

use crate::support::postgres::{Database, Postgres};
use crate::support::random::{Random, seed, setting};
use std::sync::Arc;
use tidegate::value::calendar;
use tidegate::value::numeric::Numeric;
use tidegate::value::zone::Zone;
use tidegate::value::{Column, Datum, EnumType, Interval, Row, Type, ValueError, json, key, text};

/// How many generated values each type is tried with.
fn count() -> usize {
    setting("TIDEGATE_TEST_VALUES", 1000)
}

/// Postgres's answer: the shown text, or the SQLSTATE and message.
type Answer = Result<String, (String, String)>;

/// The labels of the enum.
const MOODS: &str = "sad|ok|happy|very happy";

const JUDGES: &str = r#"
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy', 'very happy');
CREATE FUNCTION read_value(type text, input text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE shown text; form text;
BEGIN
  EXECUTE CASE WHEN type IN ('json', 'jsonb')
    THEN format('SELECT v::text, to_jsonb(v)::text FROM (SELECT %L::%s AS v) AS x', input, type)
    ELSE format('SELECT format(''%%s'', v), to_jsonb(v)::text FROM json_to_record(json_build_object(''v'', %L::text)) AS r(v %s)', input, type)
  END INTO shown, form;
  RETURN ARRAY['', shown, form];
EXCEPTION WHEN OTHERS THEN RETURN ARRAY[SQLSTATE, SQLERRM, NULL];
END $$;
CREATE FUNCTION compute(expression text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE shown text;
BEGIN
  EXECUTE 'SELECT (' || expression || ')::text' INTO shown;
  RETURN ARRAY['', shown];
EXCEPTION WHEN OTHERS THEN RETURN ARRAY[SQLSTATE, SQLERRM];
END $$;
"#;

fn database() -> Database {
    let database = Postgres::fifteen().create_database();
    database.execute(JUDGES);
    database.execute("SET datestyle TO 'ISO, YMD'");
    database
}

fn quote(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn column(row: &[Option<String>], position: usize) -> String {
    row[position].clone().unwrap_or_default()
}

/// Text and `to_jsonb` of each input read as this type.
fn read(database: &Database, type_name: &str, inputs: &[String]) -> Vec<(Answer, String)> {
    let mut answers = Vec::new();
    for part in inputs.chunks(500) {
        let list = part.iter().map(|t| quote(t)).collect::<Vec<_>>().join(",");
        let type_name = quote(type_name);
        let rows = database.query_text(&format!(
            "SELECT r[1], r[2], r[3] FROM (SELECT read_value({type_name}, t) AS r, i \
             FROM unnest(ARRAY[{list}]::text[]) WITH ORDINALITY AS u(t, i)) AS x ORDER BY i"
        ));
        answers.extend(rows.iter().map(|row| (answer(row), column(row, 2))));
    }
    answers
}

fn compute(database: &Database, expressions: &[String]) -> Vec<Answer> {
    let mut answers = Vec::new();
    for part in expressions.chunks(500) {
        let list = part.iter().map(|t| quote(t)).collect::<Vec<_>>().join(",");
        let rows = database.query_text(&format!(
            "SELECT r[1], r[2] FROM (SELECT compute(t) AS r, i FROM unnest(ARRAY[{list}]::text[]) \
             WITH ORDINALITY AS u(t, i)) AS x ORDER BY i"
        ));
        answers.extend(rows.iter().map(|row| answer(row)));
    }
    answers
}

fn answer(row: &[Option<String>]) -> Answer {
    match column(row, 0).as_str() {
        "" => Ok(column(row, 1)),
        code => Err((code.to_owned(), column(row, 1))),
    }
}

fn ours(result: Result<String, ValueError>) -> Answer {
    result.map_err(|error| (error.code.to_owned(), error.message))
}

fn shown(value: &Datum) -> String {
    let mut out = String::new();
    text::write(value, &mut out);
    out
}

/// Fails with all differences, not only the first.
fn report(what: &str, differences: Vec<String>) {
    let total = differences.len();
    let first = differences.into_iter().take(40).collect::<Vec<_>>().join("\n");
    assert!(total == 0, "{what}: {total} differences\n{first}");
}

/// Reads every input both ways and compares text, JSON, errors and both round trips. Gives the values read.
fn check_type(database: &Database, ty: &Type, type_name: &str, modifier: i32, inputs: &[String]) -> Vec<Datum> {
    let (mut differences, mut values) = (Vec::new(), Vec::new());
    for (input, (theirs, their_json)) in inputs.iter().zip(read(database, type_name, inputs)) {
        let value = text::parse(ty, modifier, input);
        let mine = ours(value.as_ref().map(shown).map_err(Clone::clone));
        if mine != theirs {
            differences.push(format!("{input:?}: Postgres {theirs:?}, ours {mine:?}"));
            continue;
        }
        let Ok(value) = value else { continue };
        let mut my_json = String::new();
        json::write_value(&value, &mut my_json);
        if my_json != their_json {
            differences.push(format!("{input:?} as JSON: Postgres {their_json}, ours {my_json}"));
        }
        let again = text::parse(ty, modifier, &shown(&value)).map(|v| shown(&v));
        if again.as_ref() != Ok(&shown(&value)) {
            differences.push(format!("{input:?} read back: {again:?}"));
        }
        let row = Row::pack([&value, &Datum::Null, &value]);
        let unpacked = row.unpack();
        if !row.check(3) || shown(&unpacked[0]) != shown(&value) || shown(&row.column(2)) != shown(&value) {
            differences.push(format!("{input:?} from a row: {unpacked:?}"));
        }
        values.push(value);
    }
    report(type_name, differences);
    values
}

/// Postgres's ranks of the values against the order and equality of our keys.
fn check_order(database: &Database, type_name: &str, values: &[Datum]) {
    let list = values.iter().take(2000).map(|v| quote(&shown(v))).collect::<Vec<_>>().join(",");
    let rows = database.query_text(&format!(
        "SELECT i, rank() OVER (ORDER BY t::{type_name}) FROM unnest(ARRAY[{list}]::text[]) \
         WITH ORDINALITY AS u(t, i) ORDER BY 2"
    ));
    let encode = |value: &Datum| {
        let mut bytes = Vec::new();
        key::encode(value, &mut bytes);
        bytes
    };
    let number = |row: &[Option<String>], i| column(row, i).parse::<usize>().expect("a number");
    let mut differences = Vec::new();
    for pair in rows.windows(2) {
        let (a, b) = (&values[number(&pair[0], 0) - 1], &values[number(&pair[1], 0) - 1]);
        let theirs = number(&pair[0], 1).cmp(&number(&pair[1], 1));
        if encode(a).cmp(&encode(b)) != theirs || a.sql_cmp(b) != theirs {
            differences.push(format!("{} and {}: Postgres {theirs:?}", shown(a), shown(b)));
        }
    }
    report(&format!("order of {type_name}"), differences);
}

/// Cases written side by side.
fn cases(fixed: &str) -> Vec<String> {
    fixed.split('|').map(str::to_owned).collect()
}

/// Fixed cases, then generated ones.
fn inputs(fixed: &str, generate: impl FnMut() -> String) -> Vec<String> {
    let mut all = cases(fixed);
    all.extend(std::iter::repeat_with(generate).take(count()));
    all
}

fn decimal(random: &mut Random) -> String {
    let digits = |random: &mut Random, most: u64| {
        let length = random.below(most + 1);
        (0..length).map(|_| char::from(b'0' + random.below(10) as u8)).collect::<String>()
    };
    let most = *random.pick(&[1, 3, 8, 20, 45]);
    let sign = *random.pick(&["", "", "-"]);
    let whole = format!("{}{}", random.below(10), digits(random, most));
    let fraction = match random.below(3) {
        0 => String::new(),
        1 => format!(".{}{}", "0".repeat(random.below(6) as usize), digits(random, 3)),
        _ => format!(".{}", digits(random, most)),
    };
    let exponent = if random.chance(10) { format!("e{}", random.below(30) as i64 - 15) } else { String::new() };
    format!("{sign}{whole}{}{exponent}", if fraction == "." { "" } else { &fraction })
}

#[test]
fn numbers_read_and_show_as_in_postgres() {
    let database = database();
    let mut random = Random::new(seed(1));
    let fixed = "0|-0|+5| 42 || |1.|.5|1e3|abc|1 2|32768|-32768|2147483648|99999999999999999999";
    for (ty, name) in [(Type::Int2, "smallint"), (Type::Int4, "integer"), (Type::Int8, "bigint")] {
        let values = check_type(
            &database,
            &ty,
            name,
            -1,
            &inputs(fixed, || {
                let shift = random.below(64);
                ((random.next() as i64) >> shift).to_string()
            }),
        );
        check_order(&database, name, &values);
    }
    let fixed = "0|-0|0.00|NaN|nan|Infinity|-infinity|+inf|inf|-NaN|+NaN||.|-|1e|1e5|1E-5|.5|5.|-.5e1|1e400|1e999\
        |1e131072|1e-16383|1e-16384|0e200000|00012.3400| 1 |1 x|1e1000000000|1e1073741824\
        |123456789012345678901234567890123456789012345678901234567890.1234567890|0x10|1_000";
    let numerics = inputs(fixed, || decimal(&mut random));
    let values = check_type(&database, &Type::Numeric, "numeric", -1, &numerics);
    check_order(&database, "numeric", &values);
    for (name, modifier) in [
        ("numeric(10,2)", modifier(10, 2)),
        ("numeric(5,0)", modifier(5, 0)),
        ("numeric(3,-2)", modifier(3, -2)),
        ("numeric(2,5)", modifier(2, 5)),
    ] {
        // Beyond what any numeric can hold Postgres looks at the modifier first.
        let storable: Vec<String> = numerics.iter().filter(|n| Numeric::parse(n).is_ok()).cloned().collect();
        check_type(&database, &Type::Numeric, name, modifier, &storable);
    }
}

/// The modifier of `numeric(precision, scale)`.
fn modifier(precision: i32, scale: i32) -> i32 {
    (precision << 16 | (scale & 0x7FF)) + 4
}

#[test]
fn floats_read_and_show_as_in_postgres() {
    let database = database();
    let mut random = Random::new(seed(2));
    let fixed = "0|-0|1|-1.5|NaN|-nan|inf|-Infinity|1e15|1e14|123456789012345|1234567890123456|1e-4|1e-5|0.0001234\
        |1e308|1e309|-1e309|1e-400|4.9e-324|5e-324|1e-323|2.2250738585072014e-308|3.4e38|3.5e38|1e-45|1e-46\
        |1.17549435e-38|16777216|16777217|1e6|1e5|123456|1234567|5.684341886080801e-14|9007199254740993\
        |18014398509481988|18014398509481986|36028797018963968|144115188075855872|8.41e21\
        |9.5367431640625e-07|2e23|1e23|9e-265|| |x|1x| 1.5 |1.|.5|.|1e|1e+|infinit|1,5|33554432|8388608.5\
        |2147483648";
    let values = check_type(
        &database,
        &Type::Float8,
        "double precision",
        -1,
        &inputs(fixed, || match random.below(4) {
            0 => decimal(&mut random),
            1 => format!("{:e}", 2f64.powi(random.below(2000) as i32 - 1000)),
            2 => ((random.next() >> random.below(11)) as f64).to_string(),
            _ => format!("{:e}", f64::from_bits(random.next())).replace("inf", "1").replace("NaN", "2"),
        }),
    );
    check_order(&database, "double precision", &values);
    let values = check_type(
        &database,
        &Type::Float4,
        "real",
        -1,
        &inputs(fixed, || match random.below(4) {
            0 => decimal(&mut random),
            1 => format!("{:e}", 2f32.powi(random.below(250) as i32 - 125)),
            2 => ((random.next() as u32 >> random.below(10)) as f32).to_string(),
            _ => format!("{:e}", f32::from_bits(random.next() as u32)).replace("inf", "1").replace("NaN", "2"),
        }),
    );
    check_order(&database, "real", &values);
}

fn letters(random: &mut Random) -> String {
    const ALPHABET: [&str; 24] = [
        "a", "b", "Z", " ", "  ", "\"", "\\", "{", "}", ",", "'", "\t", "\n", "\u{1}", "\u{7f}", "é", "漢", "🦀",
        "null", "NULL", "0", "-", "\u{1b}", "/",
    ];
    (0..random.below(8)).map(|_| *random.pick(&ALPHABET)).collect()
}

#[test]
fn strings_read_and_show_as_in_postgres() {
    let database = database();
    let mut random = Random::new(seed(3));
    let fixed = "| |abc|abc  |  abc|abcdef|äöüßé";
    let texts = inputs(fixed, || letters(&mut random));
    for (ty, name, modifier) in [
        (Type::Text, "text", -1),
        (Type::Varchar, "varchar", -1),
        (Type::Varchar, "varchar(5)", 9),
        (Type::Char, "char(5)", 9),
        (Type::Char, "bpchar", -1),
    ] {
        let values = check_type(&database, &ty, name, modifier, &texts);
        check_order(&database, name, &values);
    }
    let fixed = "t|T|true|TRUE|tr|f|fal|yes|y|no|n|on|off|of|o|1|0|2|| true |truee|nope";
    let values = check_type(&database, &Type::Bool, "boolean", -1, &cases(fixed));
    check_order(&database, "boolean", &values);
    let fixed = "|\\x|\\xDEADbeef|\\x0|\\xzz|\\x de ad|\\xd e|abc|a\\000b|a\\\\b|a\\b|\\377|\\400|é";
    let values = check_type(
        &database,
        &Type::Bytea,
        "bytea",
        -1,
        &inputs(fixed, || {
            let bytes: Vec<u8> = (0..random.below(9)).map(|_| *random.pick(&[0, 0, 1, 0x7F, 0xFF, 0x61])).collect();
            shown(&Datum::Bytea(bytes.into()))
        }),
    );
    check_order(&database, "bytea", &values);
    let fixed = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11\
        |{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}|a0eebc999c0b4ef8bb6d6bb9bd380a11\
        |a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1\
        |{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11||a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11-\
        |g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    let values = check_type(
        &database,
        &Type::Uuid,
        "uuid",
        -1,
        &inputs(fixed, || {
            shown(&Datum::Uuid((u128::from(random.next()) << 64 | u128::from(random.next())).to_be_bytes()))
        }),
    );
    check_order(&database, "uuid", &values);
    let labels = cases(MOODS);
    let mood = Type::Enum(Arc::new(EnumType { name: "mood".into(), labels }));
    let values = check_type(&database, &mood, "mood", -1, &cases(&format!("{MOODS}||Sad|sad ")));
    check_order(&database, "mood", &values);
}

fn date(random: &mut Random) -> String {
    let year = *random.pick(&[1u64, 4, 99, 1582, 1600, 1900, 1970, 1999, 2000, 2024, 2038, 9999, 10_000, 294_276]);
    let year = if random.chance(50) { 1900 + random.below(200) } else { year };
    let era = if random.chance(5) && year < 4713 { " BC" } else { "" };
    format!("{year:04}-{:02}-{:02}{era}", 1 + random.below(12), 1 + random.below(31))
}

fn clock(random: &mut Random) -> String {
    let (hour, minute, second) = (random.below(24), random.below(60), random.below(60));
    match random.below(5) {
        0 => format!("{hour:02}:{minute:02}"),
        1 => format!("{hour}:{minute:02}:{second:02}"),
        2 => format!("{hour:02}:{minute:02}:{second:02}.{}", random.below(1000)),
        3 => format!("{hour:02}:{minute:02}:{second:02}.{:06}", random.below(1_000_000)),
        _ => format!("{hour:02}:{minute:02}:{second:02}.{:09}", random.below(1_000_000_000)),
    }
}

fn moment(random: &mut Random) -> String {
    let zone = *random.pick(&[
        "",
        "",
        "Z",
        "+00",
        "-08",
        "+05:30",
        "+0545",
        " UTC",
        " Europe/Berlin",
        " America/New_York",
        " PST",
        " CEST",
        "+12:34:56",
    ]);
    let date = date(random);
    let clock = clock(random);
    match date.strip_suffix(" BC") {
        Some(date) => format!("{date} {clock}{zone} BC"),
        None => format!("{date}{}{clock}{zone}", if random.chance(30) { "T" } else { " " }),
    }
}

const MOMENTS: &str = "infinity|-infinity|epoch|Infinity|inf|| |x|2024-02-29|2023-02-29|2024-13-01|2024-00-10|2024-1-2\
    |2024-01-32|20240102|240102|2024/01/02|2024.01.02|99-01-08|01-02-03|1/8/1999|Jan 8, 1999|January 8, 1999\
    |8 Jan 1999|1999 Jan 8|1999-Jan-08|08-Jan-1999|Jan-08-1999|2024-060|J2451187|0000-01-01|0001-01-01\
    |0001-01-01 BC|4713-01-01 BC|4714-11-24 BC|4714-11-23 BC|4714-11-24 00:00:00 BC\
    |294276-12-31 23:59:59.999999|294277-01-01|5874897-12-31|5874898-01-01|2024-01-01 24:00:00\
    |2024-01-01 24:00:01|2024-01-01 23:59:60|2024-01-01 25:00|2024-01-01 10:60|2024-01-01 10:00 AM\
    |2024-01-01 12:00 AM|2024-01-01 12:30 PM|2024-01-01 13:00 PM|2024-01-01T10:00:00Z|20240102T101112\
    |20240102T101112.5|2024-01-01 10:00:00.9999999|Mon Jan 01 10:00:00 2024|2024-01-01 10:00 Nowhere/Else\
    |2024-01-01 10:00 ABC|2024-01-01 10:00+16|2024-03-10 02:30 America/New_York\
    |2024-11-03 01:30 America/New_York|2024-01-01 10:00 UTC+3|2024-01-01 10:00:00 BC|1-1-1 BC\
    |2024-01-01 01:02:03 2";

#[test]
fn dates_and_times_read_and_show_as_in_postgres() {
    let database = database();
    let mut random = Random::new(seed(4));
    let dates = inputs(MOMENTS, || if random.chance(80) { date(&mut random) } else { moment(&mut random) });
    let values = check_type(&database, &Type::Date, "date", -1, &dates);
    check_order(&database, "date", &values);
    let fixed = "00:00|24:00:00|24:00:00.000001|23:59:60|23:59:59.9999999|10:11:12.1234567|1:2:3|101112|10||x\
        |04:05 PM|12:00 AM|allballs|2024-01-01 10:11|25:00|04:05:06 PST|04:05:06+02|infinity|T10:11:12\
        |04:05:06.";
    let times = inputs(fixed, || clock(&mut random));
    let values = check_type(&database, &Type::Time, "time", -1, &times);
    check_order(&database, "time", &values);
    check_type(&database, &Type::Time, "time(2)", 2, &times);
    let moments = inputs(MOMENTS, || moment(&mut random));
    for (ty, name, modifier) in [
        (Type::Timestamp, "timestamp", -1),
        (Type::Timestamptz, "timestamptz", -1),
        (Type::Timestamp, "timestamp(3)", 3),
        (Type::Timestamptz, "timestamptz(0)", 0),
    ] {
        // Rounding takes Postgres past its own last instant, which it cannot read back.
        let last = |moment: &&String| modifier < 0 || !moment.starts_with("294276-12-31");
        let moments: Vec<String> = moments.iter().filter(last).cloned().collect();
        let values = check_type(&database, &ty, name, modifier, &moments);
        check_order(&database, name, &values);
    }
}

const INTERVALS: &str = "0|1|-1|1.5|1 year|1 year 2 mons -3 days 04:05:06.789|-1 year|1 day -00:00:01|-1 day +02:03:00|1.5 years\
    |1.5 months|1.5 weeks|1.5 days|0.5 day|1.25 hours|1.1 seconds|2.3456789 seconds|1 week|1 decade\
    |1 century|1 millennium|3 ms|3 us|1.5 us|1.5 ms|@ 1 minute ago|1 day ago|1 year 1 day ago|P1Y2M3DT4H5M6S\
    |P1.5Y|PT1.5H|P-1Y|P1W|PT36H|P|| |x|1 x|day|1 day 1 day|1-2|-1-2|1-2 3 04:05:06|+1-2 -3 +4:05:06\
    |100000000 years|178956970 years|178956971 years|2147483647 days|2147483648 days|10:20|10:20:30.5|10:61\
    |1:2.5|5 hours 10 minutes|-5 hours 10 minutes|1 mon 30 days|ago";

fn interval(random: &mut Random) -> String {
    const UNITS: [&str; 12] = [
        "years",
        "months",
        "mons",
        "weeks",
        "days",
        "hours",
        "minutes",
        "secs",
        "milliseconds",
        "microseconds",
        "y",
        "h",
    ];
    let mut fields = Vec::new();
    for unit in UNITS {
        if random.chance(20) {
            let sign = if random.chance(30) { "-" } else { "" };
            let fraction = if random.chance(20) { format!(".{}", random.below(1000)) } else { String::new() };
            fields.push(format!("{sign}{}{fraction} {unit}", random.below(100)));
        }
    }
    if random.chance(30)
        && !fields.iter().any(|f| f.contains("hour") || f.ends_with('h') || f.contains("sec") || f.contains("minute"))
    {
        fields.push(format!("{}{}", if random.chance(30) { "-" } else { "" }, clock(random)));
    }
    let fields: Vec<String> =
        fields.into_iter().filter(|f| !f.ends_with(" y") && !f.ends_with(" h") && !f.ends_with("mons")).collect();
    if fields.is_empty() { "3 days".into() } else { fields.join(" ") }
}

#[test]
fn intervals_read_and_show_as_in_postgres() {
    let database = database();
    let mut random = Random::new(seed(5));
    let all = inputs(INTERVALS, || interval(&mut random));
    let values = check_type(&database, &Type::Interval, "interval", -1, &all);
    check_order(&database, "interval", &values);
    check_type(&database, &Type::Interval, "interval(2)", 0x7FFF << 16 | 2, &all);
}

fn document(random: &mut Random, depth: u64) -> String {
    let space = |random: &mut Random| if random.chance(20) { " " } else { "" };
    let (before, after) = (space(random), space(random));
    let body = match random.below(if depth == 0 { 5 } else { 8 }) {
        0 => (*random.pick(&["null", "true", "false"])).to_owned(),
        1 | 2 => decimal(random).trim_start_matches('0').to_owned(),
        3 | 4 => {
            let mut out = String::new();
            json::write_string(&letters(random), &mut out);
            out.replace('é', "\\u00e9").replace('🦀', "\\ud83e\\udd80")
        }
        5 => {
            let items: Vec<String> = (0..random.below(4)).map(|_| document(random, depth - 1)).collect();
            format!("[{}]", items.join(","))
        }
        _ => {
            let name = |random: &mut Random| *random.pick(&["a", "b", "aa", "ab", "", "é", "zz", "a b"]);
            let members: Vec<String> =
                (0..random.below(5)).map(|_| format!("\"{}\":{}", name(random), document(random, depth - 1))).collect();
            format!("{{{}}}", members.join(","))
        }
    };
    format!("{before}{body}{after}")
}

#[test]
fn json_reads_and_shows_as_in_postgres() {
    let database = database();
    let mut random = Random::new(seed(6));
    let fixed = "null|true|\"\"|[]|{}|1|1.0|1.00|1e2|1E-2|-0|-0.0|0.1e1|01|1.|.1|-|+1|\"\\u0000\"|\"\\u0041\"\
        |\"\\ud83e\"|\"\\ud83e\\udd80\"|\"\\udd80\"|\"\\x\"|\"a|{\"a\":1,\"a\":2}\
        |{\"b\":1,\"aa\":2,\"a\":{}}|{\"a\"}|{a:1}|[1,]|[1 2]|[1,2|| |nul|nulll|truefalse|1 2|\"\t\"\
        |[[[[[]]]]]|1e999|\"\\/\\b\\f\\n\\r\\t\\\"\\\\\"|{\"a\":[1,{\"b\":null}]}|\"\\u00e9\\u12\"";
    let documents = inputs(fixed, || document(&mut random, 3));
    // Postgres words the syntax errors of both types alike; only jsonb looks at what escapes stand for.
    let values = check_type(&database, &Type::Jsonb, "jsonb", -1, &documents);
    check_order(&database, "jsonb", &values);
    let plain: Vec<String> = documents
        .into_iter()
        .filter(|d| !d.contains("\\u0000") && !d.contains("ud83e\"") && !d.contains("\"\\udd80"))
        .collect();
    check_type(&database, &Type::Json, "json", -1, &plain);
}

#[test]
fn arrays_read_and_show_as_in_postgres() {
    let database = database();
    let mut random = Random::new(seed(7));
    let fixed = "{}| {} |{1}|{1,2}|{ 1 , 2 }|{NULL,null,\"NULL\"}|{{1,2},{3,4}}|{{1,2},{3}}|{{},{}}|{1,{2}}|{{1},2}|{\
        |}|{1|{1,}|{,1}|1||{}x|[0:1]={1,2}|[0:1]={1,2,3}|[2:1]={}|[1:1][0:1]={{1,2}}|[-2:-1]={1,2}|[2]={1,2}\
        |{\"a b\",\"c\\\"d\",\"e\\\\f\"}|{a b, c }|{a\\,b}|{\"a\"b}|{\"\"}|{a\\ }|[1:2]{1,2}|{{{{{{1}}}}}}\
        |{{{{{{{1}}}}}}}";
    let text_array = |random: &mut Random| {
        let items: Vec<Datum> = (0..1 + random.below(4))
            .map(|_| if random.chance(10) { Datum::Null } else { Datum::text(letters(random)) })
            .collect();
        let lower = if random.chance(20) { random.below(5) as i32 - 2 } else { 1 };
        let (dimensions, items) = match random.chance(20) {
            true => (vec![(2, lower), (items.len(), 1)], [items.clone(), items].concat()),
            false => (vec![(items.len(), lower)], items),
        };
        shown(&Datum::Array(Arc::new(tidegate::value::Array { element: Type::Text, dimensions, items })))
    };
    let values =
        check_type(&database, &Type::Text.array_of(), "text[]", -1, &inputs(fixed, || text_array(&mut random)));
    check_order(&database, "text[]", &values);
    let list = |random: &mut Random, item: &mut dyn FnMut(&mut Random) -> String| {
        let items: Vec<String> = (0..random.below(4)).map(|_| format!("\"{}\"", item(random))).collect();
        format!("{{{}}}", items.join(","))
    };
    for (element, name, item) in [
        (
            Type::Int4,
            "integer[]",
            &mut (|r: &mut Random| (r.next() as i8).to_string()) as &mut dyn FnMut(&mut Random) -> String,
        ),
        (Type::Numeric, "numeric[]", &mut decimal),
        (Type::Timestamptz, "timestamptz[]", &mut moment),
        (Type::Interval, "interval[]", &mut interval),
        (Type::Float8, "double precision[]", &mut decimal),
    ] {
        let values = check_type(
            &database,
            &element.array_of(),
            name,
            -1,
            &inputs("{}|{NULL}|{\"\"}", || list(&mut random, item)),
        );
        check_order(&database, name, &values);
    }
}

/// A numeric as SQL text.
fn literal(value: &str) -> String {
    format!("'{value}'::numeric")
}

#[test]
fn numerics_compute_as_in_postgres() {
    let database = database();
    let mut random = Random::new(seed(8));
    let (mut expressions, mut results) = (Vec::new(), Vec::new());
    let special = [
        "NaN",
        "Infinity",
        "-Infinity",
        "0",
        "0.00",
        "1",
        "-1",
        "2",
        "10",
        "0.5",
        "99999999999999999999999999999999999999",
        "1e-30",
    ];
    let mut cases: Vec<(String, String)> = Vec::new();
    for a in special {
        cases.extend(special.map(|b| (a.to_owned(), b.to_owned())));
    }
    cases.extend((0..count()).map(|_| (decimal(&mut random), decimal(&mut random))));
    for (a, b) in &cases {
        let (x, y) = (Numeric::parse(a).unwrap(), Numeric::parse(b).unwrap());
        let (a, b) = (literal(a), literal(b));
        let digits = random.below(12) as i32 - 4;
        let mut case = |expression: String, result: Result<Numeric, ValueError>| {
            expressions.push(expression);
            results.push(result.map(|v| v.to_string()));
        };
        case(format!("{a} + {b}"), x.add(&y));
        case(format!("{a} - {b}"), x.sub(&y));
        case(format!("{a} * {b}"), x.mul(&y));
        case(format!("{a} / {b}"), x.div(&y));
        case(format!("{a} % {b}"), x.rem(&y));
        case(format!("div({a}, {b})"), x.div_trunc(&y));
        case(format!("round({a}, {digits})"), Ok(x.round(digits)));
        case(format!("trunc({a}, {digits})"), Ok(x.truncate(digits)));
        case(format!("ceil({a})"), Ok(x.ceil()));
        case(format!("floor({a})"), Ok(x.floor()));
        case(format!("-{a}"), Ok(x.neg()));
        case(format!("abs({a})"), Ok(x.abs()));
        case(format!("trim_scale({a})"), Ok(x.trim_scale()));
        case(format!("sqrt({a})"), x.sqrt());
        expressions.push(format!("{a}::bigint"));
        results.push(x.to_integer::<i64>("bigint").map(|v| v.to_string()));
        expressions.push(format!("{a}::double precision"));
        results.push(x.to_f64().map(|v| shown(&Datum::Float8(v))));
        expressions.push(format!("{a}::real"));
        results.push(x.to_f32().map(|v| shown(&Datum::Float4(v))));
        if let Ok(float) = x.to_f64() {
            expressions.push(format!("{a}::double precision::numeric"));
            results.push(Ok(Numeric::from_f64(float).to_string()));
        }
    }
    compare(&database, &expressions, results);
}

#[test]
fn powers_and_logarithms_are_postgres_s() {
    let database = database();
    let mut random = Random::new(seed(9));
    let (mut expressions, mut results) = (Vec::new(), Vec::new());
    let special =
        ["NaN", "Infinity", "-Infinity", "0", "1", "-1", "2", "-3", "0.5", "-0.5", "10", "1.0000001", "0.99", "3.00"];
    let mut cases: Vec<(String, String)> = Vec::new();
    for a in special {
        cases.extend(special.map(|b| (a.to_owned(), b.to_owned())));
    }
    let small = |random: &mut Random| {
        let sign = if random.chance(20) { "-" } else { "" };
        match random.below(4) {
            0 => format!("{sign}{}", random.below(40)),
            1 => format!("{sign}{}.{}", random.below(30), random.below(1000)),
            2 => format!("{sign}0.{:06}", random.below(1_000_000)),
            _ => format!("{sign}{}.{:03}", random.below(100_000), random.below(1000)),
        }
    };
    cases.extend((0..count() / 10).map(|_| (small(&mut random), small(&mut random))));
    for (a, b) in &cases {
        let (x, y) = (Numeric::parse(a).unwrap(), Numeric::parse(b).unwrap());
        let (a, b) = (literal(a), literal(b));
        let mut case = |expression: String, result: Result<Numeric, ValueError>| {
            expressions.push(expression);
            results.push(result.map(|v| v.to_string()));
        };
        case(format!("power({a}, {b})"), x.power(&y));
        case(format!("log({a}, {b})"), y.log(&x));
        case(format!("ln({a})"), x.ln());
        case(format!("exp({a})"), x.exp());
    }
    compare(&database, &expressions, results);
}

/// Postgres's results of the expressions against ours.
fn compare(database: &Database, expressions: &[String], results: Vec<Result<String, ValueError>>) {
    let theirs = compute(database, expressions);
    let rows = expressions.iter().zip(theirs).zip(results);
    let differences = rows.filter_map(|((expression, theirs), mine)| {
        let mine = ours(mine);
        (mine != theirs).then(|| format!("{expression}: Postgres {theirs:?}, ours {mine:?}"))
    });
    report("computed", differences.collect());
}

#[test]
fn calendar_arithmetic_is_postgres_s() {
    let database = database();
    let mut random = Random::new(seed(10));
    let (mut expressions, mut results) = (Vec::new(), Vec::new());
    for _ in 0..count() / 2 {
        let (moment, length) = (moment(&mut random), interval(&mut random));
        let zone = *random.pick(&["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]);
        let (Ok(Datum::Timestamptz(at)), Ok(Datum::Interval(interval))) =
            (text::parse(&Type::Timestamptz, -1, &moment), text::parse(&Type::Interval, -1, &length))
        else {
            continue;
        };
        let mut case = |expression: String, result: Result<Datum, ValueError>| {
            expressions.push(expression);
            results.push(result.map(|v| shown(&v)));
        };
        let (timestamp, timestamptz) = (shown(&Datum::Timestamp(at)), shown(&Datum::Timestamptz(at)));
        let named = Zone::parse(zone).unwrap();
        case(
            format!("timestamp '{timestamp}' + interval '{length}'"),
            calendar::timestamp_plus(at, interval).map(Datum::Timestamp),
        );
        case(format!("timestamptz '{timestamptz}' AT TIME ZONE '{zone}'"), named.to_local(at).map(Datum::Timestamp));
        case(format!("timestamp '{timestamp}' AT TIME ZONE '{zone}'"), named.to_utc(at).map(Datum::Timestamptz));
        case(format!("(timestamp '{timestamp}')::date"), Ok(Datum::Date(calendar::timestamp_to_date(at))));
        let factor = *random.pick(&[0.5, -1.0, 1.5, 2.0, 0.1, 3.7, -0.33, 7.0, 1e3]);
        case(format!("interval '{length}' * {factor}::float8"), interval.mul(factor).map(Datum::Interval));
        case(format!("interval '{length}' / {factor}::float8"), interval.div(factor).map(Datum::Interval));
        case(format!("justify_hours(interval '{length}')"), interval.justify_hours().map(Datum::Interval));
        case(format!("justify_days(interval '{length}')"), interval.justify_days().map(Datum::Interval));
        case(format!("-(interval '{length}')"), interval.neg().map(Datum::Interval));
        let civil = calendar::Civil::from_days(calendar::split(at).0);
        let (year, week) = civil.iso_week();
        let number = |n: i32| Ok(Datum::Int4(n));
        case(format!("extract(week FROM timestamp '{timestamp}')"), number(week));
        case(format!("extract(isoyear FROM timestamp '{timestamp}')"), number(if year > 0 { year } else { year - 1 }));
        case(format!("extract(doy FROM timestamp '{timestamp}')"), number(civil.day_of_year()));
        case(format!("extract(isodow FROM timestamp '{timestamp}')"), number(calendar::iso_day_of_week(civil.days())));
    }
    compare(&database, &expressions, results);
}

#[test]
fn adding_intervals_in_a_zone_is_postgres_s() {
    let database = database();
    let zone = Zone::parse("America/New_York").unwrap();
    database.execute("SET timezone TO 'America/New_York'; SET datestyle TO 'ISO, YMD'");
    let start = text::parse(&Type::Timestamptz, -1, "2024-03-09 07:30:00+00").unwrap();
    let Datum::Timestamptz(start) = start else { unreachable!("a timestamptz") };
    let (mut expressions, mut results) = (Vec::new(), Vec::new());
    for days in -200..200 {
        let interval = Interval { months: days % 5, days, micros: i64::from(days) * calendar::HOUR / 7 };
        let result = calendar::timestamptz_plus(start, interval, &zone);
        expressions.push(format!(
            "(timestamptz '2024-03-09 07:30:00+00' + '{}'::interval) AT TIME ZONE 'UTC'",
            shown(&Datum::Interval(interval))
        ));
        results.push(result.map(|v| shown(&Datum::Timestamp(v))));
    }
    compare(&database, &expressions, results);
}

#[test]
fn rows_are_json_as_to_jsonb_has_them() {
    let database = database();
    database.execute(
        "CREATE TABLE everything (id int, b bool, i2 int2, f4 float4, f8 float8, n numeric, t text, c char(4), \
         bytes bytea, d date, ti time, ts timestamp, tz timestamptz, iv interval, u uuid, j json, jb jsonb, m mood, \
         a int[], \"a\"\"b\" text, \"Ünï\" int)",
    );
    database.execute(
        "INSERT INTO everything SELECT i, i % 2 = 0, i, i / 7.0, -i / 3.0::float8, round(i / 11.0, i % 20), 'text' || i, 'c', \
         decode(lpad(to_hex(i), 8, '0'), 'hex'), date '2024-01-01' + i, time '00:00' + i * interval '1.5 min', \
         timestamp '2024-01-01' + i * interval '1.000001 s', timestamptz '2024-01-01 00:00+00' - i * interval '1 day 0.1 s', \
         make_interval(months => i % 30, days => -i, secs => i / 3.0), md5(i::text)::uuid, \
         ('{\"b\": ' || i || '.0, \"a\": [1, \"x\"]}')::json, ('{\"b\": ' || i || '.0, \"aa\": null, \"a\": 1}')::jsonb, \
         (ARRAY['sad', 'ok', 'happy', 'very happy']::mood[])[1 + i % 4], ARRAY[i, NULL, -i], 'quo\"te', NULL \
         FROM generate_series(1, 500) AS i",
    );
    let labels = cases(MOODS);
    let mood = Type::Enum(Arc::new(EnumType { name: "mood".into(), labels }));
    let types = [
        Type::Int4,
        Type::Bool,
        Type::Int2,
        Type::Float4,
        Type::Float8,
        Type::Numeric,
        Type::Text,
        Type::Char,
        Type::Bytea,
        Type::Date,
        Type::Time,
        Type::Timestamp,
        Type::Timestamptz,
        Type::Interval,
        Type::Uuid,
        Type::Json,
        Type::Jsonb,
        mood,
        Type::Int4.array_of(),
        Type::Text,
        Type::Int4,
    ];
    let names = [
        "id", "b", "i2", "f4", "f8", "n", "t", "c", "bytes", "d", "ti", "ts", "tz", "iv", "u", "j", "jb", "m", "a",
        "a\"b", "Ünï",
    ];
    let columns: Vec<Column> =
        names.iter().zip(&types).map(|(name, ty)| Column::new(*name, ty.clone(), true)).collect();
    let rows = database.query_text("SELECT to_jsonb(e)::text, e.* FROM everything AS e");
    assert_eq!(rows.len(), 500);
    for values in rows {
        let parse = |(ty, value): (&Type, &Option<String>)| match value {
            Some(value) => text::parse(ty, -1, value).unwrap(),
            None => Datum::Null,
        };
        let row = Row::pack(&types.iter().zip(&values[1..]).map(parse).collect::<Vec<_>>());
        let mut out = String::new();
        json::write_row(&columns, &row, &mut out);
        assert_eq!(out, values[0].clone().unwrap());
    }
}
