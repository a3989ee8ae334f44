//! Lists of numbers from and to arrays, in one go.
//!
//! Only lists whose every number has its usual form are read here; anything else is left to the reader, element by element.

use std::mem::MaybeUninit;

use crate::error::reserve;
use crate::term::{tag, Writer};
use crate::{Error, Result};

/// A list of integers of at most 32 bits: how many bytes it took, and into `count` how many numbers.
pub(crate) fn read_int64s(
    bytes: &[u8],
    out: &mut [MaybeUninit<i64>],
    count: &mut MaybeUninit<usize>,
) -> Option<usize> {
    let (out, mut rest) = begin(bytes, out, 2)?;
    let len = out.len();
    for number in out {
        match rest {
            [tag::SMALL_INTEGER, value, after @ ..] => {
                number.write(i64::from(*value));
                rest = after;
            }
            [tag::INTEGER, a, b, c, d, after @ ..] => {
                number.write(i64::from(i32::from_be_bytes([*a, *b, *c, *d])));
                rest = after;
            }
            _ => return None,
        }
    }
    end(bytes, rest, len, count)
}

/// A list of floats: how many bytes it took, and into `count` how many numbers.
pub(crate) fn read_doubles(
    bytes: &[u8],
    out: &mut [MaybeUninit<f64>],
    count: &mut MaybeUninit<usize>,
) -> Option<usize> {
    let (out, rest) = begin(bytes, out, FLOAT_SIZE)?;
    let len = out.len();
    let (floats, rest) = rest.split_at_checked(len * FLOAT_SIZE)?;
    let mut fine = true;
    for (number, float) in out.iter_mut().zip(floats.chunks_exact(FLOAT_SIZE)) {
        let [tag, a, b, c, d, e, f, g, h] = *float else { return None };
        let value = f64::from_be_bytes([a, b, c, d, e, f, g, h]);
        fine &= tag == tag::NEW_FLOAT && value.is_finite();
        number.write(value);
    }
    if !fine {
        return None;
    }
    end(bytes, rest, len, count)
}

/// Bytes of a float on the wire.
const FLOAT_SIZE: usize = 9;

/// The places for the elements of the list at the start of `bytes`, each of at least `size` bytes, and these elements.
fn begin<'o, 'b, T>(
    bytes: &'b [u8],
    out: &'o mut [MaybeUninit<T>],
    size: usize,
) -> Option<(&'o mut [MaybeUninit<T>], &'b [u8])> {
    let [tag::LIST, a, b, c, d, rest @ ..] = bytes else { return None };
    let len = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
    if len > rest.len() / size {
        return None;
    }
    Some((out.get_mut(..len)?, rest))
}

/// The end of a proper list.
fn end(bytes: &[u8], rest: &[u8], len: usize, count: &mut MaybeUninit<usize>) -> Option<usize> {
    let [tag::NIL, rest @ ..] = rest else { return None };
    count.write(len);
    Some(bytes.len() - rest.len())
}

/// A list of integers.
pub(crate) fn write_int64s(writer: &mut Writer, values: &[i64]) -> Result<()> {
    writer.compose(|out| {
        open(out, values.len(), 5)?;
        for &value in values {
            match i32::try_from(value) {
                Ok(small @ 0..=255) => out.extend_from_slice(&[tag::SMALL_INTEGER, small as u8]),
                Ok(value) => {
                    let [a, b, c, d] = value.to_be_bytes();
                    out.extend_from_slice(&[tag::INTEGER, a, b, c, d]);
                }
                Err(_) => {
                    let magnitude = value.unsigned_abs();
                    let len = 8 - magnitude.leading_zeros() as usize / 8;
                    // Only these are longer than what room was made for.
                    reserve(out, 12);
                    out.extend_from_slice(&[tag::SMALL_BIG, len as u8, u8::from(value < 0)]);
                    out.extend_from_slice(&magnitude.to_le_bytes()[..len]);
                }
            }
        }
        out.push(tag::NIL);
        Ok(())
    })
}

/// A list of floats.
pub(crate) fn write_doubles(writer: &mut Writer, values: &[f64]) -> Result<()> {
    if !values.iter().all(|value| value.is_finite()) {
        return Err(Error::argument("a float is neither NaN nor infinite"));
    }
    writer.compose(|out| {
        open(out, values.len(), FLOAT_SIZE)?;
        let start = out.len();
        out.resize(start + values.len() * FLOAT_SIZE, tag::NEW_FLOAT);
        for (float, value) in out[start..].chunks_exact_mut(FLOAT_SIZE).zip(values) {
            float[1..].copy_from_slice(&value.to_be_bytes());
        }
        out.push(tag::NIL);
        Ok(())
    })
}

/// The head of a list, and room for its elements. The empty list has none: it is nothing but its end.
fn open(out: &mut Vec<u8>, len: usize, size: usize) -> Result<()> {
    if len == 0 {
        return Ok(());
    }
    let Ok(count) = u32::try_from(len) else {
        return Err(Error::argument("a list has at most 2^32 - 1 elements"));
    };
    reserve(out, len * size + 6);
    let [a, b, c, d] = count.to_be_bytes();
    out.extend_from_slice(&[tag::LIST, a, b, c, d]);
    Ok(())
}
