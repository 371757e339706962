//! Is an amount written exactly, whatever the currency's decimals?

use connector_stripe::money::decimal;

#[test]
fn amounts_have_the_currencys_decimals() {
    let table = [
        (1050, "usd", "10.50"),
        (1050, "USD", "10.50"),
        (5, "eur", "0.05"),
        (0, "eur", "0.00"),
        (-1050, "usd", "-10.50"),
        (500, "jpy", "500"),
        (0, "krw", "0"),
        (-7, "vnd", "-7"),
        (5124, "kwd", "5.124"),
        (10, "bhd", "0.010"),
        (99_999_999, "usd", "999999.99"),
        (i64::MAX, "usd", "92233720368547758.07"),
        (i64::MIN, "jpy", "-9223372036854775808"),
        // Counted in hundredths although the currency has none (Stripe docs, special cases).
        (500, "isk", "5.00"),
        (500, "ugx", "5.00"),
        (1050, "huf", "10.50"),
        (1050, "twd", "10.50"),
    ];
    for (minor, currency, text) in table {
        assert_eq!(decimal(minor, currency), text, "{minor} {currency}");
    }
}
