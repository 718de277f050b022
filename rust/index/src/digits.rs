//! Decimal numbers onto the wire, without the formatting machinery.

const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
2021222324252627282930313233343536373839\
4041424344454647484950515253545556575859\
6061626364656667686970717273747576777879\
8081828384858687888990919293949596979899";

/// Appends `value` in decimal.
#[inline]
pub fn push(out: &mut Vec<u8>, mut value: u64) {
    let mut buffer = [0u8; 20];
    let mut at = buffer.len();
    while value >= 100 {
        let pair = (value % 100) as usize * 2;
        value /= 100;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if value >= 10 {
        let pair = value as usize * 2;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        at -= 1;
        buffer[at] = b'0' + value as u8;
    }
    out.extend_from_slice(&buffer[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length() {
        let mut value = 1u64;
        let mut samples = vec![0, u64::MAX];
        for _ in 0..20 {
            samples.extend([value - 1, value, value + 1]);
            value = value.wrapping_mul(10);
        }
        for sample in samples {
            let mut out = Vec::new();
            push(&mut out, sample);
            assert_eq!(out, sample.to_string().into_bytes());
        }
    }
}
