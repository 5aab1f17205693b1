//! Frames: pieces of a file that are whole or recognisably not.
//!
//! `length: u32, checksum: u32, sequence: u64, payload`, numbers little-endian, the checksum CRC-32 over sequence and payload. A
//! reader knows which sequence comes next: a frame that is not that one, or whose checksum is another, is no frame.

use std::io::{self, Read};

/// What stands before a payload.
pub(super) const HEADER: usize = 16;
/// No payload is longer: a greater length is damage.
pub(super) const PAYLOAD_MAX: usize = 1 << 30;

/// Appends a frame.
pub(super) fn write(sequence: u64, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&checksum(sequence, payload).to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(payload);
}

fn checksum(sequence: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&sequence.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// What is found where a frame is expected.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A whole frame, whose payload was read.
    Frame,
    /// The end of the file.
    End,
    /// Something else.
    Broken,
}

/// Reads the frame of that sequence into `payload`.
pub(super) fn read(file: &mut impl Read, sequence: u64, payload: &mut Vec<u8>) -> io::Result<Found> {
    let mut header = [0; HEADER];
    match fill(file, &mut header)? {
        0 => return Ok(Found::End),
        HEADER => {}
        _ => return Ok(Found::Broken),
    }
    let (length, sum, number) = parts(&header);
    if number != sequence || length > PAYLOAD_MAX {
        return Ok(Found::Broken);
    }
    payload.clear();
    file.by_ref().take(length as u64).read_to_end(payload)?;
    let whole = payload.len() == length && checksum(sequence, payload) == sum;
    Ok(if whole { Found::Frame } else { Found::Broken })
}

/// Whether a frame with a later sequence begins anywhere in these bytes: then what lies before it was not the end.
pub(super) fn any_after(bytes: &[u8], sequence: u64) -> bool {
    /// How many frames further one is looked for.
    const REACH: u64 = 1 << 20;
    let candidates = bytes.windows(HEADER).enumerate();
    candidates.into_iter().any(|(at, header)| {
        let (length, sum, number) = header.try_into().map_or((0, 0, 0), |header: [u8; HEADER]| parts(&header));
        let rest = &bytes[at + HEADER..];
        number > sequence
            && number - sequence < REACH
            && length <= rest.len()
            && checksum(number, &rest[..length]) == sum
    })
}

fn parts(header: &[u8; HEADER]) -> (usize, u32, u64) {
    let [l0, l1, l2, l3, c0, c1, c2, c3, sequence @ ..] = *header;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    (length, u32::from_le_bytes([c0, c1, c2, c3]), u64::from_le_bytes(sequence))
}

/// Reads as much as there is.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Vec<u8> {
        let mut bytes = Vec::new();
        for (sequence, payload) in [(7, "one"), (8, ""), (9, "three")] {
            write(sequence, payload.as_bytes(), &mut bytes);
        }
        bytes
    }

    #[test]
    fn frames_come_back_in_their_order() {
        let bytes = three();
        let (mut file, mut payload, mut read_back) = (bytes.as_slice(), Vec::new(), Vec::new());
        for sequence in 7..10 {
            assert_eq!(read(&mut file, sequence, &mut payload).expect("readable"), Found::Frame);
            read_back.push(String::from_utf8(payload.clone()).expect("text"));
        }
        assert_eq!(read_back, ["one", "", "three"]);
        assert_eq!(read(&mut file, 10, &mut payload).expect("readable"), Found::End);
        assert_eq!(read(&mut bytes.as_slice(), 8, &mut payload).expect("readable"), Found::Broken);
    }

    #[test]
    fn every_changed_bit_breaks_its_frame_and_shows_what_follows() {
        let bytes = three();
        let first = HEADER + 3;
        for bit in 0..first * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let found = read(&mut bytes.as_slice(), 7, &mut Vec::new()).expect("readable");
            assert_eq!(found, Found::Broken, "bit {bit}");
            assert!(any_after(&bytes, 7), "bit {bit}");
        }
        assert!(!any_after(&bytes[..first], 7) && !any_after(&bytes[bytes.len() - 3..], 7));
    }
}
