//! HTTP/1.1 on one kept connection, and no more of it than the issuer's answers need: a driver that costs
//! as much as what it drives would measure itself.

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A kept connection to the issuer.
pub(crate) struct Connection {
    stream: TcpStream,
    host: String,
    buffer: Vec<u8>,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The nonce for the next `DPoP` proof, if the answer brought one.
    pub(crate) dpop_nonce: Option<String>,
    /// Where the answer leads.
    pub(crate) location: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    /// Connects to `host:port`.
    pub(crate) async fn open(host: &str) -> Result<Self> {
        let stream = TcpStream::connect(host).await.with_context(|| format!("connect to {host}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, host: host.to_owned(), buffer: Vec::with_capacity(16 << 10) })
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Sends one request and reads its answer. `headers` are complete lines.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[String],
        body: impl AsRef<[u8]>,
    ) -> Result<Answer> {
        let body = body.as_ref();
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.host);
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        request.extend(["content-length: ", &body.len().to_string(), "\r\n\r\n"]);
        let mut request = request.into_bytes();
        request.extend_from_slice(body);
        self.stream.write_all(&request).await?;
        self.answer().await.with_context(|| format!("read the answer to {method} {path}"))
    }

    async fn answer(&mut self) -> Result<Answer> {
        self.buffer.clear();
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.read_more().await?;
        };
        let text = std::str::from_utf8(self.buffer.get(..head).unwrap_or_default())?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.get(9..12)).context("find the status")?.parse()?;
        let (mut length, mut dpop_nonce, mut location) = (None, None, None);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = Some(value.trim().parse::<usize>()?),
                "dpop-nonce" => dpop_nonce = Some(value.trim().to_owned()),
                "location" => location = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        // An answer without content need not say how long it is.
        let length = length.or((status == 204).then_some(0));
        let end = head + length.context("find the content-length")?;
        while self.buffer.len() < end {
            self.read_more().await?;
        }
        let body = self.buffer.get(head..end).unwrap_or_default().to_vec();
        Ok(Answer { status, dpop_nonce, location, body })
    }

    async fn read_more(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the issuer closed the connection");
        }
        Ok(())
    }
}
