//! Integers of any size: an `i64` where it fits, else sign and bytes.
//!
//! Arithmetic is left to others; this module keeps the one true form of each number (so that equality is that of
//! the fields), compares exactly, also with floats, and converts from and to decimal text.

use std::cmp::Ordering;
use std::fmt;

use num_bigint::{BigInt, Sign};

use super::tag::MAX_BIG_BYTES;
use crate::error::copied;
use crate::{Error, Result};

/// An integer outside of `i64`. Always true: it does not fit an `i64`, has no leading zero byte, and at most
/// 524,280 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Big {
    negative: bool,
    // Little-endian, as on the wire.
    magnitude: Box<[u8]>,
}

/// An integer of any size.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Integer {
    /// One that fits an `i64`; always used when it does.
    Small(i64),
    /// Any other.
    Big(Big),
}

impl Big {
    /// True below zero.
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// The absolute value as little-endian bytes, the last of which is not zero.
    pub fn magnitude(&self) -> &[u8] {
        &self.magnitude
    }

    /// The value if it fits a `u64`.
    pub fn to_u64(&self) -> Option<u64> {
        if self.negative {
            return None;
        }
        magnitude_to_u64(&self.magnitude)
    }

    /// The value if it fits an `i128`.
    pub fn to_i128(&self) -> Option<i128> {
        let mut bytes = [0; 16];
        bytes.get_mut(..self.magnitude.len())?.copy_from_slice(&self.magnitude);
        let value = u128::from_le_bytes(bytes);
        if self.negative {
            0i128.checked_sub_unsigned(value)
        } else {
            i128::try_from(value).ok()
        }
    }

    /// The nearest float; infinite when too large.
    pub fn to_f64(&self) -> f64 {
        // 17 bytes hold more bits than the 53 of a float plus a sticky bit for what lies below.
        let kept = self.magnitude.len().min(16);
        let (low, high) = self.magnitude.split_at(self.magnitude.len() - kept);
        let mut bytes = [0; 16];
        bytes[..kept].copy_from_slice(high);
        let sticky = u128::from(low.iter().any(|&byte| byte != 0));
        let exponent = i32::try_from(low.len().saturating_mul(8)).unwrap_or(i32::MAX);
        let value = (u128::from_le_bytes(bytes) | sticky) as f64 * 2f64.powi(exponent.min(2000));
        if self.negative {
            -value
        } else {
            value
        }
    }

    fn to_bigint(&self) -> BigInt {
        let sign = if self.negative { Sign::Minus } else { Sign::Plus };
        BigInt::from_bytes_le(sign, &self.magnitude)
    }
}

fn magnitude_to_u64(magnitude: &[u8]) -> Option<u64> {
    let mut bytes = [0; 8];
    bytes.get_mut(..magnitude.len())?.copy_from_slice(magnitude);
    Some(u64::from_le_bytes(bytes))
}

/// The magnitude without its leading (here: last) zero bytes.
#[inline]
pub(crate) fn trim(magnitude: &[u8]) -> &[u8] {
    let zeros = magnitude.iter().rev().take_while(|&&byte| byte == 0).count();
    magnitude.get(..magnitude.len() - zeros).unwrap_or_default()
}

/// Sign and little-endian magnitude as an `i64`, if it fits.
#[inline]
pub(crate) fn to_i64(negative: bool, magnitude: &[u8]) -> Option<i64> {
    let value = magnitude_to_u64(trim(magnitude))?;
    if negative {
        0i64.checked_sub_unsigned(value)
    } else {
        i64::try_from(value).ok()
    }
}

/// Sign and little-endian magnitude as a `u64`, if it fits.
pub(crate) fn to_u64(negative: bool, magnitude: &[u8]) -> Option<u64> {
    let value = magnitude_to_u64(trim(magnitude))?;
    (!negative || value == 0).then_some(value)
}

impl Integer {
    /// Sign and little-endian magnitude, in any form the wire allows: zeros in front, small values, minus zero.
    ///
    /// # Errors
    /// [`Error::Argument`] over 524,280 bytes, which is what a BEAM takes.
    pub fn from_le_bytes(negative: bool, magnitude: &[u8]) -> Result<Integer> {
        let magnitude = trim(magnitude);
        if magnitude.len() > MAX_BIG_BYTES {
            return Err(Error::argument("an integer has at most 524280 bytes"));
        }
        Ok(match to_i64(negative, magnitude) {
            Some(value) => Integer::Small(value),
            None => Integer::Big(Big { negative, magnitude: copied(magnitude).into() }),
        })
    }

    /// The value if it fits an `i64`.
    pub fn to_i64(&self) -> Option<i64> {
        match self {
            Integer::Small(value) => Some(*value),
            Integer::Big(_) => None,
        }
    }

    /// The value if it fits a `u64`.
    pub fn to_u64(&self) -> Option<u64> {
        match self {
            Integer::Small(value) => u64::try_from(*value).ok(),
            Integer::Big(big) => big.to_u64(),
        }
    }

    /// The value if it fits an `i128`.
    pub fn to_i128(&self) -> Option<i128> {
        match self {
            Integer::Small(value) => Some(i128::from(*value)),
            Integer::Big(big) => big.to_i128(),
        }
    }
}

impl From<i64> for Integer {
    fn from(value: i64) -> Self {
        Integer::Small(value)
    }
}

impl From<u64> for Integer {
    fn from(value: u64) -> Self {
        Integer::from(i128::from(value))
    }
}

impl From<i128> for Integer {
    fn from(value: i128) -> Self {
        match i64::try_from(value) {
            Ok(small) => Integer::Small(small),
            Err(_) => {
                let bytes = value.unsigned_abs().to_le_bytes();
                Integer::Big(Big { negative: value < 0, magnitude: trim(&bytes).into() })
            }
        }
    }
}

impl std::str::FromStr for Integer {
    type Err = Error;

    /// Decimal digits with an optional sign.
    fn from_str(text: &str) -> Result<Integer> {
        if let Ok(small) = text.parse() {
            return Ok(Integer::Small(small));
        }
        // A byte of magnitude is at most 2.41 digits; what is longer cannot be valid and is not worth parsing.
        if text.len() > MAX_BIG_BYTES / 2 * 5 {
            return Err(Error::argument("an integer has at most 524280 bytes"));
        }
        let big: BigInt = text.parse().map_err(|_| Error::argument("not a decimal integer"))?;
        let (sign, magnitude) = big.to_bytes_le();
        Integer::from_le_bytes(sign == Sign::Minus, &magnitude)
    }
}

impl fmt::Display for Big {
    /// Decimal text. The time grows faster than the length: the largest legal integer has 1.26 million digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_bigint())
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Integer::Small(value) => write!(f, "{value}"),
            Integer::Big(big) => write!(f, "{big}"),
        }
    }
}

impl Ord for Big {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_magnitude = self
            .magnitude
            .len()
            .cmp(&other.magnitude.len())
            .then_with(|| self.magnitude.iter().rev().cmp(other.magnitude.iter().rev()));
        match (self.negative, other.negative) {
            (false, false) => by_magnitude,
            (true, true) => by_magnitude.reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Big {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// An `i64` against a finite float, exactly: neither is rounded.
pub(crate) fn cmp_i64_f64(int: i64, float: f64) -> Ordering {
    const BOUND: f64 = 9_223_372_036_854_775_808.0; // 2^63
    if float >= BOUND {
        return Ordering::Less;
    }
    if float < -BOUND {
        return Ordering::Greater;
    }
    let whole = float.trunc();
    int.cmp(&(whole as i64)).then_with(|| 0.0f64.partial_cmp(&(float - whole)).unwrap_or(Ordering::Equal))
}

/// A big integer against a finite float, exactly.
pub(crate) fn cmp_big_f64(big: &Big, float: f64) -> Ordering {
    // Outside of i64 a float is a whole number, or smaller in magnitude than any Big.
    match Integer::from_f64(float) {
        Integer::Small(_) if big.negative => Ordering::Less,
        Integer::Small(_) => Ordering::Greater,
        Integer::Big(other) => big.cmp(&other),
    }
}

impl Integer {
    /// The whole part of a finite float.
    pub(crate) fn from_f64(float: f64) -> Integer {
        let bits = float.to_bits();
        let exponent = ((bits >> 52) & 0x7ff) as i32 - 1075;
        if exponent < 11 {
            return Integer::Small(float as i64); // below 2^63, or NaN-free saturation at its edge
        }
        let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
        let shift = exponent.unsigned_abs() as usize;
        let mut magnitude = vec![0; shift / 8];
        magnitude.extend_from_slice(&(u128::from(mantissa) << (shift % 8)).to_le_bytes());
        let magnitude = trim(&magnitude);
        match to_i64(float < 0.0, magnitude) {
            Some(value) => Integer::Small(value),
            None => Integer::Big(Big { negative: float < 0.0, magnitude: magnitude.into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn big(text: &str) -> Big {
        match text.parse() {
            Ok(Integer::Big(big)) => big,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn what_fits_i64_is_small_in_any_spelling() {
        assert_eq!(Integer::from_le_bytes(false, &[5, 0, 0]).unwrap(), Integer::Small(5));
        assert_eq!(Integer::from_le_bytes(true, &[]).unwrap(), Integer::Small(0));
        assert_eq!(Integer::from_le_bytes(true, &[0; 20]).unwrap(), Integer::Small(0));
        let min = [0, 0, 0, 0, 0, 0, 0, 0x80];
        assert_eq!(Integer::from_le_bytes(true, &min).unwrap(), Integer::Small(i64::MIN));
        assert_eq!(Integer::from_le_bytes(false, &min).unwrap().to_u64(), Some(1 << 63));
    }

    #[test]
    fn decimal_text_round_trips() {
        for text in [
            "0",
            "-1",
            "9223372036854775807",
            "9223372036854775808",
            "-170141183460469231731687303715884105729",
        ] {
            assert_eq!(text.parse::<Integer>().unwrap().to_string(), text);
        }
        assert!("12a".parse::<Integer>().is_err());
        assert!("".parse::<Integer>().is_err());
    }

    #[test]
    fn order_is_that_of_the_values() {
        let ordered = [
            "-99999999999999999999999",
            "-9223372036854775809",
            "9223372036854775808",
            "99999999999999999999999",
        ];
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                assert_eq!(big(a).cmp(&big(b)), i.cmp(&j));
            }
        }
    }

    #[test]
    fn comparison_with_floats_does_not_round() {
        assert_eq!(cmp_i64_f64(9_007_199_254_740_993, 9_007_199_254_740_992.0), Ordering::Greater);
        assert_eq!(cmp_i64_f64(i64::MAX, 9_223_372_036_854_775_808.0), Ordering::Less);
        assert_eq!(cmp_i64_f64(i64::MIN, -9_223_372_036_854_775_808.0), Ordering::Equal);
        assert_eq!(cmp_i64_f64(-1, -1.5), Ordering::Greater);
        assert_eq!(cmp_i64_f64(1, 1.5), Ordering::Less);
        assert_eq!(cmp_big_f64(&big("36893488147419103232"), 36_893_488_147_419_103_232.0), Ordering::Equal);
        assert_eq!(
            cmp_big_f64(&big("36893488147419103233"), 36_893_488_147_419_103_232.0),
            Ordering::Greater
        );
        assert_eq!(cmp_big_f64(&big("9223372036854775808"), f64::MAX), Ordering::Less);
        assert_eq!(cmp_big_f64(&big("-9223372036854775809"), -1.0), Ordering::Less);
    }
}
