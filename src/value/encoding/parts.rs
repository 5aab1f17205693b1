//! What arrays and documents consist of, read off their encoding: the parts are copied, nothing is built.

use super::{
    JSON_ARRAY, JSON_FALSE, JSON_NULL, JSON_NUMBER, JSON_OBJECT, JSON_STRING, JSON_TRUE, JSONB, NULL, Reader, TEXT,
    prefixed, string,
};

/// The elements of an array, row by row, each as a column. Panics on bytes that are no array's, as `decode` does.
pub fn elements(array: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut reader = body(array);
    let count = reader.elements_ahead().expect("row bytes are checked where they enter");
    (0..count).map(move |_| {
        let start = reader.rest;
        reader.skip().expect("row bytes are checked where they enter");
        &start[..start.len() - reader.rest.len()]
    })
}

/// What a `jsonb` value is made of.
pub enum Parts<'a> {
    /// An array's elements.
    Array(Values<'a>),
    /// An object's members.
    Object(Members<'a>),
    /// Neither.
    Scalar,
}

/// The parts of a `jsonb` value. Panics on bytes that are none, as `decode` does.
pub fn parts(document: &[u8]) -> Parts<'_> {
    let mut reader = body(document);
    let kind = reader.byte();
    match (kind, reader.varint()) {
        (Some(JSON_ARRAY), Some(count)) => Parts::Array(Values { reader, left: count }),
        (Some(JSON_OBJECT), Some(count)) => Parts::Object(Members { values: Values { reader, left: count } }),
        _ => Parts::Scalar,
    }
}

/// The payload of a column that begins with its length.
fn body(column: &[u8]) -> Reader<'_> {
    Reader { rest: &column[1..] }.prefixed().expect("row bytes are checked where they enter")
}

/// Values one after the other.
pub struct Values<'a> {
    reader: Reader<'a>,
    left: usize,
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        self.left = self.left.checked_sub(1)?;
        let start = self.reader.rest;
        self.reader.skip_json()?;
        Some(Value(&start[..start.len() - self.reader.rest.len()]))
    }
}

/// Names and values, as they alternate.
pub struct Members<'a> {
    values: Values<'a>,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Name<'a>, Value<'a>);

    fn next(&mut self) -> Option<(Name<'a>, Value<'a>)> {
        if self.values.left == 0 {
            return None;
        }
        let name = self.values.reader.terminated()?;
        Some((Name(name), self.values.next()?))
    }
}

/// A member's name, escaped as strings are.
pub struct Name<'a>(&'a [u8]);

impl Name<'_> {
    /// Appends it as text.
    pub fn text(&self, out: &mut Vec<u8>) {
        super::plain(TEXT, self.0, out);
    }
}

/// A value inside a document.
pub struct Value<'a>(&'a [u8]);

impl Value<'_> {
    /// Appends it as a document of its own.
    pub fn document(&self, out: &mut Vec<u8>) {
        prefixed(JSONB, out, |out| out.extend_from_slice(self.0));
    }

    /// Appends it as text: a string without quotes, and `null` as SQL null.
    pub fn text(&self, out: &mut Vec<u8>) {
        match self.0.split_first() {
            Some((&JSON_NULL, _)) => out.push(NULL),
            Some((&JSON_STRING, string)) => {
                out.push(TEXT);
                out.extend_from_slice(string);
            }
            _ => {
                let mut shown = String::new();
                let value = Reader { rest: self.0 }.json().expect("row bytes are checked where they enter");
                value.write(&mut shown);
                string(TEXT, shown.as_bytes(), out);
            }
        }
    }
}

impl Reader<'_> {
    /// Steps to the elements of an array, and tells how many there are.
    fn elements_ahead(&mut self) -> Option<usize> {
        self.ty()?;
        for _ in 0..self.byte()? {
            self.varint()?;
            self.int4()?;
        }
        self.varint()
    }

    fn skip_json(&mut self) -> Option<()> {
        match self.byte()? {
            JSON_NULL | JSON_FALSE | JSON_TRUE => Some(()),
            JSON_NUMBER => self.skip_numeric(),
            JSON_STRING => self.terminated().map(drop),
            JSON_ARRAY => {
                let count = self.varint()?;
                (0..count).try_for_each(|_| self.skip_json())
            }
            JSON_OBJECT => {
                let count = self.varint()?;
                (0..count).try_for_each(|_| {
                    self.terminated()?;
                    self.skip_json()
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{decode, encode};
    use super::*;
    use crate::value::json::Json;
    use crate::value::{Datum, Type, text};
    use std::sync::Arc;

    fn encoded(value: &Datum) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(value, &mut bytes);
        bytes
    }

    fn columns(mut bytes: &[u8]) -> Vec<Datum> {
        let mut values = Vec::new();
        while !bytes.is_empty() {
            let (value, length) = decode(bytes);
            values.push(value);
            bytes = &bytes[length..];
        }
        values
    }

    #[test]
    fn elements_are_columns() {
        let enumeration = Type::Enum(Arc::new(crate::value::EnumType { name: "e".into(), labels: vec!["x".into()] }));
        for (ty, written) in [
            (Type::Int4, "{}"),
            (Type::Int4, "{1,NULL,3}"),
            (Type::Text, "[5:6]={a,\"\"}"),
            (Type::Text, "{{a,b},{c,d}}"),
            (Type::Numeric, "{1.50,NaN}"),
            (Type::Jsonb, "{\"[1]\",null}"),
            (enumeration, "{x,x}"),
        ] {
            let array = text::parse(&ty.array_of(), -1, written).expect("an array");
            let Datum::Array(expected) = &array else { panic!("an array") };
            let got: Vec<Datum> = elements(&encoded(&array)).flat_map(columns).collect();
            assert_eq!(got, expected.items, "{written}");
        }
    }

    fn check(document: &str, documents: &[&str], texts: &[Option<&str>]) {
        let document = Datum::Jsonb(Arc::new(Json::parse(document).expect("a document")));
        let bytes = encoded(&document);
        let (mut whole, mut shown) = (Vec::new(), Vec::new());
        match parts(&bytes) {
            Parts::Array(values) => values.for_each(|value| {
                value.document(&mut whole);
                value.text(&mut shown);
            }),
            Parts::Object(members) => members.for_each(|(name, value)| {
                name.text(&mut shown);
                value.document(&mut whole);
                value.text(&mut shown);
            }),
            Parts::Scalar => {}
        }
        let expected = documents.iter().map(|d| Datum::Jsonb(Arc::new(Json::parse(d).expect("a document"))));
        assert_eq!(columns(&whole), expected.collect::<Vec<_>>());
        let expected = texts.iter().map(|text| text.map_or(Datum::Null, Datum::text));
        assert_eq!(columns(&shown), expected.collect::<Vec<_>>());
    }

    #[test]
    fn parts_of_documents_are_documents_and_texts() {
        check("[]", &[], &[]);
        check("7", &[], &[]);
        check("[1, \"a\", null]", &["1", "\"a\"", "null"], &[Some("1"), Some("a"), None]);
        let members = ["[1.50, {}]", "{\"x\": true}"];
        let texts = [Some("b"), Some("[1.50, {}]"), Some("aa"), Some("{\"x\": true}")];
        check("{\"aa\": {\"x\": true}, \"b\": [1.50, {}]}", &members, &texts);
    }
}
