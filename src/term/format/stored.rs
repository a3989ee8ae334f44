//! Tokens of a pattern that was read before.

use super::Directive;
use crate::error::Result;
use crate::term::lex::Lexer;
use crate::term::token::{Complaint, Token, Tokens};

/// A token, its piece of text given by offsets; and its place.
type Kept = (Token<(usize, usize)>, usize);

/// A text that was read, with its tokens.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    text: Box<str>,
    tokens: Box<[Kept]>,
}

impl Stored {
    /// All tokens of the text, the last being its end.
    pub(super) fn read(text: &str) -> Result<Stored> {
        let mut lexer = Lexer::new(text);
        let mut tokens = Vec::new();
        loop {
            let token = lexer.next().map_err(|complaint| complaint.in_text(text))?;
            let offsets = |piece: &str| {
                let start = piece.as_ptr() as usize - text.as_ptr() as usize;
                (start, start + piece.len())
            };
            tokens.push((token.map(offsets), lexer.place()));
            if token == Token::End {
                return Ok(Stored { text: text.into(), tokens: tokens.into() });
            }
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn play(&self) -> Player<'_> {
        Player { stored: self, at: 0 }
    }

    pub(super) fn directives(&self) -> impl Iterator<Item = Directive> + '_ {
        self.tokens.iter().filter_map(|(token, _)| match token {
            Token::Directive(directive) => Some(*directive),
            _ => None,
        })
    }
}

/// Gives stored tokens again.
pub(super) struct Player<'s> {
    stored: &'s Stored,
    at: usize,
}

impl<'s> Tokens<'s> for Player<'s> {
    #[inline]
    fn next(&mut self) -> Result<Token<&'s str>, Complaint> {
        let Some((token, _)) = self.stored.tokens.get(self.at) else { return Ok(Token::End) };
        self.at += 1;
        Ok(token.map(|(start, end)| self.stored.text.get(start..end).unwrap_or_default()))
    }

    fn place(&self) -> usize {
        self.stored.tokens.get(self.at.saturating_sub(1)).map_or(0, |(_, place)| *place)
    }
}
