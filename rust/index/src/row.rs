//! Packed rows: one message a line, ten decimal numbers (MESSAGE_ROW), read in one pass.

/// What a mailbox knows of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Row {
    /// UID.
    pub uid: u32,
    /// RFC822.SIZE.
    pub size: u64,
    /// Bit 0 \Answered, 1 \Flagged, 2 \Deleted, 3 \Seen, 4 \Draft, then the mailbox's keywords.
    pub flags: u64,
    /// MODSEQ.
    pub modseq: u64,
    /// Which body.
    pub body_id: u64,
    /// INTERNALDATE, seconds UTC.
    pub internaldate: i64,
    /// Its zone, minutes east.
    pub internaldate_zone: i16,
    /// SAVEDATE, seconds UTC.
    pub savedate: i64,
    /// The Date header, seconds UTC; 0 when there is none.
    pub sent_date: i64,
    /// Its zone, minutes east.
    pub sent_zone: i16,
}

/// A line that is no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Index of the block, from 0.
    pub block: usize,
    /// Line in the block, from 1.
    pub line: usize,
    /// What was expected.
    pub problem: &'static str,
}

impl std::fmt::Display for BadRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "block {}, line {}: {}",
            self.block, self.line, self.problem
        )
    }
}

impl std::error::Error for BadRow {}

/// Calls `take` with each row of a block, in the order written. The last line may lack its line feed.
pub(crate) fn read_block(
    block: usize,
    text: &[u8],
    mut take: impl FnMut(Row) -> Result<(), &'static str>,
) -> Result<(), BadRow> {
    let mut reader = Reader { rest: text };
    let mut line = 0;
    while !reader.rest.is_empty() {
        line += 1;
        let bad = |problem| BadRow {
            block,
            line,
            problem,
        };
        let row = reader.row().map_err(bad)?;
        take(row).map_err(bad)?;
    }
    Ok(())
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn row(&mut self) -> Result<Row, &'static str> {
        let row = Row {
            uid: u32::try_from(self.unsigned(b' ')?).map_err(|_| "uid above 4294967295")?,
            size: self.unsigned(b' ')?,
            flags: self.signed(b' ')? as u64,
            modseq: self.unsigned(b' ')?,
            body_id: self.unsigned(b' ')?,
            internaldate: self.signed(b' ')?,
            internaldate_zone: self.zone(b' ')?,
            savedate: self.signed(b' ')?,
            sent_date: self.signed(b' ')?,
            sent_zone: self.zone(b'\n')?,
        };
        if row.uid == 0 {
            return Err("uid 0");
        }
        Ok(row)
    }

    fn zone(&mut self, end: u8) -> Result<i16, &'static str> {
        i16::try_from(self.signed(end)?).map_err(|_| "zone out of range")
    }

    fn signed(&mut self, end: u8) -> Result<i64, &'static str> {
        if let Some((b'-', rest)) = self.rest.split_first() {
            self.rest = rest;
            let magnitude = self.number(end, i64::MIN.unsigned_abs())?;
            return Ok((magnitude as i64).wrapping_neg());
        }
        Ok(self.number(end, i64::MAX as u64)? as i64)
    }

    fn unsigned(&mut self, end: u8) -> Result<u64, &'static str> {
        self.number(end, i64::MAX as u64)
    }

    /// Digits, then `end`, which at the end of the block may be missing for a line feed.
    fn number(&mut self, end: u8, most: u64) -> Result<u64, &'static str> {
        let mut value = 0u64;
        let mut used = 0;
        while let Some(digit) = self
            .rest
            .get(used)
            .map(|octet| octet.wrapping_sub(b'0'))
            .filter(|&digit| digit < 10)
        {
            // Nineteen digits fit in 64 bits without overflow; more are refused below.
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            used += 1;
        }
        if used == 0 {
            return Err("a number was expected");
        }
        if used > 19 || value > most {
            return Err("number out of range");
        }
        match self.rest.get(used) {
            Some(&octet) if octet == end => used += 1,
            None if end == b'\n' => {}
            _ if end == b'\n' => return Err("more than ten columns"),
            _ => return Err("ten columns separated by one blank were expected"),
        }
        self.rest = &self.rest[used..];
        Ok(value)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The packed form of a row.
    pub(crate) fn pack(row: &Row) -> String {
        format!(
            "{} {} {} {} {} {} {} {} {} {}\n",
            row.uid,
            row.size,
            row.flags as i64,
            row.modseq,
            row.body_id,
            row.internaldate,
            row.internaldate_zone,
            row.savedate,
            row.sent_date,
            row.sent_zone
        )
    }

    fn read(text: &str) -> Result<Vec<Row>, BadRow> {
        let mut rows = Vec::new();
        read_block(3, text.as_bytes(), |row| {
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }

    #[test]
    fn rows_come_back_as_written() {
        let row = Row {
            uid: u32::MAX,
            size: 1,
            flags: 1 << 63,
            modseq: i64::MAX as u64,
            body_id: 7,
            internaldate: -1,
            internaldate_zone: -720,
            savedate: i64::MIN,
            sent_date: 0,
            sent_zone: 840,
        };
        let second = Row {
            uid: 1,
            ..Row::default()
        };
        let text = pack(&row) + &pack(&second);
        assert_eq!(read(&text), Ok(vec![row, second]));
        assert_eq!(read(text.trim_end()), Ok(vec![row, second]));
        assert_eq!(read(""), Ok(vec![]));
    }

    #[test]
    fn a_bad_row_names_block_and_line() {
        let good = pack(&Row {
            uid: 1,
            ..Row::default()
        });
        for bad in [
            "\n",
            "x",
            "0 0 0 0 0 0 0 0 0 0\n",
            "4294967296 0 0 0 0 0 0 0 0 0\n",
            "1 -1 0 0 0 0 0 0 0 0\n",
            "1 0 0 9223372036854775808 0 0 0 0 0 0\n",
            "1 0 0 18446744073709551617 0 0 0 0 0 0\n",
            "1 0 0 100000000000000000000000 0 0 0 0 0 0\n",
            "1 0 0 0 0 0 32768 0 0 0\n",
            "1 0 0 0 0 0 0 0 0\n",
            "1 0 0 0 0 0 0 0 0 0 0\n",
            "1 0 0 0 0 0 0 0 0 0\r\n",
            "1  0 0 0 0 0 0 0 0 0\n",
            "1 0 - 0 0 0 0 0 0 0\n",
            "1 0 0 0",
        ] {
            let problem = read(&(good.clone() + bad)).expect_err(bad);
            assert_eq!((problem.block, problem.line), (3, 2), "{bad:?}");
        }
        assert!(read("x")
            .expect_err("x")
            .to_string()
            .starts_with("block 3, line 1: "));
    }
}
