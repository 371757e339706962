//! Amounts of money as exact decimal text. No floating point anywhere.

/// Writes an amount in Stripe's minor units as an exact decimal number: 1050 `usd` is `10.50`, 500 `jpy` is `500`.
///
/// `currency` is a three-letter code in any case; one that is not known to differ has two decimals.
#[must_use]
pub fn decimal(minor: i64, currency: &str) -> String {
    let decimals = decimals(currency);
    let sign = if minor < 0 { "-" } else { "" };
    let digits = format!("{:0width$}", minor.unsigned_abs(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Decimals of Stripe's amounts (Stripe docs, currencies: zero-decimal, three-decimal, special cases).
///
/// `isk` and `ugx` are among the special cases: they have no minor unit any more, but Stripe goes on counting them in
/// hundredths ("to charge 5 UGX, provide an amount of 500"), although `ugx` is in its zero-decimal list as well.
fn decimals(currency: &str) -> usize {
    match currency.to_ascii_lowercase().as_str() {
        "bif" | "clp" | "djf" | "gnf" | "jpy" | "kmf" | "krw" | "mga" | "pyg" | "rwf" | "vnd" | "vuv"
        | "xaf" | "xof" | "xpf" => 0,
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 3,
        _ => 2,
    }
}
