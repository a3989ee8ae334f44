//! Printing what has no parts.

use std::fmt::Write;

use super::walk::Printer;
use super::{elixir, erlang, Language, Stop};
use crate::term::{atom, integer, wire, Integer};

/// A number in decimal digits, without the machinery of `write!`: most of a large term is numbers.
pub(super) fn int(out: &mut dyn Write, n: i64) -> std::fmt::Result {
    const LONGEST: usize = 20; // -9223372036854775808
    let mut digits = [b'0'; LONGEST];
    let mut at = LONGEST;
    let mut left = n.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if n < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    out.write_str(std::str::from_utf8(&digits[at..]).unwrap_or_default())
}

impl<'a> Printer<'a, '_, '_> {
    pub(super) fn atom(&mut self, text: &str) -> Result<(), Stop> {
        let done = match self.style.language {
            Language::Erlang => erlang::atom(self.out, text),
            Language::Elixir => elixir::atom(self.out, text),
        };
        Ok(done?)
    }

    pub(super) fn float(&mut self, value: f64) -> Result<(), Stop> {
        let done = match self.style.language {
            Language::Erlang => erlang::float(self.out, value),
            Language::Elixir => elixir::float(self.out, value),
        };
        Ok(done?)
    }

    pub(super) fn big(&mut self, negative: bool, magnitude: &[u8]) -> Result<(), Stop> {
        const DIGITS_PER_BYTE: usize = 2; // 2.4 in truth
        const CHEAP: usize = 1024; // decimal digits take time that grows faster than their number
        let magnitude = integer::trim(magnitude);
        if magnitude.len() > CHEAP && magnitude.len() * DIGITS_PER_BYTE > self.out.left {
            self.out.write_str(if negative { "-16#" } else { "16#" })?; // will be cut before its end
            for byte in magnitude.iter().rev() {
                write!(self.out, "{byte:02X}")?;
            }
            return Ok(());
        }
        match Integer::from_le_bytes(negative, magnitude) {
            Ok(integer) => Ok(write!(self.out, "{integer}")?),
            Err(_) => self.malformed("integer (over 524280 bytes)"),
        }
    }

    pub(super) fn binary(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        // What is cut anyway needs no look at all of it: a log line must not cost as much as its message is long.
        const ALWAYS_LOOKED_AT: usize = 64 * 1024;
        let mut shown = bytes;
        let enough = self.out.left.saturating_add(4).max(ALWAYS_LOOKED_AT);
        if bytes.len() > enough {
            shown = &bytes[..enough];
            if let Err(error) = std::str::from_utf8(shown) {
                if error.error_len().is_none() {
                    shown = &shown[..error.valid_up_to()]; // a character that the cut went through
                }
            }
        }
        let done = match self.style.language {
            Language::Erlang => erlang::binary(self.out, shown, self.style.strings, self.style.wide),
            Language::Elixir => elixir::binary(self.out, shown, self.style.strings),
        };
        Ok(done?)
    }

    pub(super) fn bitstring(&mut self, bytes: &[u8], bits: u8) -> Result<(), Stop> {
        let Some((&last, whole)) = bytes.split_last() else { return self.malformed("bit string (empty)") };
        if bits == 8 {
            return self.binary(bytes);
        }
        self.out.write_str("<<")?;
        erlang::numbers(self.out, whole, self.style.between())?;
        if !whole.is_empty() {
            self.out.write_str(self.style.between())?;
        }
        let last = u32::from(last) >> (8 - u32::from(bits));
        let done = match self.style.language {
            Language::Erlang => write!(self.out, "{last}:{bits}>>"),
            Language::Elixir => write!(self.out, "{last}::size({bits})>>"),
        };
        Ok(done?)
    }

    /// `#Pid<node.5.0>`, or `<0.5.0>` for one of the local node.
    pub(super) fn id(&mut self, node: wire::Text<'a>, name: &str, numbers: &[u64]) -> Result<(), Stop> {
        let node = self.text(node)?;
        let local = self.style.local.as_ref().is_some_and(|local| local.as_str() == node);
        match (local, name) {
            (true, "#Pid<") => self.out.write_str("<0")?,
            (true, _) => write!(self.out, "{name}0")?,
            (false, _) => write!(self.out, "{name}{node}")?,
        }
        for number in numbers {
            write!(self.out, ".{number}")?;
        }
        Ok(self.out.write_str(">")?)
    }

    pub(super) fn export(&mut self) -> Result<(), Stop> {
        let (module, function, arity) = self.parsed(wire::export(self.rest))?;
        let (module, function) = (self.text(module)?, self.text(function)?);
        match self.style.language {
            Language::Erlang => {
                self.out.write_str("fun ")?;
                erlang::atom(self.out, &module)?;
                self.out.write_str(":")?;
                erlang::atom(self.out, &function)?;
            }
            Language::Elixir => {
                self.out.write_str("&")?;
                elixir::atom(self.out, &module)?;
                self.out.write_str(".")?;
                elixir::function(self.out, &function)?;
            }
        }
        Ok(write!(self.out, "/{arity}")?)
    }

    /// `#Fun<module.0.74682497>` or `#Function<0.74682497/1 in :module>`; free variables are not shown.
    pub(super) fn fun(&mut self) -> Result<(), Stop> {
        let head = self.parsed(wire::fun(self.rest))?;
        let module = self.text(head.module)?;
        self.skip(head.free)?;
        let (index, uniq, arity) = (head.old_index, head.old_uniq, head.arity);
        match self.style.language {
            Language::Erlang => {
                self.out.write_str("#Fun<")?;
                erlang::atom(self.out, &module)?;
                Ok(write!(self.out, ".{index}.{uniq}>")?)
            }
            Language::Elixir => {
                write!(self.out, "#Function<{index}.{uniq}/{arity} in ")?;
                elixir::atom(self.out, &module)?;
                Ok(self.out.write_str(">")?)
            }
        }
    }

    pub(super) fn string(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if bytes.is_empty() {
            return Ok(self.out.write_str("[]")?);
        }
        if self.style.strings && bytes.iter().all(|&byte| self.is_text_code(i64::from(byte))) {
            return self.quoted(&atom::latin1(bytes));
        }
        self.out.write_str("[")?;
        erlang::numbers(self.out, bytes, self.style.between())?;
        Ok(self.out.write_str("]")?)
    }

    pub(super) fn quoted(&mut self, text: &str) -> Result<(), Stop> {
        match self.style.language {
            Language::Erlang => {
                self.out.write_str("\"")?;
                erlang::escaped(self.out, text.chars(), '"')?;
                Ok(self.out.write_str("\"")?)
            }
            Language::Elixir => {
                self.out.write_str("~c")?;
                Ok(elixir::string(self.out, text)?)
            }
        }
    }

    pub(super) fn is_text_code(&self, code: i64) -> bool {
        match self.style.language {
            Language::Erlang => erlang::is_printable(code, self.style.wide),
            Language::Elixir => elixir::is_charlist_code(code),
        }
    }
}
