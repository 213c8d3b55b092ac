//! A line reader for files with secrets, which zeroizes all its buffers.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;

use zeroize::{Zeroize, Zeroizing};

use crate::error::Result;
use crate::memory;

/// Bytes per read.
const CHUNK: usize = 1 << 16;

/// Reads lines without copying them.
pub(super) struct LineReader {
    file: File,
    buffer: Zeroizing<Vec<u8>>,
    /// Range of the buffer with bytes that were read but not returned.
    unread: Range<usize>,
    /// Maximum length, beyond which a line is split.
    max_line: usize,
}

impl LineReader {
    /// Creates a reader at the current position of a file.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn new(file: File, max_line: usize) -> Result<Self> {
        let mut buffer = Zeroizing::new(memory::vec_with_capacity(CHUNK)?);
        buffer.resize(CHUNK, 0);
        Ok(Self { file, buffer, unread: 0..0, max_line })
    }

    /// Returns the next line including its line break, if any, or `None` at the end of the file.
    ///
    /// # Errors
    /// Those of the file; `OutOfMemory` if there is no memory for the line.
    pub fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        let mut searched = 0;
        let len = loop {
            let unread = &self.buffer[self.unread.clone()];
            if let Some(at) = unread[searched..].iter().position(|&byte| byte == b'\n') {
                break searched + at + 1;
            }
            searched = unread.len();
            if searched >= self.max_line {
                break self.max_line;
            }
            if !self.fill()? {
                break searched;
            }
        };
        let start = self.unread.start;
        self.unread.start += len;
        Ok((len > 0).then(|| &self.buffer[start..start + len]))
    }

    /// Reads more bytes after the unread ones, and returns whether there were any.
    fn fill(&mut self) -> io::Result<bool> {
        if self.unread.end == self.buffer.len() {
            self.make_space()?;
        }
        loop {
            match self.file.read(&mut self.buffer[self.unread.end..]) {
                Ok(len) => {
                    self.unread.end += len;
                    return Ok(len > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Moves the unread bytes to the front, into a larger buffer if they fill more than half of
    /// this one. A vector that grows would leave a copy behind that is not zeroized.
    fn make_space(&mut self) -> io::Result<()> {
        let len = self.unread.len();
        if len > self.buffer.len() / 2 {
            let mut larger = Zeroizing::new(Vec::new());
            larger.try_reserve_exact(2 * self.buffer.len())?;
            larger.extend_from_slice(&self.buffer[self.unread.clone()]);
            larger.resize(2 * self.buffer.len(), 0);
            self.buffer = larger;
        } else {
            self.buffer.copy_within(self.unread.clone(), 0);
            self.buffer[len..].zeroize();
        }
        self.unread = 0..len;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_all_lengths_are_read() {
        let path = std::env::temp_dir().join(format!("rbtoken-lines-{}", std::process::id()));
        let lengths = [0, 1, CHUNK - 2, CHUNK - 1, CHUNK, CHUNK + 1, 3, 5 * CHUNK, 7, 0, CHUNK / 2];
        for ends_with_break in [false, true] {
            let mut lines: Vec<Vec<u8>> = lengths.map(|len| vec![b'x'; len]).into();
            lines.iter_mut().for_each(|line| line.push(b'\n'));
            if !ends_with_break {
                lines.push(b"no line break".to_vec());
            }
            std::fs::write(&path, lines.concat()).unwrap();
            let mut reader = LineReader::new(File::open(&path).unwrap(), 10 * CHUNK).unwrap();
            for line in &lines {
                assert_eq!(reader.next_line().unwrap(), Some(&**line));
            }
            assert_eq!(reader.next_line().unwrap(), None);
        }
        std::fs::write(&path, vec![b'x'; 250_000]).unwrap();
        let mut reader = LineReader::new(File::open(&path).unwrap(), 100_000).unwrap();
        for len in [Some(100_000), Some(100_000), Some(50_000), None] {
            assert_eq!(reader.next_line().unwrap().map(<[u8]>::len), len);
        }
        std::fs::remove_file(&path).unwrap();
    }
}
