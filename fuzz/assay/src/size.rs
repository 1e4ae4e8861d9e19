//! Sizes on the command line: `64MiB`, `1G`, `4096`.

/// Reads a size in bytes.
pub fn parse(text: &str) -> Result<u64, String> {
    let bad = || format!("expected a size such as `64MiB` or `1048576`, found `{text}`");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| bad())?;
    let unit = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(bad()),
    };
    number.checked_mul(unit).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse("64MiB"), Ok(64 << 20));
        assert_eq!(parse("1 G"), Ok(1 << 30));
        assert_eq!(parse("4096"), Ok(4096));
        assert_eq!(parse("2kB"), Ok(2000));
        for bad in ["", "MiB", "1.5G", "-1", "9999999999999G", "3 apples"] {
            assert!(parse(bad).unwrap_err().contains("expected a size"), "{bad}");
        }
    }
}
