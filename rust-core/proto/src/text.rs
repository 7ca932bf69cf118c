//! How quantities are written in messages and settings.

/// `64MiB` when a binary unit is exact, else the number of bytes: `1000B`. Reads back as the same number.
pub fn bytes_text(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [
        ("TiB", 1 << 40),
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
    ];
    match UNITS
        .iter()
        .find(|(_, size)| bytes >= *size && bytes.is_multiple_of(*size))
    {
        Some((unit, size)) => format!("{}{unit}", bytes / size),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_exactly_in_the_largest_unit_that_fits() {
        let texts = [0, 1, 1000, 1024, 1536, 64 << 20, (64 << 20) + 1, 3 << 40].map(bytes_text);
        assert_eq!(
            texts,
            ["0B", "1B", "1000B", "1KiB", "1536B", "64MiB", "67108865B", "3TiB"]
        );
    }
}
