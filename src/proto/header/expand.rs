//! Terms with references to their packet's atoms, made into terms that stand alone.

use super::walk::walk;
use crate::error::Malformed;
use crate::proto::control::put_atom;
use crate::term::{tag, Atom};

/// Copies one term with every `82 I` spelled out.
///
/// # Errors
/// What is no term, has bytes behind it, or refers beyond `atoms`.
pub fn expand(term: &[u8], atoms: &[Atom]) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::with_capacity(term.len());
    let mut done = 0;
    let end = walk(term, 0, |start, end| {
        let Some([tag::ATOM_CACHE_REF, index]) = term.get(start..end) else { return Ok(()) };
        let beyond = Malformed::new("reference beyond the atom section", start);
        let atom = atoms.get(usize::from(*index)).ok_or(beyond)?;
        out.extend_from_slice(term.get(done..start).unwrap_or_default());
        put_atom(&mut out, atom);
        done = end;
        Ok(())
    })?;
    if end != term.len() {
        return Err(Malformed::new("something follows the term", end));
    }
    out.extend_from_slice(term.get(done..).unwrap_or_default());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_spelled_out_wherever_they_stand() {
        let atoms = [Atom::from_static("n@h"), Atom::from_static("sz")];
        let term = b"h\x02XR\0\0\0\0\x01\0\0\0\x02\0\0\0\x03l\0\0\0\x01R\x01R\x01";
        let plain = b"h\x02Xw\x03n@h\0\0\0\x01\0\0\0\x02\0\0\0\x03l\0\0\0\x01w\x02szw\x02sz";
        assert_eq!(expand(term, &atoms).unwrap(), plain);
        assert_eq!(expand(plain, &[]).unwrap(), plain);
        assert!(expand(term, &atoms[..1]).is_err());
        assert!(expand(b"R\x02", &atoms).is_err());
        assert!(expand(b"jj", &atoms).is_err());
    }
}
