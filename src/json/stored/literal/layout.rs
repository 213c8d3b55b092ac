//! White space, line breaks and comments in Python literals.

use super::LiteralParser;

const FORM_FEED: u8 = 12;

impl LiteralParser<'_> {
    pub fn eat_line_break(&mut self) -> bool {
        self.cursor.eat("\r\n") || self.cursor.eat("\n") || self.cursor.eat("\r")
    }

    /// Skips empty lines and comments. Returns `None` if the next line is indented.
    pub fn start_line(&mut self) -> Option<()> {
        loop {
            // A line that is continued with backslashes is indented if any of its parts is.
            let (mut is_indented, mut was_indented) = (false, false);
            loop {
                match self.cursor.peek() {
                    Some(b' ' | b'\t') => is_indented = true,
                    Some(FORM_FEED) => is_indented = false,
                    Some(b'\\') if self.eat_continuation() => {
                        was_indented |= is_indented;
                        continue;
                    }
                    _ => break,
                }
                self.cursor.advance(1);
            }
            let has_comment = self.eat_comment();
            if !self.eat_line_break() {
                let is_indented = !has_comment && (is_indented || was_indented);
                return (!is_indented).then_some(());
            }
        }
    }

    /// Skips white space and comments, and line breaks in brackets.
    pub fn skip_space(&mut self) {
        self.skip_space_and(self.open.len() > 1);
    }

    pub fn skip_space_and(&mut self, line_breaks: bool) {
        loop {
            match self.cursor.peek() {
                Some(b' ' | b'\t' | FORM_FEED) => self.cursor.advance(1),
                Some(b'\n' | b'\r') if line_breaks => self.cursor.advance(1),
                Some(b'\\') if self.eat_continuation() => {}
                Some(b'#') => _ = self.eat_comment(),
                _ => return,
            }
        }
    }

    /// Skips a line continuation: a backslash and a line break, which must not end the document.
    fn eat_continuation(&mut self) -> bool {
        let rest = self.cursor.rest();
        self.cursor.advance(1);
        let is_there = self.eat_line_break() && self.cursor.peek().is_some();
        if !is_there {
            self.cursor.return_to(rest);
        }
        is_there
    }

    fn eat_comment(&mut self) -> bool {
        let is_there = self.cursor.peek() == Some(b'#');
        if is_there {
            self.cursor.take_while(|byte| !matches!(byte, b'\n' | b'\r'));
        }
        is_there
    }
}
