//! A wallet and readers that were not written here: `strangers claim LINK [TX_CODE]`, `strangers read CREDENTIAL JWKS`
//! and `strangers mdoc CREDENTIAL [AUTHORITY]`. All print JSON.

mod claim;
mod mdoc;
mod read;

use anyhow::{Result, bail};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let answer = match arguments.as_slice() {
        ["claim", link] => claim::claim(link, None).await?,
        ["claim", link, tx_code] => claim::claim(link, Some(tx_code)).await?,
        ["read", credential, jwks] => read::read(credential, jwks)?,
        ["mdoc", credential] => mdoc::read(credential, None)?,
        ["mdoc", credential, authority] => mdoc::read(credential, Some(authority))?,
        _ => bail!("`claim LINK [TX_CODE]`, `read CREDENTIAL JWKS` or `mdoc CREDENTIAL [AUTHORITY]`"),
    };
    println!("{answer}");
    Ok(())
}
