//! A wallet and an SD-JWT reader that were not written here: `strangers claim LINK [TX_CODE]` and
//! `strangers read CREDENTIAL JWKS`. Both print JSON.

mod claim;
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
        _ => bail!("`claim LINK [TX_CODE]` or `read CREDENTIAL JWKS`"),
    };
    println!("{answer}");
    Ok(())
}
